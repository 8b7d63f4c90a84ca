package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// links is a store in which each reconcile ends as the test says, by contact or partner;
// whatever else it is asked for it lacks.
type links struct {
	syncer.Links

	mu    sync.Mutex         // guards these:
	ends  map[string][]error // one after another; the last one again and again
	asked []string
}

func (l *links) end(key string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, key)
	ends := l.ends[key]
	if len(ends) == 0 {
		return nil
	}
	if len(ends) > 1 {
		l.ends[key] = ends[1:]
	}
	return ends[0]
}

// times is how often a key was asked for.
func (l *links) times(key string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.asked {
		if k == key {
			n++
		}
	}
	return n
}

func (l *links) WithContact(_ context.Context, id string, _ func(store.Session) error) error {
	return l.end(id)
}

func (l *links) Snapshot(context.Context) (store.Snapshot, error) {
	return store.ParseSnapshot("100:100:")
}

func (l *links) MoveLink(_ context.Context, from, to string) error { return l.end(from + " to " + to) }

func (l *links) HoldAll(_ context.Context, reason coded.Text, _ store.Why) (int64, error) {
	return 1, l.end(reason.String())
}

func (l *links) LinkOrIntents(_ context.Context, metakockaID string) (*store.Link, []store.Link, error) {
	return &store.Link{ContactID: "of " + metakockaID, Status: store.StatusSynced}, nil, nil
}

func (l *links) NoteMerge(_ context.Context, m store.ContactMerge, _ store.MergeStatus) (bool, error) {
	return true, l.end(fmt.Sprintf("merge %d is %s", m.ID, m.Status))
}

func reconciler(t *testing.T, l *links) *syncer.Reconciler {
	t.Helper()
	r, err := syncer.NewReconciler(syncer.Config{Policy: mapping.DefaultPolicy()}, l, nil, nil, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return r
}

// states are a database that has seen every partner just now.
type states struct{}

func (states) PollState(context.Context) (store.PollState, error) {
	return store.PollState{EndedAt: time.Now()}, nil
}
func (states) Now(context.Context) (time.Time, error)               { return time.Now(), nil }
func (states) LoadState(context.Context, string, any) (bool, error) { return false, nil }
func (states) SaveState(context.Context, string, any) error         { return nil }

// outcomes count what became of the messages of each consumer.
type outcomes struct {
	mu sync.Mutex
	of map[bus.Outcome]int
}

func (o *outcomes) note(_ string, outcome bus.Outcome, messages int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of[outcome] += messages
}

func (o *outcomes) is(outcome bus.Outcome) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[outcome]
}

// running are a pusher and a puller over the streams of a server in this process.
type running struct {
	*bus.Bus
	links *links
	gate  *syncer.Gate
	out   *outcomes
	n     int
}

func run(t *testing.T, ends map[string][]error) *running {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	nc, err := bus.Connect(t.Context(), server.URL(), bus.ConnectOptions{})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	log := slog.New(slog.DiscardHandler)
	b, err := bus.Open(t.Context(), nc, bus.DefaultConfig(), log)
	require.NoError(t, err)

	r := &running{Bus: b, links: &links{ends: ends}, gate: syncer.NewGate(10*time.Millisecond, 20*time.Millisecond), out: &outcomes{of: map[bus.Outcome]int{}}}
	rec := reconciler(t, r.links)
	cfg := WorkerConfig{Observe: r.out.note}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- NewPusher(b, rec, nil, states{}, r.gate, cfg, log).Run(ctx) }()
	go func() { done <- NewPuller(b, rec, r.gate, cfg).Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, errors.Join(<-done, <-done))
	})
	return r
}

// publish stores a message; one of mksync's where it has no id of its own.
func (r *running) publish(t *testing.T, stream, subject, id, data string) {
	t.Helper()
	r.n++
	if id == "" {
		id = fmt.Sprintf("73-0/%X-1", r.n)
	}
	_, err := r.PublishSync(t.Context(), stream, bus.Message{Subject: subject, ID: id, Header: nats.Header{event.HeaderID: {id}}, Data: []byte(data)})
	require.NoError(t, err)
}

// contact publishes an event of a contact.
func (r *running) contact(t *testing.T, op, id, data string) {
	t.Helper()
	r.publish(t, bus.StreamContacts, bus.ContactSubject(op, id), "", data)
}

// until waits until so many messages had an outcome.
func (r *running) until(t *testing.T, outcome bus.Outcome, n int) {
	t.Helper()
	waits.Eventually(t, 20*time.Second, func() error {
		if got := r.out.is(outcome); got < n {
			return fmt.Errorf("%d of %d are %s", got, n, outcome)
		}
		return nil
	})
}

func (r *running) letters(t *testing.T) map[string]string {
	t.Helper()
	all, err := r.DeadLetters(t.Context())
	require.NoError(t, err)
	reasons := map[string]string{}
	for _, l := range all {
		reasons[l.Key] = l.Reason.String()
	}
	return reasons
}

// TestOneThatCannotBeAppliedHoldsUpNobody: it is put aside with its reason, a stranger's
// message too, and what is not its own fault comes again.
func TestOneThatCannotBeAppliedHoldsUpNobody(t *testing.T) {
	t.Parallel()
	away := &metakocka.TransientError{Err: errors.New("no answer")}
	r := run(t, map[string][]error{
		"bad":      {&syncer.RejectError{Reason: coded.Words("name: is missing")}},
		"outage":   {away, away, nil},
		"pending":  {&syncer.PendingError{ContactID: "pending", After: time.Millisecond}, nil},
		"deadlock": {errors.New("deadlock detected"), nil},
	})
	for _, id := range []string{"bad", "outage", "pending", "deadlock", "good"} {
		r.contact(t, "update", id, `{"xid":0}`)
	}
	r.publish(t, bus.StreamContacts, "crm.contacts.update.stranger", "not-ours", `{"xid":0}`)
	r.contact(t, "update", bus.ContactKey(""), `{}`)
	r.until(t, bus.Done, 4)
	r.until(t, bus.PutAside, 3)

	require.Equal(t, map[string]string{
		"bad": "name: is missing", bus.ContactKey(""): event.NoKey.String(),
		"stranger": "not published by mksync: somebody else may publish to crm.contacts.update.stranger; take that right from them and discard this",
	}, r.letters(t))
	require.Equal(t, 4, r.out.is(bus.PutOff), "two of the outage, one each of what waits and what failed")
	require.Equal(t, []int{1, 3, 2, 2, 1, 0}, []int{r.links.times("bad"), r.links.times("outage"), r.links.times("pending"), r.links.times("deadlock"), r.links.times("good"), r.links.times("stranger")})
	reason, _ := r.gate.Paused()
	require.Empty(t, reason, "the first success opened it")
}

// TestAnOutageClosesTheGate, and what cannot be applied does not: it is about one contact.
func TestAnOutageClosesTheGate(t *testing.T) {
	t.Parallel()
	r := reconciler(t, &links{})
	for end, closes := range map[error]bool{
		nil: false, &syncer.RejectError{Reason: coded.Words("no")}: false, &syncer.PendingError{}: false, errors.New("deadlock detected"): false,
		&metakocka.TransientError{Err: errors.New("no answer")}: true, &syncer.PausedError{Err: errors.New("wrong key")}: true,
	} {
		gate := syncer.NewGate(time.Hour, time.Hour)
		got := settle(r, gate, "ana", end)
		reason, _ := gate.Paused()
		require.Equal(t, closes, !reason.IsZero(), "%v", end)
		require.Equal(t, end == nil, got == nil)
	}
}

// TestAStrangersMessageDoesNotTakeAContactsAlong: beside ours it is left out.
func TestAStrangersMessageDoesNotTakeAContactsAlong(t *testing.T) {
	t.Parallel()
	l := &links{}
	p := NewPusher(nil, reconciler(t, l), nil, states{}, syncer.NewGate(time.Second, time.Second), WorkerConfig{}, slog.New(slog.DiscardHandler))
	var seen [][]bus.Delivery
	handle := p.onlyOurs(func(_ context.Context, _ *bus.Work, ours []bus.Delivery) error { seen = append(seen, ours); return nil })
	ours := bus.Delivery{Stored: bus.Stored{ID: "73-0/1-1", Subject: "crm.contacts.update.ana"}}
	strange := bus.Delivery{Stored: bus.Stored{ID: "x", Subject: "crm.contacts.delete.ana"}}
	both := []bus.Delivery{strange, ours}
	require.NoError(t, handle(t.Context(), &bus.Work{Key: "ana", Deliveries: both}))
	require.Equal(t, [][]bus.Delivery{{ours}}, seen)
	require.Equal(t, []bus.Delivery{strange, ours}, both, "what is settled is all of them")
	require.Error(t, handle(t.Context(), &bus.Work{Key: "ana", Deliveries: []bus.Delivery{strange}}))
	require.Len(t, seen, 1)
}

// TestWhatEventsSayOfAContact: an id that was given away comes first, a TRUNCATE holds
// deletions and applies none, and a failure with the former id is the whole work's.
func TestWhatEventsSayOfAContact(t *testing.T) {
	t.Parallel()
	l := &links{}
	p := NewPusher(nil, reconciler(t, l), nil, states{}, syncer.NewGate(time.Second, time.Second), WorkerConfig{}, slog.New(slog.DiscardHandler))
	work := func(key string, data ...string) error {
		w := &bus.Work{Key: key}
		for _, d := range data {
			w.Deliveries = append(w.Deliveries, bus.Delivery{Stored: bus.Stored{ID: "73-0/1-1", Subject: bus.ContactSubject("update", key), Data: []byte(d)}})
		}
		return p.handle(t.Context(), w, w.Deliveries)
	}
	require.NoError(t, work("new", `{"previous_id":"older"}`, `{}`, `{"previous_id":"old"}`))
	require.Equal(t, []string{"older to new", "older", "old to new", "old", "new"}, l.asked)

	l.asked, l.ends = nil, map[string][]error{"old to new": {errors.New("deadlock detected")}}
	require.ErrorContains(t, work("new", `{"previous_id":"old"}`), "deadlock detected")
	require.Equal(t, []string{"old to new"}, l.asked, "the contact comes with its former id, or not at all")

	l.asked = nil
	truncate := bus.Delivery{Stored: bus.Stored{ID: "73-0/1-1", Subject: event.SubjectTruncate, Data: []byte(`{"xid":7}`)}}
	require.NoError(t, p.handle(t.Context(), &bus.Work{Deliveries: []bus.Delivery{truncate}}, []bus.Delivery{truncate}))
	require.Equal(t, []string{"the contacts table was truncated"}, l.asked)
}

// TestWhatAPartnersEventIsTakenFor: only its newest counts, and one that is not the
// partner's is nobody's word.
func TestWhatAPartnersEventIsTakenFor(t *testing.T) {
	t.Parallel()
	l := &links{}
	p := NewPuller(nil, reconciler(t, l), syncer.NewGate(time.Second, time.Second), WorkerConfig{})
	handle := func(data ...string) error {
		w := &bus.Work{Key: "7001"}
		for _, d := range data {
			w.Deliveries = append(w.Deliveries, bus.Delivery{Stored: bus.Stored{Subject: bus.PartnerSubject("changed", "7001"), Data: []byte(d)}})
		}
		return p.handle(t.Context(), w)
	}
	good, err := json.Marshal(event.PartnerEvent{MetaKockaID: "7001", Partner: &metakocka.Partner{MKID: "7001"}})
	require.NoError(t, err)
	require.NoError(t, handle("no JSON", string(good)))
	require.Equal(t, []string{"of 7001"}, l.asked)
	require.ErrorContains(t, handle(string(good), "no JSON"), "rejected: event of partner 7001 cannot be read")
	require.ErrorContains(t, handle(`{"metakocka_id":"7001"}`), "rejected: not published by mksync")
	require.Len(t, l.asked, 1)
}

// TestWhatCouldNotBeBroughtOverIsTriedAgain: each that is due, whatever becomes of the
// others; what keeps one back stands at its mapping and is no error of the round.
func TestWhatCouldNotBeBroughtOverIsTriedAgain(t *testing.T) {
	t.Parallel()
	deadlock := errors.New("deadlock detected")
	l := &links{ends: map[string][]error{"ana": {deadlock}, "bor": {&syncer.RejectError{Reason: coded.Words("no")}}, "cene": {&syncer.PendingError{}}}}
	gate := syncer.NewGate(time.Hour, time.Hour)
	due := &dueContacts{ids: []string{"ana", "bor", "cene", "dana"}}
	log := slog.New(slog.DiscardHandler)
	require.Equal(t, deadlock.Error(), NewRedriver(reconciler(t, l), due, gate, 0, log).redrive(t.Context(), "").Error())
	require.Equal(t, due.ids, l.asked)
	l.asked = nil
	require.Equal(t, deadlock.Error(), NewReviewer(reconciler(t, l), due, gate, 0, log).review(t.Context()).Error())
	require.Equal(t, due.ids, l.asked)

	gate.Halt(&store.Halt{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, NewReviewer(reconciler(t, l), due, gate, 0, log).review(ctx), context.Canceled)
	require.Len(t, l.asked, len(due.ids), "nothing is begun while sending is paused")
}

// dueContacts are to be looked at again, and partners wait for an approval.
type dueContacts struct {
	HeldContacts
	ids      []string
	partners []string
}

func (d *dueContacts) TakeRefused(context.Context, string, int) (all []store.Refused, err error) {
	for _, id := range d.ids {
		all = append(all, store.Refused{ContactID: id})
	}
	return all, nil
}

func (d *dueContacts) Woken(context.Context, int) ([]string, error) { return d.ids, nil }

func (d *dueContacts) ReleaseProposals(context.Context) (int64, error) { return 0, nil }

func (d *dueContacts) ProposedImports(context.Context, store.ProposalQuery) (all []store.ProposedImport, err error) {
	for _, id := range d.partners {
		all = append(all, store.ProposedImport{MetaKockaID: id})
	}
	return all, nil
}

func (d *dueContacts) DropImport(_ context.Context, metakockaID string) error {
	d.partners = slices.DeleteFunc(d.partners, func(id string) bool { return id == metakockaID })
	return nil
}

// TestPartnersAreLetGoWhereNoApprovalIsAskedFor any more: one that cannot be imported as
// well, but none of which it is not known what became of it.
func TestPartnersAreLetGoWhereNoApprovalIsAskedFor(t *testing.T) {
	t.Parallel()
	l := &links{ends: map[string][]error{"of 7001": {&syncer.RejectError{Reason: coded.Words("no")}}, "of 7003": {errors.New("deadlock detected"), nil}}}
	due := &dueContacts{partners: []string{"7001", "7002", "7003"}}
	v := NewReviewer(reconciler(t, l), due, syncer.NewGate(time.Hour, time.Hour), 0, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, v.release(t.Context()), "deadlock detected")
	require.Equal(t, []string{"7003"}, due.partners)
	require.NoError(t, v.release(t.Context()))
	require.Empty(t, due.partners)
	require.Equal(t, []string{"of 7001", "of 7002", "of 7003", "of 7003"}, l.asked)
}

// TestMergesAreFinishedOneByOne: one that does not work does not hold up the others.
func TestMergesAreFinishedOneByOne(t *testing.T) {
	t.Parallel()
	l := &links{ends: map[string][]error{"a": {errors.New("deadlock detected")}}}
	var open openMerges = []store.ContactMerge{{ID: 1, WinnerID: "a", Status: store.MergeRunning}, {ID: 2, WinnerID: "b", Status: store.MergeRunning}}
	err := NewMerger(reconciler(t, l), open, 0, slog.New(slog.DiscardHandler)).finish(t.Context())
	require.ErrorContains(t, err, "merge 1")
	require.Equal(t, []string{"a", "merge 1 is running", "b", "merge 2 is merged"}, l.asked)
}

// openMerges are merges that something is left to do of.
type openMerges []store.ContactMerge

func (o openMerges) Merges(_ context.Context, q store.MergeQuery) ([]store.ContactMerge, error) {
	if !q.Open {
		return nil, errors.New("not all of them")
	}
	return slices.Clone(o), nil
}

// TestAPauseIsTakenFromTheDatabase, and stays as it is while the database does not tell.
func TestAPauseIsTakenFromTheDatabase(t *testing.T) {
	t.Parallel()
	gate := syncer.NewGate(time.Hour, time.Hour)
	told := make(halts)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- NewHalter(told, gate, time.Millisecond, slog.New(slog.DiscardHandler)).Run(ctx) }()
	is := func(a answer) string {
		told <- a
		told <- a // what was told before is done by then
		reason, _ := gate.Paused()
		return reason.String()
	}
	require.Contains(t, is(answer{halt: &store.Halt{By: "ana"}}), "by ana")
	require.Contains(t, is(answer{err: errors.New("the database is away")}), "by ana")
	require.Empty(t, is(answer{}))
	stop()
	close(told)
	require.NoError(t, <-done)
}

type answer struct {
	halt *store.Halt
	err  error
}

// halts answer what the test tells them, when it does.
type halts chan answer

func (h halts) Halted(context.Context) (*store.Halt, error) {
	a := <-h
	return a.halt, a.err
}
