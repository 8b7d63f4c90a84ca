package syncer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/crmmind/mksync/mapping"
)

// Notes and a website have no documented attribute: whether they are kept is a fact
// about the installation, not about a contact. What it is seen to drop is not sent to
// it, makes no link partial and costs no call, and is tried again once a day.

// UnkeptKey is where is remembered what the installation does not keep.
const UnkeptKey = "unkept"

// keptLately is for how long a field that was seen to be kept is an ordinary one: where a
// partner lacks it, or a write with it is refused, that is about this partner, or about every
// write. What ends and begins in between would say that the installation does not keep it.
const keptLately = 10 * time.Minute

// retryUnkept is how long a field that was dropped is not tried again.
const retryUnkept = 24 * time.Hour

// Unkept is what the installation does not keep.
type Unkept struct {
	// Since is when a field was last seen to be dropped, by the service's clock.
	Since map[mapping.Field]time.Time `json:"since"`
	// Kept counts how often a field that had been dropped was kept after all.
	Kept int `json:"kept"`
}

// Fields are what is not kept, in their order.
func (u Unkept) Fields() []mapping.Field {
	return slices.DeleteFunc(mapping.Fields(), func(f mapping.Field) bool {
		_, dropped := u.Since[f]
		return !dropped
	})
}

// unkept knows it.
type unkept struct {
	states States
	log    *slog.Logger

	mu    sync.Mutex
	known Unkept
	kept  map[mapping.Field]time.Time // when a field was last seen to be kept
}

// Recall reads what was found out about the installation before.
func (r *Reconciler) Recall(ctx context.Context) error {
	u := &r.unkept
	u.mu.Lock()
	defer u.mu.Unlock()
	_, err := u.states.LoadState(ctx, UnkeptKey, &u.known)
	return err
}

// free are the fields without a documented attribute.
func free(f mapping.Field) bool { return f == mapping.FieldNotes || f == mapping.FieldWebsite }

// drops reports whether the field is not sent, because it would be dropped.
func (u *unkept) drops(f mapping.Field) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	since, dropped := u.known.Since[f]
	age := time.Since(since)
	return dropped && age >= 0 && age < retryUnkept
}

// keeps reports whether the field was seen to be kept a short while ago.
func (u *unkept) keeps(f mapping.Field) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.keptNow(f)
}

func (u *unkept) keptNow(f mapping.Field) bool {
	at, seen := u.kept[f]
	return seen && time.Since(at) < keptLately
}

// terms tell one state of what is known from another where values are to be sent that
// were not.
func (u *unkept) terms() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.known.Kept
}

// saw learns from what became of a value that was sent. That a partner holds one says
// nothing: it may have been typed in the ERP's own screens.
func (u *unkept) saw(ctx context.Context, f mapping.Field, kept bool) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, dropped := u.known.Since[f]
	if kept && free(f) {
		u.kept[f] = time.Now()
	}
	if !free(f) || kept && !dropped || !kept && u.keptNow(f) {
		return nil
	}

	next := Unkept{Since: maps.Clone(u.known.Since), Kept: u.known.Kept}

	if kept {
		delete(next.Since, f)
		next.Kept++
		u.log.Info("MetaKocka keeps the field after all: it is sent again", "field", f)
	} else {
		if next.Since == nil {
			next.Since = map[mapping.Field]time.Time{}
		}
		next.Since[f] = time.Now()
		if !dropped {
			u.log.Info("MetaKocka does not keep the field: it is not sent, and tried again once a day", "field", f)
		}
	}

	if err := u.states.SaveState(ctx, UnkeptKey, next); err != nil {
		return err
	}
	u.known = next
	return nil
}

// Policy is a field's policy that sends nothing that is not kept.
func (u *unkept) policy(f mapping.Field, p mapping.FieldPolicy) mapping.FieldPolicy {
	switch {
	case !free(f) || !u.drops(f):
	case p.Direction == mapping.DirectionBoth:
		p.Direction = mapping.DirectionToCRM
	case p.Direction == mapping.DirectionToMetaKocka:
		p.Direction = mapping.DirectionOff
	}
	return p
}

// Terms are on what contacts are synced: the fields' directions, and how often it was
// found that MetaKocka keeps a field after all.
func (r *Reconciler) Terms() string {
	directions := map[mapping.Field]mapping.Direction{}
	for _, f := range mapping.Fields() {
		directions[f] = r.cfg.Policy.For(f).Direction
	}
	return fmt.Sprint(directions, " ", r.unkept.terms())
}
