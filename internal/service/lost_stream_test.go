package service_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/poll"
)

// deleteStream deletes a stream of the running service.
func deleteStream(t *testing.T, s *service.Service, name string) {
	t.Helper()
	js, err := jetstream.New(s.Conn)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), name))
}

// TestPartnersStreamLostWithEventsInIt: what the poller saw and nobody applied
// yet is seen again.
func TestPartnersStreamLostWithEventsInIt(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, stop := w.Start()
	id := w.Insert("Gita Lipa", "gita@primer.si")
	w.Status(id, "synced")
	partner := w.Partner(id).MKID
	w.Eventually(func() error { return world.PolledSince(w, partner, "gita@primer.si") })
	stop()

	s, stop := w.Start(service.RoleListener, service.RolePoller)
	require.NoError(t, w.ERP.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].Email = "gita.lipa@primer.si" }))
	w.Eventually(func() error { return world.PolledSince(w, partner, "gita.lipa@primer.si") })
	deleteStream(t, s, bus.StreamPartners)
	stop()
	w.Start()
	w.Eventually(func() error {
		if got := w.One("SELECT email FROM contacts WHERE id = $1", id); got != "gita.lipa@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
}

// TestContactsStreamLostWithEventsInIt: an event that was stored and that nobody
// applied is lost with its stream, while the listener runs and nothing changes.
func TestContactsStreamLostWithEventsInIt(t *testing.T) {
	t.Parallel()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w := world.New(t, sim.Options{})
	w.Config.NATSURL = config.Secret(server.URL())
	_, stop := w.Start()
	id := w.Insert("Hana Smreka", "hana@primer.si")
	w.Status(id, "synced")
	stop()

	s, _ := w.Start(service.RoleListener, service.RolePoller)
	before := world.LastEvent(t, s)
	w.Exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", id)
	w.Eventually(func() error {
		if world.LastEvent(t, s) <= before {
			return errors.New("not published yet")
		}
		return nil
	})
	deleteStream(t, s, bus.StreamContacts)
	w.Start(service.RolePusher)
	w.Agree(id, "041 555 666")
}

// forgetfulBus is a bus whose server has forgotten each message's id by the next poll, as
// it does after two minutes.
type forgetfulBus struct {
	*bus.Bus
	published int
}

func (f *forgetfulBus) PublishSync(ctx context.Context, stream string, m bus.Message) (uint64, error) {
	m.ID += fmt.Sprint("-", f.published)
	sequence, err := f.Bus.PublishSync(ctx, stream, m)
	if err == nil {
		f.published++
	}
	return sequence, err
}

// TestPartnersStreamLostThatHoldsFew: the stream holds fewer events than there are partners.
// All come again, in several polls, each once.
func TestPartnersStreamLostThatHoldsFew(t *testing.T) {
	t.Parallel()
	const partners = 60
	w := world.New(t, sim.Options{})
	for i := range partners {
		_, err := w.ERP.AddPartner(world.Person("", fmt.Sprintf("Oseba %d", i), "", fmt.Sprintf("o%d@primer.si", i)))
		require.NoError(t, err)
	}
	poll := func(s *service.Service) (published, polls int, err error) {
		events := &forgetfulBus{Bus: s.Bus}
		poller := poll.NewPoller(poll.PollerConfig{}, s.ERP, s.Store, events, slog.New(slog.DiscardHandler))
		for polls, err = 1, poller.Poll(t.Context()); err != nil && polls < 20; polls++ {
			w.Eventually(func() error { return pulled(t, s) })
			err = poller.Poll(t.Context())
		}
		w.Eventually(func() error { return pulled(t, s) })
		return events.published, polls, err
	}
	s, stop := w.Start(service.RolePuller)
	_, _, err := poll(s)
	require.NoError(t, err)
	deleteStream(t, s, bus.StreamPartners)
	stop()

	w.Config.StreamMaxBytes = 16 << 10
	s, _ = w.Start(service.RolePuller)
	published, polls, err := poll(s)
	require.NoError(t, err)
	require.Greater(t, polls, 1, "the stream holds fewer")
	require.Equal(t, partners, published, "each once")
	published, _, err = poll(s)
	require.NoError(t, err)
	require.Zero(t, published)
}

// pulled: the puller is through with the stream.
func pulled(t *testing.T, s *service.Service) error {
	t.Helper()
	c, err := s.Bus.Consumed(t.Context(), bus.StreamPartners, event.ConsumerPuller)
	require.NoError(t, err)
	if up := c.UpTo[event.ConsumerPuller]; up < c.Last {
		return fmt.Errorf("pulled up to %d of %d", up, c.Last)
	}
	return nil
}
