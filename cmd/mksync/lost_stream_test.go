package main

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// deleteStream deletes a stream of the running service.
func deleteStream(t *testing.T, s *service, name string) {
	t.Helper()
	js, err := jetstream.New(s.conn)
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

	s, stop := w.start(roleListener, rolePoller)
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
	w.cfg.NATSURL = Secret(server.URL())
	_, stop := w.start()
	id := w.insert("Hana Smreka", "hana@primer.si")
	w.status(id, "synced")
	stop()

	s, _ := w.start(roleListener, rolePoller)
	before := lastEvent(t, s)
	w.exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", id)
	w.eventually(func() error {
		if lastEvent(t, s) <= before {
			return errors.New("not published yet")
		}
		return nil
	})
	deleteStream(t, s, bus.StreamContacts)
	w.start(rolePusher)
	w.agree(id, "041 555 666")
}

// lastEvent is where the contacts' stream ends.
func lastEvent(t *testing.T, s *service) uint64 {
	t.Helper()
	last, _, err := s.bus.Last(t.Context(), bus.StreamContacts)
	require.NoError(t, err)
	return last.Sequence
}
