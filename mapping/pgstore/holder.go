package pgstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/pgsession"
)

// holder has all session locks of this process on one connection of the pool, from the
// first that is taken until the last is given back. Postgres keeps other processes off;
// that one goroutine of this one has a lock is what owned says, for a session gets its own
// locks again.
type holder struct {
	store *Store
	woken chan struct{} // of capacity one: there is something new

	mu      sync.Mutex
	running bool
	owned   map[string]chan struct{} // by a goroutine of this process; closed when it gives the lock back
	asked   []*request               // for the next round
	freed   []string                 // to be given back to Postgres in it
	life    *life                    // nil: there is no connection
	lost    pgsession.Backend        // of the last one that was lost
}

// life is what locks last: one connection, from when it is taken until it is lost.
type life struct {
	conn    *ownConn
	backend pgsession.Backend
	proof   int64         // a lock that nobody else wants: who finds it free knows that this life is over
	lost    chan struct{} // closed when the connection is lost
	why     error         // set before
}

// request is for locks, and for what is to be read once they are held.
type request struct {
	names []string
	read  func(*pgx.Batch)
	taken []string // those that were free
	life  *life
	err   error
	done  chan struct{}
}

const (
	lockLook    = 5 * time.Second  // how often the connection is looked at
	lockAnswers = 15 * time.Second // how long it may take to answer, after which it is lost
	linger      = handOver / 8     // how long what was given back waits for a request to go with
)

func newHolder(s *Store) *holder {
	return &holder{store: s, woken: make(chan struct{}, 1), owned: map[string]chan struct{}{}}
}

// take waits until the locks are held, or ctx ends, and looks again after most at the
// latest. Read (or nil) queues what is read behind them, in the same round trip.
func (h *holder) take(ctx context.Context, most time.Duration, names []string, read func(*pgx.Batch)) (*locks, error) {
	for pause := handOver / 10; ; pause = min(pause*3/2, most) {
		got, free, err := h.try(ctx, names, read)
		if got != nil || err != nil {
			return got, err
		}
		if err := rest(ctx, pause, free); err != nil {
			return nil, err
		}
	}
}

// try takes all of the locks, or none, so that two who want several never wait for each
// other. Where another goroutine of this process has one, free is closed behind it.
func (h *holder) try(ctx context.Context, names []string, read func(*pgx.Batch)) (got *locks, free <-chan struct{}, err error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	r := &request{names: names, read: read, done: make(chan struct{})}
	if free := h.ask(r); free != nil {
		return nil, free, nil
	}

	select {
	case <-r.done:
	case <-ctx.Done():
		go func() { <-r.done; h.giveBack(r.life, names, r.taken) }()
		return nil, nil, ctx.Err()
	}

	if r.err != nil || len(r.taken) < len(names) {
		h.giveBack(r.life, names, r.taken)
		return nil, nil, r.err
	}
	return &locks{r.life, h, names}, nil, nil
}

// ask puts a request into the next round, unless somebody here has one of its locks.
func (h *holder) ask(r *request) (free <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range r.names {
		if free, taken := h.owned[name]; taken {
			return free
		}
	}
	for _, name := range r.names {
		h.owned[name] = make(chan struct{})
	}
	h.asked = append(h.asked, r)
	if !h.running {
		h.running = true
		go h.run()
	}
	h.wake()
	return nil
}

// giveBack ends what a request began; taken are those of its locks that it got.
func (h *holder) giveBack(l *life, names, taken []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		close(h.owned[name])
		delete(h.owned, name)
	}
	if l == h.life { // else they are lost
		h.freed = append(h.freed, taken...)
	}
	h.wake()
}

func (h *holder) wake() {
	select {
	case h.woken <- struct{}{}:
	default: // it is to wake up already
	}
}

// run goes round as long as a lock is wanted or held: at once where one is asked for.
// What was given back goes with the next request, where that comes soon.
func (h *holder) run() {
	for {
		h.mu.Lock()
		pause := lockLook
		switch {
		case len(h.asked) > 0:
			pause = 0
		case len(h.freed) > 0 || len(h.owned) == 0:
			pause = linger
		}
		h.mu.Unlock()

		if pause > 0 && h.wokenWithin(pause) {
			continue
		}
		if !h.round() {
			return
		}
	}
}

func (h *holder) wokenWithin(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-h.woken:
		return true
	case <-t.C:
		return false
	}
}

// round gives back what was given back, and asks for all that is asked for, in one round
// trip. Where nothing is held it gives the connection back, and going is false.
func (h *holder) round() (going bool) {
	h.mu.Lock()
	asked, freed, l := h.asked, h.freed, h.life
	h.asked, h.freed = nil, nil
	if len(h.owned) == 0 {
		h.running = false
		h.life = nil
	}
	going = h.running
	h.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), lockAnswers)
	defer cancel()
	switch {
	case !going && l != nil:
		l.end()
	case going && (l != nil || len(asked) > 0):
		h.serve(ctx, l, asked, freed)
	}
	for _, r := range asked {
		close(r.done)
	}
	return going
}

func (h *holder) serve(ctx context.Context, l *life, asked []*request, freed []string) {
	var err error
	if l == nil {
		l, err = h.begin(ctx)
	}
	if err == nil {
		freed, err = l.ask(ctx, asked, freed)
	}
	// One that is no text for the database, or whose read fails, must not spoil the others.
	// What those behind it were given in the batch was not read, so each gives back all first.
	for _, r := range asked {
		if r.life, r.err = l, err; err != nil && len(asked) > 1 && l.alive() {
			var left []string
			if left, r.err = l.ask(ctx, []*request{r}, slices.Concat(freed, r.names)); left == nil {
				freed = nil
			}
		}
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	if l.alive() {
		h.life = l
		h.freed = append(h.freed, freed...)
		return
	}
	h.life = nil
	h.freed = nil
	if l != nil {
		l.why = err
		h.lost = l.backend
		close(l.lost)
		l.conn.Release()
	}
}

// begin begins a life, and ends what the server keeps of one that was lost.
func (h *holder) begin(ctx context.Context) (*life, error) {
	l, err := h.store.begin(ctx)
	if err != nil {
		return nil, err
	}
	lost := h.lost
	h.lost = pgsession.Backend{} // tried once: what may not be ended ends by itself
	if l.backend, err = pgsession.EndLost(ctx, l.conn.Conn().PgConn(), lost); err != nil {
		l.end()
		return nil, err
	}
	return l, nil
}

// begin takes a connection and shows that the tables are in use, and where the life ends.
func (s *Store) begin(ctx context.Context) (*life, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach the CRM's database: %w", err)
	}
	l := &life{conn: conn, proof: rand.Int64(), lost: make(chan struct{})}
	var free bool
	var tables uint32
	err = conn.QueryRow(ctx, beginSQL, s.lockName(aloneLock, running), l.proof).Scan(&free, &tables)
	switch {
	case err != nil:
	case !free || tables == 0:
		err = ErrBeingMoved
	case tables != s.tables:
		err = ErrTablesReplaced
	}
	if err != nil {
		l.end()
		return nil, fmt.Errorf("keep mksync's tables: %w", err)
	}
	return l, nil
}

// ask gives back what is freed, and tries to take what is asked for. What it could not
// give back is left.
func (l *life) ask(ctx context.Context, asked []*request, freed []string) (left []string, err error) {
	b := &pgx.Batch{}
	b.Queue(unlockSQL, freed).Exec(func(pgconn.CommandTag) error { freed = nil; return nil })
	for _, r := range asked {
		r.taken = nil
		b.Queue(tryLocksSQL, r.names).QueryRow(func(row pgx.Row) error { return row.Scan(&r.taken) })
		if r.read != nil {
			r.read(b)
		}
	}
	err = l.conn.SendBatch(ctx, b).Close()
	return freed, err
}

func (l *life) alive() bool { return l != nil && !l.conn.Conn().IsClosed() }

// end gives the connection back without a lock.
func (l *life) end() {
	release(l.conn)
	l.conn.Release()
}
