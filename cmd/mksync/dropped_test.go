package main

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestEventsDroppedBeforeTheyAreWorkedOff: while nobody works the streams drop what waits,
// as age does and a purge. The server counts it as done; both sides agree all the same.
func TestEventsDroppedBeforeTheyAreWorkedOff(t *testing.T) {
	t.Parallel()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w := newWorld(t, sim.Options{})
	w.cfg.NATSURL = config.Secret(server.URL())
	s, stop := w.start()
	edited, left := w.insert("Gita Lipa", "gita@primer.si"), w.insert("Hana Smreka", "hana@primer.si")
	w.status(edited, "synced")
	w.status(left, "synced")
	partner := w.partner(left).MKID
	w.eventually(func() error { return polledSince(w, partner, "hana@primer.si") })
	w.eventually(func() error { return everythingConsumed(t, s) })
	stop()

	s, stop = w.start(service.RoleListener, service.RolePoller)
	before := lastEvent(t, s)
	w.exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", edited)
	added := w.insert("Jana Hrast", "jana@primer.si")
	require.NoError(t, w.erp.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].Email = "hana.smreka@primer.si" }))
	w.eventually(func() error { return polledSince(w, partner, "hana.smreka@primer.si") })
	w.eventually(func() error {
		if lastEvent(t, s) < before+2 {
			return errors.New("not published yet")
		}
		return nil
	})
	js, err := jetstream.New(s.Conn)
	require.NoError(t, err)
	for _, name := range []string{bus.StreamContacts, bus.StreamPartners} {
		stream, err := js.Stream(t.Context(), name)
		require.NoError(t, err)
		require.NoError(t, stream.Purge(t.Context()))
	}
	stop()

	s, _ = w.start()
	w.agree(edited, "041 555 666")
	w.status(added, "synced")
	w.eventually(func() error {
		if got := w.one("SELECT email FROM contacts WHERE id = $1", left); got != "hana.smreka@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.noProblem(s)
}

// everythingConsumed: what was worked off is remembered, too.
func everythingConsumed(t *testing.T, s *service.Service) error {
	t.Helper()
	for stream, durables := range map[string][]string{bus.StreamContacts: {"pusher", "pusher-bulk"}, bus.StreamPartners: {"puller"}} {
		c, err := s.Bus.Consumed(t.Context(), stream, durables...)
		require.NoError(t, err)
		var kept struct{ UpTo map[string]uint64 }
		if _, err := s.Store.LoadState(t.Context(), "consumed:"+stream, &kept); err != nil {
			return err
		}
		for _, durable := range durables {
			if kept.UpTo[durable] < c.Last {
				return errors.New("not consumed or not remembered: " + durable)
			}
		}
	}
	return nil
}

// TestMoreContactsThanTheStreamHolds: a limit by size makes the slot wait, and loses nobody.
func TestMoreContactsThanTheStreamHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.StreamMaxBytes = 64 << 10
	w.exec("INSERT INTO contacts (name, email) SELECT 'Oseba ' || i, 'o' || i || '@primer.si' FROM generate_series(1, 250) i")
	s, _ := w.start()
	w.eventually(func() error {
		if n := w.one("SELECT count(*)::text FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n != "250" {
			return errors.New(n + " of 250 are synced")
		}
		return nil
	})
	id := w.one("SELECT min(id::text) FROM contacts")
	w.exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", id)
	w.agree(id, "041 555 666")
	states, err := s.Bus.StreamState(t.Context())
	require.NoError(t, err)
	require.Greater(t, states[0].FirstSeq, uint64(1), "more than fits was published")
}
