package syncer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// When the two sides changed a field is told by the events of either: by the first of
// the last ones in a row that hold the value of that field as it is now. A time of the
// contact or the partner as a whole would be that of a later change of something else.

// valueAt is what an event says of one field: the value, and when it came about at the
// latest and at the earliest.
type valueAt struct {
	value         string
	after, before time.Time
}

// since finds the first of the last values in a row that are this one; false: the
// newest is another, or there is none.
func since(f mapping.Field, value string, all []valueAt) (valueAt, bool) {
	var first valueAt
	holds := false
	for _, v := range all {
		switch same := mapping.Equal(f, v.value, value); {
		case same && !holds:
			first, holds = v, true
		case !same:
			holds = false
		}
	}
	return first, holds
}

// times tells when each side changed the fields of the conflicts. An event of the
// contact that must be on its way is waited for (eventDueError).
func (k *task) times(ctx context.Context, got mapping.Contact, conflicts []mapping.Conflict) (map[mapping.Field]mapping.Times, error) {
	contact, err := k.contactPast(ctx)
	if err != nil {
		return nil, err
	}

	partner, err := k.partnerPast(ctx)
	if err != nil {
		return nil, err
	}

	times := map[mapping.Field]mapping.Times{}
	for _, c := range conflicts {
		t := k.partnerTimes(c.Field, got.Get(c.Field), partner[c.Field])

		at, told := since(c.Field, c.CRM, contact[c.Field])
		switch {
		case k.t.Cause == CauseReplay: // an old event may tell of what was restored since
			if at.before = k.st.UpdatedAt; at.before.IsZero() {
				at.before = k.t.CRMChangedAt
			}
		case !told && c.Rule == mapping.RuleNewest && !k.waited && !k.link.LastSyncedAt.IsZero():
			return nil, &eventDueError{field: c.Field, value: c.CRM}
		}

		t.CRM = at.before
		times[c.Field] = t.Until(k.now())
	}
	return times, nil
}

// partnerTimes is the interval in which the partner changed a field: not before it was
// last known to hold its base, a poll saw another value, or the poll before the one
// that saw it began; and not after a poll had seen it.
func (k *task) partnerTimes(f mapping.Field, now string, past []valueAt) mapping.Times {
	t := mapping.Times{PartnerAfter: k.link.PartnerObservedAt, PartnerBefore: k.now()}
	lower := k.st.SweptAt
	seen := k.st.Observed
	var last metakocka.Partner
	if seen == nil || json.Unmarshal(seen.Data, &last) != nil {
		return t
	}
	if held := k.reads(last).contact; mapping.Equal(f, held.Get(f), now) {
		first, _ := since(f, now, past)
		lower = first.after
		t.PartnerBefore = seen.ObservedAt
	}
	t = t.Until(k.now())
	if lower.After(t.PartnerAfter) && lower.Before(t.PartnerBefore) {
		t.PartnerAfter = lower
	}
	return t
}

// contactPast is what the contact's events tell of its fields, oldest first.
func (k *task) contactPast(ctx context.Context) (map[mapping.Field][]valueAt, error) {
	return k.contactEvents(ctx, k.id)
}

func (r *Reconciler) contactEvents(ctx context.Context, id string) (map[mapping.Field][]valueAt, error) {
	past := map[mapping.Field][]valueAt{}
	err := r.past.Contact(ctx, id, func(row map[string]any, committed time.Time) {
		contact, fields := r.links.FromRow(row)
		for _, f := range fields {
			past[f] = append(past[f], valueAt{value: contact.Get(f), before: committed})
		}
	})
	return past, toldWhen(err)
}

// partnerPast is what the partner's events tell of its fields, oldest first.
func (k *task) partnerPast(ctx context.Context) (map[mapping.Field][]valueAt, error) {
	past := map[mapping.Field][]valueAt{}
	err := k.past.Partner(ctx, k.link.MetaKockaID, func(seen metakocka.Partner, after time.Time) {
		c := k.reads(seen).contact
		for _, f := range mapping.Fields() {
			past[f] = append(past[f], valueAt{value: c.Get(f), after: after})
		}
	})
	return past, toldWhen(err)
}

func toldWhen(err error) error {
	if err != nil {
		return fmt.Errorf("read when the sides changed: %w", err)
	}
	return nil
}

// eventDueError says that the contact holds a value that no event tells of yet: one must be
// on its way.
type eventDueError struct {
	field mapping.Field
	value string
}

func (e *eventDueError) Error() string {
	return fmt.Sprintf("the event that tells when %s was changed is not there yet", e.field)
}

// dueEvent is the event that err says is due; nil: none.
func dueEvent(err error) *eventDueError {
	var due *eventDueError
	errors.As(err, &due)
	return due
}

// await waits a moment for an event of the contact that is due.
func (r *Reconciler) await(ctx context.Context, id string, due *eventDueError) {
	deadline := time.Now().Add(r.cfg.EventWait)
	looks := Backoff{First: 20 * time.Millisecond, Most: 200 * time.Millisecond}
	for time.Now().Before(deadline) {
		past, err := r.contactEvents(ctx, id)
		if _, told := since(due.field, due.value, past[due.field]); told || err != nil || looks.Pause(ctx) != nil {
			return
		}
	}
}
