package syncer

import (
	"sync"
	"time"

	"github.com/crmmind/mksync/mapping/store"
)

// A write without an answer is waited for until it can no longer take effect. No
// single clock decides when that is, for a clock can be put forward or back: the
// database's and this machine's have to agree that the time has passed, or this
// process has to have watched the intent for as long.

// open reports whether the write that an intent tells of may still take effect.
func (k *task) open(contactID string, in *store.Intent) bool {
	full := in.Deadline.Sub(in.SentAt)
	if time.Since(k.watch.first(contactID, in.SentAt)) >= full {
		return false
	}
	return k.now().Before(in.Deadline) || time.Now().Before(in.SentHere.Add(full))
}

// intentWatch remembers since when this process knows of intents, by a clock that
// only runs on.
type intentWatch struct {
	mu   sync.Mutex
	seen map[string]firstSight // by contact
}

type firstSight struct{ sent, seen time.Time }

// mostWatched bounds the memory. What is forgotten is watched anew, if it is still
// waited for.
const mostWatched = 10_000

// first is when this process first saw a contact's intent.
func (w *intentWatch) first(contactID string, sent time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, known := w.seen[contactID]; known && s.sent.Equal(sent) {
		return s.seen
	}
	if w.seen == nil || len(w.seen) >= mostWatched {
		w.seen = map[string]firstSight{}
	}
	now := time.Now()
	w.seen[contactID] = firstSight{sent: sent, seen: now}
	return now
}
