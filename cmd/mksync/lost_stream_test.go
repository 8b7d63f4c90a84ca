package main

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
	w := newWorld(t, sim.Options{})
	_, stop := w.start()
	id := w.insert("Gita Lipa", "gita@primer.si")
	w.status(id, "synced")
	partner := w.partner(id).MKID
	w.eventually(func() error { return polledSince(w, partner, "gita@primer.si") })
	stop()

	s, stop := w.start(service.RoleListener, service.RolePoller)
	require.NoError(t, w.erp.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].Email = "gita.lipa@primer.si" }))
	w.eventually(func() error { return polledSince(w, partner, "gita.lipa@primer.si") })
	deleteStream(t, s, bus.StreamPartners)
	stop()
	w.start()
	w.eventually(func() error {
		if got := w.one("SELECT email FROM contacts WHERE id = $1", id); got != "gita.lipa@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
}

// polledSince waits until a poll has seen the partner's e-mail.
func polledSince(w *world, partner, email string) error {
	if got := w.one("SELECT max(email) FROM mksync_partners WHERE metakocka_id = $1", partner); got != email {
		return errors.New("last polled e-mail is " + got)
	}
	return nil
}

// TestContactsStreamLostWithEventsInIt: an event that was stored and that nobody
// applied is lost with its stream, while the listener runs and nothing changes.
func TestContactsStreamLostWithEventsInIt(t *testing.T) {
	t.Parallel()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w := newWorld(t, sim.Options{})
	w.cfg.NATSURL = config.Secret(server.URL())
	_, stop := w.start()
	id := w.insert("Hana Smreka", "hana@primer.si")
	w.status(id, "synced")
	stop()

	s, _ := w.start(service.RoleListener, service.RolePoller)
	before := lastEvent(t, s)
	w.exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", id)
	w.eventually(func() error {
		if lastEvent(t, s) <= before {
			return errors.New("not published yet")
		}
		return nil
	})
	deleteStream(t, s, bus.StreamContacts)
	w.start(service.RolePusher)
	w.agree(id, "041 555 666")
}

// lastEvent is where the contacts' stream ends.
func lastEvent(t *testing.T, s *service.Service) uint64 {
	t.Helper()
	last, _, err := s.Bus.Last(t.Context(), bus.StreamContacts)
	require.NoError(t, err)
	return last.Sequence
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
	w := newWorld(t, sim.Options{})
	for i := range partners {
		_, err := w.erp.AddPartner(person("", fmt.Sprintf("Oseba %d", i), "", fmt.Sprintf("o%d@primer.si", i)))
		require.NoError(t, err)
	}
	poll := func(s *service.Service) (published, polls int, err error) {
		events := &forgetfulBus{Bus: s.Bus}
		poller := poll.NewPoller(poll.PollerConfig{}, s.ERP, s.Store, events, slog.New(slog.DiscardHandler))
		for polls, err = 1, poller.Poll(t.Context()); err != nil && polls < 20; polls++ {
			w.eventually(func() error { return pulled(t, s) })
			err = poller.Poll(t.Context())
		}
		w.eventually(func() error { return pulled(t, s) })
		return events.published, polls, err
	}
	s, stop := w.start(service.RolePuller)
	_, _, err := poll(s)
	require.NoError(t, err)
	deleteStream(t, s, bus.StreamPartners)
	stop()

	w.cfg.StreamMaxBytes = 16 << 10
	s, _ = w.start(service.RolePuller)
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
