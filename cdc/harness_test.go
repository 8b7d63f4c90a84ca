package cdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const patience = 15 * time.Second

// record is an event with everything copied.
type record struct {
	Op            Op
	Key, OldKey   string
	Before, After map[string]string // nil: no row; NULL is "<null>", unchanged "<unchanged>"
	Pos           Position
	XID           uint32
	At            time.Time
}

func (r record) String() string {
	return fmt.Sprintf("%s %s %s before=%v after=%v", r.Pos, r.Op, r.Key, r.Before, r.After)
}

func copyRow(r *Row) map[string]string {
	if r == nil {
		return nil
	}
	m := make(map[string]string, len(r.Columns))
	for i, c := range r.Columns {
		m[c.Name] = [...]string{Null: "<null>", Text: string(r.Values[i].Text), Unchanged: "<unchanged>"}[r.Values[i].Kind]
	}
	return m
}

// memorySink keeps events. What is durable is up to the test: all (the default)
// or the first hold of all events ever stored.
type memorySink struct {
	mu     sync.Mutex
	events []record
	system string
	hold   int // -1: everything is durable
	base   int // events before the last Last
	lasts  int // calls of Last
	failed error

	onPublish func(*Event) error // set before the listener starts, or while nothing is published
}

func newMemorySink() *memorySink { return &memorySink{hold: -1} }

func (s *memorySink) Last(context.Context) (Last, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lasts++
	s.failed = nil
	if s.hold >= 0 && s.hold < len(s.events) {
		s.events = s.events[:s.hold] // what was not stored is gone
	}
	s.base = len(s.events)
	if s.base == 0 {
		return Last{}, nil
	}
	return Last{Found: true, SystemID: s.system, Pos: s.events[s.base-1].Pos}, nil
}

func (s *memorySink) Publish(_ context.Context, ev *Event) error {
	if s.onPublish != nil {
		if err := s.onPublish(ev); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.system = ev.SystemID
	s.events = append(s.events, record{ev.Op, ev.Key, ev.OldKey, copyRow(ev.Before), copyRow(ev.After), ev.Pos, ev.XID, ev.CommitTime})
	return nil
}

func (s *memorySink) Durable() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.events)
	if s.hold >= 0 {
		n = min(n, s.hold)
	}
	return uint64(max(n-s.base, 0))
}

func (s *memorySink) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *memorySink) set(f func(*memorySink)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *memorySink) all() []record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]record(nil), s.events...)
}

func (s *memorySink) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

// memoryStore keeps the state.
type memoryStore struct {
	mu    sync.Mutex
	state State
	found bool

	failing int // so many times Save fails
}

func (m *memoryStore) Load(context.Context) (State, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.found, nil
}

func (m *memoryStore) Save(_ context.Context, s State) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failing > 0 {
		m.failing--
		return errors.New("broken store")
	}
	m.state, m.found = s, true
	return nil
}

func (m *memoryStore) get() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

func (m *memoryStore) change(f func(*State)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.state)
}

// rig is a database with a table, a sink and a listener for it.
type rig struct {
	t     testing.TB
	url   string
	cfg   Config
	sink  *memorySink
	store *memoryStore
	db    *pgx.Conn
}

const itemsTable = `CREATE TABLE public.items (id int PRIMARY KEY, name text, notes text); ALTER TABLE public.items ALTER notes SET STORAGE EXTERNAL`

func newRig(t testing.TB, ddl ...string) *rig {
	t.Helper()
	return newRigAt(t, testenv.DB(t), ddl...)
}

func newRigAt(t testing.TB, url string, ddl ...string) *rig {
	t.Helper()
	name := testenv.SlotName(t)
	r := &rig{t: t, url: url, sink: newMemorySink(), store: &memoryStore{}, cfg: Config{
		DatabaseURL: url, Table: "public.items", Slot: name, Publication: name,
		StatusInterval: 25 * time.Millisecond, PositionInterval: 25 * time.Millisecond, BackoffMin: 20 * time.Millisecond, BackoffMax: 200 * time.Millisecond,
	}}
	r.db = r.open()
	if ddl == nil {
		ddl = []string{itemsTable}
	}
	for _, sql := range ddl {
		r.exec(sql)
	}
	return r
}

func (r *rig) open() *pgx.Conn {
	r.t.Helper()
	c, err := pgx.Connect(waits.Context(r.t, patience), r.url)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.db.Exec(context.Background(), sql, args...)
	require.NoError(r.t, err)
}

func (r *rig) query(into any, sql string, args ...any) {
	r.t.Helper()
	require.NoError(r.t, r.db.QueryRow(context.Background(), sql, args...).Scan(into))
}

// running is a listener at work.
type running struct {
	*Listener
	t      testing.TB
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

func (r *rig) start() *running {
	r.t.Helper()
	return r.startWith(r.sink)
}

func (r *rig) startWith(sink Sink) *running {
	r.t.Helper()
	l, err := New(r.cfg, sink, r.store, slog.New(slog.NewTextHandler(testLog{r.t}, nil)))
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	run := &running{Listener: l, t: r.t, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(run.done)
		run.err = l.Run(ctx)
	}()
	r.t.Cleanup(run.end)
	return run
}

func (r *running) end() {
	r.cancel()
	<-r.done
}

func (r *running) stop() {
	r.t.Helper()
	r.end()
	require.NoError(r.t, r.err)
	require.Equal(r.t, StateStopped, r.Status().State)
}

func (r *running) failure() error {
	r.t.Helper()
	if _, ended := waits.Within(patience, r.done); !ended {
		require.FailNow(r.t, "listener goes on", "%+v", r.Status())
	}
	return r.err
}

func (r *running) await(state string) {
	r.t.Helper()
	testenv.Eventually(r.t, patience, func() error {
		if s := r.Status(); s.State != state {
			return fmt.Errorf("state is %+v", s)
		}
		return nil
	})
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// startStreaming starts a listener and waits for it to stream.
func (r *rig) startStreaming() *running {
	r.t.Helper()
	run := r.start()
	run.await(StateStreaming)
	return run
}

// events waits for n events.
func (r *rig) events(n int) []record {
	r.t.Helper()
	testenv.Eventually(r.t, patience, func() error {
		if got := r.sink.count(); got < n {
			return fmt.Errorf("%d of %d events", got, n)
		}
		return nil
	})
	all := r.sink.all()
	require.Len(r.t, all, n)
	return all
}

// confirmed is the slot's confirmed LSN.
func (r *rig) confirmed() LSN {
	r.t.Helper()
	lsn, err := r.tryConfirmed()
	require.NoError(r.t, err)
	return lsn
}

func (r *rig) tryConfirmed() (lsn LSN, err error) {
	var text string
	err = r.db.QueryRow(context.Background(),
		"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1", r.cfg.Slot).Scan(&text)
	return lsn, errors.Join(err, lsn.Scan(text))
}

// walEnd is the server's log at this moment.
func (r *rig) walEnd() (lsn LSN) {
	r.t.Helper()
	var text string
	r.query(&text, "SELECT pg_current_wal_lsn()::text")
	require.NoError(r.t, lsn.Scan(text))
	return lsn
}

func (r *rig) awaitConfirmed(lsn LSN) {
	r.t.Helper()
	testenv.Eventually(r.t, patience, func() error {
		got, err := r.tryConfirmed()
		if err == nil && got < lsn {
			err = fmt.Errorf("confirmed is %s, want %s", got, lsn)
		}
		return err
	})
}

func (r *rig) requireOrdered() {
	r.t.Helper()
	all := r.sink.all()
	for i := 1; i < len(all); i++ {
		require.Negative(r.t, all[i-1].Pos.Compare(all[i].Pos), "%s before %s", all[i-1], all[i])
	}
}
