package syncer

import (
	"context"
	"slices"
	"time"

	"github.com/crmmind/mksync/mapping/store"
)

// How long a worker waits for a transaction to become visible before the event
// is put off, and how often it looks: first at once, then ever less often.
const (
	visibleWait  = time.Second
	visibleFirst = 200 * time.Microsecond
)

// awaitVisible calls read until its snapshot sees all transactions. Postgres
// hands a commit to logical decoding a moment before other sessions see it
// (invariant 2).
func awaitVisible(ctx context.Context, xids []uint32, read func(context.Context) (store.Snapshot, error)) error {
	deadline := time.Now().Add(visibleWait)
	looks := Backoff{First: visibleFirst, Most: visibleWait}
	for {
		snap, err := read(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(xids, func(xid uint32) bool { return !snap.Sees(xid) }) {
			return nil
		}
		if time.Now().After(deadline) {
			return errNotVisible
		}
		if err := looks.Pause(ctx); err != nil {
			return err
		}
	}
}
