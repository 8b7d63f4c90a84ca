package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// recovered waits until everything was checked after a snapshot for the reason.
func (w *world) recovered(reason string) {
	w.t.Helper()
	w.eventually(func() error {
		state := w.one("SELECT coalesce((SELECT value->>'SnapshotReason' || ' ' || (value->>'SnapshotPos') FROM mksync_state WHERE key = 'listener'), '')")
		if w.count("SELECT count(*) FROM mksync_state WHERE key = 'check' AND value->>'recovered' IS NOT NULL") == 0 {
			return errors.New("nothing was checked yet; the listener's snapshot: " + state)
		}
		require.Contains(w.t, state, reason)
		return nil
	})
}

// missed changes three contacts in ways that no event will tell, and says what
// is to become of them.
func (w *world) missed(ids []string) (check func()) {
	w.t.Helper()
	w.set(ids[0], mapping.FieldPhone, "040 123 456")
	w.exec("DELETE FROM contacts WHERE id = $1", ids[1])
	fresh := w.insert("Nova Oseba", "neznana@primer.si")
	updates := w.erp.Calls().Received[metakocka.EndpointUpdate]
	return func() {
		w.t.Helper()
		w.agree(ids[0], "040 123 456")
		w.status(ids[1], "deleted")
		w.status(fresh, "synced")
		w.polls(1)
		require.Equal(w.t, updates+1, w.erp.Calls().Received[metakocka.EndpointUpdate], "what agrees is not written")
	}
}

// loseSlot drops the slot as soon as its reader has gone.
func (w *world) loseSlot() {
	w.t.Helper()
	w.eventually(func() error {
		_, err := w.db.Exec(w.t.Context(), "SELECT pg_drop_replication_slot($1)", w.cfg.Slot)
		return err
	})
}

func TestLostSlotIsRepairedWithWhatWasDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(5)
	w.loseSlot()
	check := w.missed(ids)
	var calls atomic.Int64
	w.erp.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointGet && bytes.Contains(c.Arguments, []byte("partner_id")) {
			calls.Add(1)
		}
	})
	s, _ := w.start()
	w.recovered("slot lost")
	check()
	w.pushed(s)
	require.LessOrEqual(t, calls.Load(), int64(2), "contacts equal to their base cause no call")
}

// TestMissedDeletionsAreKnownLongBeforeTheyAreConfirmed: an external server of NATS takes
// two minutes to sync its files. What was read and stored tells enough, and everybody
// with mksync's role may know it.
func TestMissedDeletionsAreKnownLongBeforeTheyAreConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.asGuest()
	w.cfg.NATSURL = config.Secret(natsserver.Start(t, &natsserver.Options{JetStream: true}).ClientURL())
	w.cfg.NATSSyncInterval = config.Default().NATSSyncInterval
	ids := w.left(4)
	w.loseSlot()
	w.exec("DELETE FROM contacts WHERE id = $1", ids[1])
	w.pace = service.UsualPace
	watch := waits.Start()
	s, _ := w.start()
	w.eventually(func() error {
		if state := s.Listener.Status().State; state != cdc.StateStreaming {
			return errors.New("the listener is " + state)
		}
		return nil
	})
	w.status(w.insert("Nova Oseba", "neznana@primer.si"), "synced") // its event is not confirmed for minutes
	w.status(ids[1], "deleted")
	require.Less(t, watch.Elapsed(), 15*time.Second)
}

func TestLostPublicationIsRepairedWithWhatWasDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(4)
	w.exec("DROP PUBLICATION " + w.cfg.Publication)
	check := w.missed(ids)
	w.start()
	w.recovered("publication lost")
	check()
}

func TestADeletionThatTheLogDoesNotNameIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(4)
	w.exec("ALTER TABLE contacts ADD COLUMN number bigserial, ADD CONSTRAINT other_identity UNIQUE (number)")
	w.exec("BEGIN; ALTER TABLE contacts REPLICA IDENTITY USING INDEX other_identity; DELETE FROM contacts WHERE id = '" + ids[1] + "'; ALTER TABLE contacts REPLICA IDENTITY DEFAULT; COMMIT")
	s, _ := w.start()
	w.recovered("does not name its row")
	w.status(ids[1], "deleted")
	w.set(ids[0], mapping.FieldPhone, "040 123 456")
	w.agree(ids[0], "040 123 456")
	w.pushed(s)
}

func TestDeletedStreamIsRepairedWithWhatWasDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(4)
	s, stop := w.start(service.RoleListener) // the events are confirmed and nobody has applied them
	check := w.missed(ids)
	w.eventually(func() error {
		if st := s.Monitor().Status(t.Context()); st.Pusher.Pending < 3 {
			return fmt.Errorf("%+v", st.Pusher)
		}
		return nil
	})
	w.confirmed(w.one("SELECT pg_current_wal_lsn()::text"))
	stop()
	purged := w.parts()
	js, err := jetstream.New(purged.Conn)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), bus.StreamContacts))
	purged.Close()
	w.start()
	w.recovered("stream is behind")
	check()
}

func TestTableMadeAnewDeletesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = "anonymize"
	s, _ := w.start()
	var ids []string
	for i := range 4 {
		ids = append(ids, w.insert(fmt.Sprintf("Oseba %c", 'A'+i), fmt.Sprintf("oseba%d@primer.si", i)))
	}
	for _, id := range ids {
		w.status(id, "synced")
	}
	w.exec("CREATE TABLE saved AS SELECT * FROM contacts")
	w.exec(`BEGIN; DROP TABLE contacts; CREATE TABLE contacts (LIKE saved); ALTER TABLE contacts ADD PRIMARY KEY (id);
		ALTER TABLE contacts ALTER id SET DEFAULT gen_random_uuid(), ALTER updated_at SET DEFAULT now();
		INSERT INTO contacts SELECT * FROM saved WHERE name <> 'Oseba A'; COMMIT`)
	w.recovered("dropped and made again")
	w.status(ids[0], "held")
	w.status(w.insert("Nova Oseba", "neznana@primer.si"), "synced")
	p := w.partner(ids[0])
	require.Equal(t, "Oseba A", p.Customer)
	require.Zero(t, w.erp.Calls().Received[metakocka.EndpointUpdate])
	w.pushed(s)
}

// TestRestoredDatabaseIsNotOverwritten: the database is an older copy. Nothing
// happens until a person accepts it.
func TestRestoredDatabaseIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(4)
	w.exec("CREATE TABLE backup AS SELECT * FROM contacts")
	w.exec("CREATE TABLE backup_links AS SELECT * FROM metakocka_contact_mappings")
	w.exec("CREATE TABLE backup_state AS SELECT * FROM mksync_state")
	_, stop := w.start()
	w.set(ids[0], mapping.FieldPhone, "040 123 456")
	w.agree(ids[0], "040 123 456")
	w.exec("DELETE FROM contacts WHERE id = $1", ids[1])
	w.status(ids[1], "deleted")
	stop()
	w.exec("TRUNCATE contacts, metakocka_contact_mappings CASCADE; INSERT INTO contacts SELECT * FROM backup; INSERT INTO metakocka_contact_mappings SELECT * FROM backup_links")
	w.exec(`DELETE FROM mksync_state; INSERT INTO mksync_state SELECT * FROM backup_state;
		UPDATE mksync_state SET value = value || '{"Timeline": 77}' WHERE key = 'listener'`)
	rows, writes := w.rows(), w.erp.Calls().Writes()

	w.refused("timeline 77")
	require.Equal(t, rows, w.rows())
	require.Equal(t, writes, w.erp.Calls().Writes())

	require.Contains(t, w.mksync("listener", "accept").lines()[0], "accepted")
	s, _ := w.start()
	w.recovered("accepted")
	w.contactIs(ids[0], mapping.FieldPhone, "040 123 456") // what MetaKocka still has
	w.status(ids[1], "synced")
	w.set(ids[2], mapping.FieldPhone, "041 222 333")
	w.agree(ids[2], "041 222 333")
	w.pushed(s)
	w.mksync("listener", "accept").refused("a listener runs")
	require.Len(t, w.erp.Partners(), 4)
}

func TestColumnsComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s, _ := w.start()
	id := w.insert("Oseba A", "a@primer.si")
	w.status(id, "synced")
	w.exec("ALTER TABLE contacts DROP COLUMN tax_number; ALTER TABLE contacts RENAME COLUMN notes TO remarks")
	w.exec("ALTER TABLE contacts ADD COLUMN mood text")
	w.eventually(func() error {
		if n := len(s.Store.Fields()); n != 7 {
			return fmt.Errorf("%d fields are synced", n)
		}
		return nil
	})
	w.set(id, mapping.FieldPhone, "040 123 456")
	w.agree(id, "040 123 456")
	w.exec("ALTER TABLE contacts ADD COLUMN tax_number text")
	w.exec("UPDATE contacts SET tax_number = 'SI12345679' WHERE id = $1", id)
	w.partnerIs(id, "SI12345679", func(p metakocka.Partner) any { return p.TaxIDNumber })
}

// TestUnlikelyPollIsDecidedByCommand: most partners are missing. Each waits for a
// person; one that is there again is let go.
func TestUnlikelyPollIsDecidedByCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.left(13)
	gone := w.erp.Partners()[:12]
	for _, p := range gone {
		require.NoError(t, w.erp.DeletePartner(p.MKID))
	}
	s, _ := w.start()
	w.eventually(func() error {
		st := s.Monitor().Status(t.Context())
		if !strings.Contains(st.Poller.Error, "12 of 13 linked partners are missing") || st.HeldDeletions != 12 {
			return fmt.Errorf("the poll is not held: %s, %d deletions held", st.Poller.Error, st.HeldDeletions)
		}
		return nil
	})
	held := w.mksync("deletions", "list")
	require.Len(t, held.ids(), 12)
	require.Contains(t, held.stdout, "held  deleted in metakocka")
	require.Contains(t, held.stdout, "12 of 13 linked partners are missing in MetaKocka, which is unlikely")
	require.Equal(t, 13, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))

	// Other edits go on; one of a contact whose partner is held decides nothing.
	kept, edited := w.contactOf(w.erp.Partners()[0].MKID), w.contactOf(gone[0].MKID)
	w.set(kept, mapping.FieldPhone, "041 222 333")
	w.agree(kept, "041 222 333")
	w.set(edited, mapping.FieldPhone, "041 222 334")
	w.status(edited, "held")

	// The partner of one is there again, as after a restored backup.
	_, err := w.erp.AddPartner(gone[0])
	require.NoError(t, err)
	w.agree(edited, "041 222 334")
	_, err = w.erp.AddPartner(gone[1])
	require.NoError(t, err)
	w.eventually(func() error {
		if n := len(w.mksync("deletions", "list").ids()); n != 10 {
			return fmt.Errorf("%d are held", n)
		}
		return nil
	})
	w.status(w.contactOf(gone[1].MKID), "synced")

	require.Contains(t, w.mksync("deletions", "approve", gone[2].MKID).lines()[0], "applied  unlinked")
	require.Contains(t, w.mksync("deletions", "reject", gone[3].MKID).lines()[0], "rejected  unlinked")
	w.polls(2) // ten of thirteen would not be held: what is held already stays so
	require.Len(t, w.mksync("deletions", "list").ids(), 8)
	require.Len(t, w.mksync("deletions", "approve", "--all").lines(), 8)
	require.Equal(t, 10, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'unlinked'"))
	require.Equal(t, 13, w.count("SELECT count(*) FROM contacts"))
	w.polls(1)
	require.Empty(t, s.Monitor().Status(t.Context()).Poller.Error)
}
