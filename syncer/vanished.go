package syncer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A poll that misses an unlikely share of the linked partners is held: rather
// the key or the company is another one. Where they were deleted in MetaKocka, a
// person accepts it, for that many and once.

// errUnlikely: a partner is missing, like too many others.
var errUnlikely = errors.New("too many partners are missing")

// UnlikelyError says that a poll missed too many partners to be believed.
type UnlikelyError struct{ Absent, Linked int }

func (e *UnlikelyError) Error() string {
	return fmt.Sprintf("%d of %d linked partners are missing in MetaKocka, which is unlikely; none is taken for gone: check the company and the key. "+
		"If they were deleted there: mksync partners accept-missing", e.Absent, e.Linked)
}

// acceptanceKey is where a person's acceptance is remembered.
const acceptanceKey = "poller-acceptance"

// acceptance lets a poll miss as many partners, until it is used or a day old.
type acceptance struct {
	Missing int       `json:"missing"`
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`
}

const acceptanceAge = 24 * time.Hour

// heldFor reports whether so many missing partners are not to be believed.
func (p *Poller) heldFor(ctx context.Context, absent, linked int) (bool, error) {
	if !unlikely(absent, linked) {
		return false, nil
	}
	var a acceptance
	if _, err := p.store.LoadState(ctx, acceptanceKey, &a); err != nil {
		return false, err
	}
	now, err := p.store.Now(ctx)
	return absent > a.Missing || now.Sub(a.At) > acceptanceAge, err
}

// forgetAcceptance ends an acceptance once a poll was complete.
func (p *Poller) forgetAcceptance(ctx context.Context) error {
	var a acceptance
	given, err := p.store.LoadState(ctx, acceptanceKey, &a)
	if err != nil || !given || a.Missing == 0 {
		return err
	}
	return p.store.SaveState(ctx, acceptanceKey, acceptance{})
}

// AcceptRequest accepts what the last poll missed.
type AcceptRequest struct {
	By string `json:"by,omitempty"`
}

// Accepted says how many partners the next poll may miss.
type Accepted struct {
	Missing int `json:"missing"`
}

// AcceptMissing lets the next poll take as many partners for gone as the last one
// was held for. What that does to their contacts is the remote delete policy's,
// and the guard's.
func (d *Desk) AcceptMissing(ctx context.Context, r AcceptRequest) (Accepted, error) {
	poll, err := d.records.PollState(ctx)
	if err != nil {
		return Accepted{}, err
	}
	if poll.Held == 0 {
		return Accepted{}, fault(CodeConflict, "no poll is held")
	}
	now, err := d.records.Now(ctx)
	if err != nil {
		return Accepted{}, err
	}
	return Accepted{poll.Held}, d.records.SaveState(ctx, acceptanceKey, acceptance{Missing: poll.Held, At: now, By: r.By})
}
