package syncer

import (
	"context"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// reject stores why this contact cannot be brought over, and when it is tried again by
// itself. A tombstone stays one: what was retired is no base to merge by.
func (k *task) reject(ctx context.Context, reason coded.Text) error {
	if k.link.LastError.String() != reason.String() {
		k.link.Retries = 0 // it is about something else by now
	}
	if k.link.Status != store.StatusDeleted {
		k.link.Status = store.StatusError
	}
	k.link.LastError = reason
	k.link.RetryAt = k.now().Add(retryAfter(k.link.Retries))

	if err := k.save(ctx, store.Change{}); err != nil {
		return err
	}
	return &RejectError{reason}
}

// The first try by itself comes soon, for MetaKocka refuses every call now and then, and
// what it says does not tell. Each further one comes three times as late, and at least one
// a day: whoever corrects the cause in MetaKocka or in another row need not know whom it
// kept back.
const (
	firstRetry = 5 * time.Second
	retryTimes = 3
	lastRetry  = 24 * time.Hour
)

// retryAfter is how long a contact rests that was tried again so often.
func retryAfter(retries int) time.Duration {
	wait := firstRetry
	for range retries {
		if wait *= retryTimes; wait >= lastRetry {
			return lastRetry
		}
	}
	return wait
}
