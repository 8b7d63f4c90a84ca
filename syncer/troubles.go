package syncer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// An error that is neither an outage nor a refusal is tried again, for it may pass.
// One that comes back again and again would be tried for ever at everybody's cost
// and unseen: from the fifth time in a row on, a contact is named as a problem, and
// comes again in minutes only where the error is its own.

// Trouble is work on contacts or partners that fails again and again.
type Trouble struct {
	Count int        // of contacts and partners
	Key   string     // the one that failed last
	Error coded.Text // its last error
}

// How often in a row a key fails before it is trouble, how long it then waits at
// least and at most, and how many keys are remembered.
const (
	troubleAfter = 5
	troubleWait  = time.Minute
	troubleMost  = 5 * time.Minute
	troubleKeys  = 10_000
)

// troubles remembers the keys whose work fails. It is safe for use by many goroutines.
type troubles struct {
	log *slog.Logger

	mu    sync.Mutex // guards these:
	fails map[string]int
	stuck int // keys that failed often enough
	last  Trouble
}

// met notes how a piece of work ended. Of an error that is a key's own again and
// again it returns how long that key is to wait.
func (t *troubles) met(key string, err error) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !troubling(err) {
		if t.fails[key] >= troubleAfter {
			t.stuck--
		}
		delete(t.fails, key)
		return 0
	}

	if t.fails == nil || len(t.fails) >= troubleKeys && t.fails[key] == 0 {
		t.fails = map[string]int{}
		t.stuck = 0
	}
	t.fails[key]++

	n := t.fails[key]
	if n < troubleAfter {
		return 0
	}

	t.last.Key = key
	t.last.Error = coded.Of(err)
	if n == troubleAfter {
		if t.stuck++; t.stuck == 1 { // once: what is about many would fill the log
			t.log.Warn("work on a contact fails again and again; it is tried every few minutes: mksync status", "key", key, "error", err)
		}
	}

	if errors.Is(err, errNotVisible) || errors.Is(err, store.ErrTable) {
		return 0 // it is about all of them, and costs nobody a call
	}
	return min(troubleWait<<min(n-troubleAfter, 3), troubleMost)
}

// troubling: the error is neither an outage, of either system, nor a refusal, and no
// request to come back.
func troubling(err error) bool {
	return err != nil && !reached(err) && !Outage(err) && !errors.Is(err, store.ErrStoreAway) && !errors.Is(err, context.Canceled)
}

// now is what fails again and again.
func (t *troubles) now() Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.last
	last.Count = t.stuck
	return last
}

// Trouble is what this process fails at again and again.
func (r *Reconciler) Trouble() Trouble { return r.troubles.now() }

// Ended notes how work on a contact or partner ended, and tells how long it should rest
// where it fails again and again; 0: not at all.
func (r *Reconciler) Ended(key string, err error) time.Duration { return r.troubles.met(key, err) }
