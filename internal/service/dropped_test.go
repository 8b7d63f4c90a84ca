package service_test

import (
	"errors"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestEventsDroppedBeforeTheyAreWorkedOff: while nobody works the streams drop what waits,
// as age does and a purge. The server counts it as done; both sides agree all the same.
func TestEventsDroppedBeforeTheyAreWorkedOff(t *testing.T) {
	long.Only(t)
	t.Parallel()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w := world.New(t, sim.Options{})
	w.Config.NATSURL = config.Secret(server.URL())
	s, stop := w.Start()
	edited, left := w.Insert("Gita Lipa", "gita@primer.si"), w.Insert("Hana Smreka", "hana@primer.si")
	w.Status(edited, "synced")
	w.Status(left, "synced")
	partner := w.Partner(left).MKID
	w.Eventually(func() error { return world.PolledSince(w, partner, "hana@primer.si") })
	w.Eventually(func() error { return everythingConsumed(t, s) })
	stop()

	s, stop = w.Start(service.RoleListener, service.RolePoller)
	before := world.LastEvent(t, s)
	w.Exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", edited)
	added := w.Insert("Jana Hrast", "jana@primer.si")
	require.NoError(t, w.ERP.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].Email = "hana.smreka@primer.si" }))
	w.Eventually(func() error { return world.PolledSince(w, partner, "hana.smreka@primer.si") })
	w.Eventually(func() error {
		if world.LastEvent(t, s) < before+2 {
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

	s, _ = w.Start()
	w.Agree(edited, "041 555 666")
	w.Status(added, "synced")
	w.Eventually(func() error {
		if got := w.One("SELECT email FROM contacts WHERE id = $1", left); got != "hana.smreka@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.NoProblem(s)
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
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.StreamMaxBytes = 32 << 10
	w.Exec("INSERT INTO contacts (name, email) SELECT 'Oseba ' || i, 'o' || i || '@primer.si' FROM generate_series(1, 120) i")
	s, _ := w.Start()
	w.Eventually(func() error {
		if n := w.One("SELECT count(*)::text FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n != "120" {
			return errors.New(n + " of 120 are synced")
		}
		return nil
	})
	id := w.One("SELECT min(id::text) FROM contacts")
	w.Exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", id)
	w.Agree(id, "041 555 666")
	states, err := s.Bus.StreamState(t.Context())
	require.NoError(t, err)
	require.Greater(t, states[0].FirstSeq, uint64(1), "more than fits was published")
}
