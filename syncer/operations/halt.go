package operations

import (
	"context"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// SendingRequest stops sending to MetaKocka, in every process, or lets it go on; a reason
// may be given.
type SendingRequest struct {
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

// Sending says whether anything is sent to MetaKocka.
type Sending struct {
	Paused bool       `json:"paused"`
	Since  *time.Time `json:"since"` // of a pause; null: there is none
	By     string     `json:"by"`
	Reason string     `json:"reason"`
}

// HaltStore keeps a person's pause of sending.
type HaltStore interface {
	Halt(ctx context.Context, by, reason string) (store.Halt, error)
	Resume(ctx context.Context, by, reason string) (was bool, err error)
}

// Pause stops sending until Resume. What is under way comes to its end; events wait, and
// nothing is lost. One that is there already stays as it was.
func (a *API) Pause(ctx context.Context, r SendingRequest) (s Sending, err error) {
	if err := checkReason(r.Reason, false); err != nil {
		return s, err
	}
	h, err := a.records.Halt(ctx, r.By, strings.TrimSpace(r.Reason))
	return Sending{Paused: err == nil, Since: known(h.Since), By: h.By, Reason: h.Reason}, err
}

// Resume lets sending go on.
func (a *API) Resume(ctx context.Context, r SendingRequest) (s Sending, err error) {
	if err := checkReason(r.Reason, false); err != nil {
		return s, err
	}
	was, err := a.records.Resume(ctx, r.By, strings.TrimSpace(r.Reason))
	if err == nil && !was {
		err = syncer.Refuse(syncer.CodeConflict, "sending.goes_on", "sending is not paused by a person")
	}
	return s, err
}
