package operations

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/event"
)

// TellJobs returns a store that tells how a job stands, without its result,
// whenever a change of it was stored here. What another process stores is told
// there. Nothing waits for tell and nobody learns of a change that it missed:
// who has to know looks from time to time, too.
func TellJobs(store JobStore, tell func(Job)) JobStore { return toldJobs{store, tell} }

type toldJobs struct {
	JobStore
	tell func(Job)
}

// changed tells how a job stands now.
func (s toldJobs) changed(ctx context.Context, id string) {
	j, err := s.Job(ctx, id)
	if err != nil || j == nil {
		return
	}
	told := jobOf(*j)
	told.Result = nil
	s.tell(told)
}

// AddJob implements JobStore.
func (s toldJobs) AddJob(ctx context.Context, operation string, request json.RawMessage, by string) (store.Job, error) {
	j, err := s.JobStore.AddJob(ctx, operation, request, by)
	if err == nil {
		s.changed(ctx, j.ID)
	}
	return j, err
}

// TakeJob implements JobStore.
func (s toldJobs) TakeJob(ctx context.Context, id string) (*store.Job, error) {
	j, err := s.JobStore.TakeJob(ctx, id)
	if err == nil && j != nil {
		s.changed(ctx, j.ID)
	}
	return j, err
}

// SaveJob implements JobStore.
func (s toldJobs) SaveJob(ctx context.Context, j store.Job, items []store.JobItem) (going bool, err error) {
	going, err = s.JobStore.SaveJob(ctx, j, items)
	if err == nil {
		s.changed(ctx, j.ID)
	}
	return going, err
}

// FinishJob implements JobStore.
func (s toldJobs) FinishJob(ctx context.Context, j store.Job) error {
	err := s.JobStore.FinishJob(ctx, j)
	if err == nil {
		s.changed(ctx, j.ID)
	}
	return err
}

// CancelJob implements JobStore.
func (s toldJobs) CancelJob(ctx context.Context, id, by string) error {
	err := s.JobStore.CancelJob(ctx, id, by)
	if err == nil {
		s.changed(ctx, id)
	}
	return err
}

// Mark names how the job stands: the same everywhere for the same state, another
// for every other. What is worked out from time to time is no part of the state.
func (j Job) Mark() string {
	state := fmt.Sprintf("%s %q %q %d %d %d %q %q", j.Status, j.Doing, j.Paused, j.Total, j.Done, j.Failed, j.Error, j.FinishedBy)
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:8])
}

// JobMessage tells how a job stands, as a CloudEvent.
func JobMessage(j Job, now time.Time) (bus.Message, error) {
	data, err := json.Marshal(j)
	if err != nil {
		return bus.Message{}, fmt.Errorf("write progress of job %s: %w", j.ID, err)
	}
	id := j.ID + "-" + j.Mark()
	return bus.Message{Subject: bus.JobSubject(j.ID), ID: id, Data: data, Header: map[string][]string{
		event.HeaderSpec: {"1.0"}, event.HeaderID: {id}, event.HeaderSource: {"mksync/jobs"}, event.HeaderType: {"mksync.job." + string(j.Status)},
		event.HeaderTime: {now.UTC().Format(time.RFC3339Nano)},
	}}, nil
}
