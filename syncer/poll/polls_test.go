package poll_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/poll"
)

// TestPollReadsWhatIsStoredOtherwise: a partner that comes as it came in the poll
// before is not read again, unless what is stored of it is something else.
func TestPollReadsWhatIsStoredOtherwise(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("700", "Ana Novak", "SI10000003", "ana@primer.si")}})
	w.Start(service.RolePoller)
	const swept = "SELECT max(value->>'sweptAt') FROM mksync_state WHERE key = 'poller'"
	polled := func() {
		before := w.One(swept)
		w.Eventually(func() error {
			if w.One(swept) == before {
				return errors.New("no further poll yet")
			}
			return nil
		})
	}
	for range 3 {
		polled()
	}
	stored := "SELECT coalesce(max(hash), '')  || ' ' || coalesce(max(data->'partner_contact_list'->0->>'email'), '') FROM mksync_partners"
	want := w.One(stored)
	require.Contains(t, want, "ana@primer.si")
	w.Exec("UPDATE mksync_partners SET hash = 'other', data = '{}'")
	w.Eventually(func() error {
		if got := w.One(stored); got != want {
			return errors.New("stored is " + got)
		}
		return nil
	})
}

// watchedEvents is a partners' stream of a poller that is held up.
type watchedEvents struct {
	poll.PartnerEvents
	publishing func()
	published  func()
}

func (e watchedEvents) PublishSync(ctx context.Context, stream string, m bus.Message) (uint64, error) {
	e.publishing()
	sequence, err := e.PartnerEvents.PublishSync(ctx, stream, m)
	e.published()
	return sequence, err
}

// pollerWith is a poller as another process has it.
func pollerWith(s *service.Service, publishing, published func()) *poll.Poller {
	return poll.NewPoller(poll.PollerConfig{Interval: time.Second}, s.ERP, s.Store, watchedEvents{s.Bus, publishing, published}, slog.New(slog.DiscardHandler))
}

// TestTwoProcessesPollAtOnce: one polls, the other does a bulk request. What they
// find they publish in different orders.
func TestTwoProcessesPollAtOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Nyx", "", "z@partner.si"), world.Person("7002", "Ugg", "", "a@partner.si")}})
	s := w.Parts()
	const patience = time.Second
	held, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	hold := sync.OnceFunc(func() {
		close(held)
		select {
		case <-goOn:
		case <-time.After(patience):
		}
	})
	let := sync.OnceFunc(func() {
		close(goOn)
		select {
		case err := <-done:
			done <- err
		case <-time.After(patience):
		}
	})
	active := false
	poller := pollerWith(s, func() {}, func() {
		if active {
			let()
		}
	})
	require.NoError(t, poller.Poll(t.Context()))
	require.NoError(t, poller.Poll(t.Context()))
	active = true
	for _, p := range w.ERP.Partners() {
		w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "+38640111222" })
	}
	go func() { done <- pollerWith(s, hold, func() {}).Refresh(t.Context()) }()
	<-held
	require.NoError(t, poller.Poll(t.Context()))
	require.NoError(t, <-done)
}
