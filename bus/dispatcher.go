package bus

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// taken is a message that this process took and answers for.
type taken struct {
	msg      *nats.Msg
	delivery Delivery
	source   *source
	id       takenID
}

// takenID tells deliveries of one message from another's. The time is there because a stream
// that was deleted counts from one again.
type takenID struct {
	source   *source
	sequence uint64
	time     int64
}

// size is what a message takes in memory; what has no data is small.
func (h *taken) size() int {
	const rest = 1 << 10
	return len(h.delivery.Data) + rest
}

// load is how much of a source is taken, or may be.
type load struct{ messages, bytes int }

// lingerRedelivered is how long a message that comes again waits for its key's others,
// which the server sends right behind it.
const lingerRedelivered = 50 * time.Millisecond

// keyState is a key with messages: waiting ones, and those a worker has.
type keyState struct {
	waiting []*taken
	running []*taken
	since   time.Time // when a worker took the running ones
	queued  bool      // in ready, or about to be
}

// dispatcher orders messages by key: a key is with at most one worker.
type dispatcher struct {
	ready chan string // keys a worker may take; each at most once, so it never fills

	mu     sync.Mutex // guards these:
	keys   map[string]*keyState
	taken  map[takenID]*taken
	loads  map[*source]load
	closed bool
}

func newDispatcher(capacity int) *dispatcher {
	return &dispatcher{
		ready: make(chan string, capacity),
		keys:  map[string]*keyState{},
		taken: map[takenID]*taken{},
		loads: map[*source]load{},
	}
}

// add takes a message in. Of one that is here already only the newer handle is kept.
func (d *dispatcher) add(key string, h *taken) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, ok := d.taken[h.id]; ok {
		old.msg = h.msg
		return
	}

	d.taken[h.id] = h
	d.count(h, 1)
	k := d.keys[key]
	if k == nil {
		k = &keyState{}
		d.keys[key] = k
	}
	k.waiting = append(k.waiting, h)

	// One turn for a key at a time keeps its messages in order.
	if k.queued || len(k.running) > 0 || d.closed {
		return
	}
	k.queued = true

	if h.delivery.Attempts > 1 {
		time.AfterFunc(lingerRedelivered, func() { d.ready <- key })
		return
	}
	d.ready <- key
}

// take gives all that waits for a key to the caller, oldest first.
func (d *dispatcher) take(key string) []*taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.keys[key]
	if k == nil || d.closed {
		return nil
	}
	k.queued = false
	k.running = k.waiting
	k.waiting = nil
	k.since = time.Now()
	slices.SortStableFunc(k.running, func(a, b *taken) int {
		return cmp.Compare(a.delivery.Sequence, b.delivery.Sequence)
	})
	return k.running
}

// running returns a key's messages that are with a worker, with their newest handles.
func (d *dispatcher) running(key string) []taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]taken, len(d.keys[key].running))
	for i, h := range d.keys[key].running {
		out[i] = *h
	}
	return out
}

// finish lets go of the messages a worker had; what came meanwhile is next.
func (d *dispatcher) finish(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.keys[key]
	for _, h := range k.running {
		delete(d.taken, h.id)
		d.count(h, -1)
	}
	k.running = nil
	if len(k.waiting) == 0 {
		delete(d.keys, key)
		return
	}
	if !d.closed {
		k.queued = true
		d.ready <- key
	}
}

// count adds a message to its source's load, or takes it off.
func (d *dispatcher) count(h *taken, n int) {
	l := d.loads[h.source]
	d.loads[h.source] = load{l.messages + n, l.bytes + n*h.size()}
}

// load returns how much of a source is taken.
func (d *dispatcher) load(s *source) load {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loads[s]
}

// longest is how long a worker has had its key, of those that had it longest.
func (d *dispatcher) longest() (t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, k := range d.keys {
		if len(k.running) > 0 {
			t = max(t, time.Since(k.since))
		}
	}
	return t
}

// messages returns all that is taken.
func (d *dispatcher) messages() []*nats.Msg {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*nats.Msg, 0, len(d.taken))
	for _, h := range d.taken {
		out = append(out, h.msg)
	}
	return out
}

// close ends the dispatcher and returns what was waiting.
func (d *dispatcher) close() []*taken {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	var out []*taken
	for _, k := range d.keys {
		out = append(out, k.waiting...)
	}
	return out
}
