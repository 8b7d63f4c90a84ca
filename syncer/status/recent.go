package status

import (
	"sync"
	"time"
)

// recentMinutes is how far back a Recent tells.
const recentMinutes = 60

// Recent is what this process did in each of the last sixty minutes, for a person who
// looks; whoever keeps figures for longer reads the metrics. Note is called by whoever
// counts, Minutes by whoever shows; both by many goroutines at once. It is in memory
// alone, and of this process alone: where the roles are in several, each knows its part.
type Recent struct {
	mu      sync.Mutex
	minutes [recentMinutes]Minute // by minute since 1970, modulo their number
}

// Minute is what was done in one minute.
type Minute struct {
	At          time.Time // when it began, by this machine's clock
	ToMetaKocka int       // writes to partners, creations included
	ToCRM       int       // writes to contacts
	// CommitToMetaKocka is from a contact's commit until MetaKocka had it, and
	// MetaKockaToCRM from when the poll began that saw the change until the contact had it.
	CommitToMetaKocka, MetaKockaToCRM Figure
	Calls                             Figure // of MetaKocka, each with how long its answer took
	LockWait                          Figure // of these, in MetaKocka for the company's lock
}

// Figure is how often something was timed, how long it took together, and at most.
type Figure struct {
	Count     int
	Sum, Most time.Duration
}

// Add counts one more.
func (f *Figure) Add(d time.Duration) {
	f.Count++
	f.Sum += d
	f.Most = max(f.Most, d)
}

// Mean is how long one took on average; 0: there was none.
func (f Figure) Mean() time.Duration {
	if f.Count == 0 {
		return 0
	}
	return f.Sum / time.Duration(f.Count)
}

// Note changes the figures of the minute that now is in.
func (r *Recent) Note(now time.Time, add func(m *Minute)) {
	at := now.Truncate(time.Minute)
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.of(at)
	if !m.At.Equal(at) {
		*m = Minute{At: at}
	}
	add(m)
}

// Minutes are the last sixty, oldest first; the last one is not over. One in which nothing
// was done is there as well.
func (r *Recent) Minutes(now time.Time) []Minute {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Minute, recentMinutes)
	for i := range all {
		at := now.Truncate(time.Minute).Add(time.Duration(i-recentMinutes+1) * time.Minute)
		all[i] = Minute{At: at}
		if m := r.of(at); m.At.Equal(at) {
			all[i] = *m
		}
	}
	return all
}

func (r *Recent) of(at time.Time) *Minute {
	return &r.minutes[at.Unix()/60%recentMinutes]
}
