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
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// recovered waits until everything was checked after a snapshot for the reason.
func recovered(w *world.World, reason string) {
	w.T.Helper()
	w.Eventually(func() error {
		state := w.One("SELECT coalesce((SELECT value->>'SnapshotReason' || ' ' || (value->>'SnapshotPos') FROM mksync_state WHERE key = 'listener'), '')")
		if w.Count("SELECT count(*) FROM mksync_state WHERE key = 'check' AND value->>'recovered' IS NOT NULL") == 0 {
			return errors.New("nothing was checked yet; the listener's snapshot: " + state)
		}
		require.Contains(w.T, state, reason)
		return nil
	})
}

// missed changes three contacts in ways that no event will tell, and says what
// is to become of them.
func missed(w *world.World, ids []string) (check func()) {
	w.T.Helper()
	w.Set(ids[0], mapping.FieldPhone, "040 123 456")
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[1])
	fresh := w.Insert("Nova Oseba", "neznana@primer.si")
	updates := w.ERP.Calls().Received[metakocka.EndpointUpdate]
	return func() {
		w.T.Helper()
		w.Agree(ids[0], "040 123 456")
		w.Status(ids[1], "deleted")
		w.Status(fresh, "synced")
		w.Polls(1)
		require.Equal(w.T, updates+1, w.ERP.Calls().Received[metakocka.EndpointUpdate], "what agrees is not written")
	}
}

func TestLostSlotIsRepairedWithWhatWasDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(5)
	w.LoseSlot()
	check := missed(w, ids)
	var calls atomic.Int64
	w.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointGet && bytes.Contains(c.Arguments, []byte("partner_id")) {
			calls.Add(1)
		}
	})
	s, _ := w.Start()
	recovered(w, "slot lost")
	check()
	w.WorkedOff(s)
	require.LessOrEqual(t, calls.Load(), int64(2), "contacts equal to their base cause no call")
}

// TestMissedDeletionsAreKnownLongBeforeTheyAreConfirmed: an external server of NATS takes
// two minutes to sync its files. What was read and stored tells enough, and everybody
// with mksync's role may know it.
func TestMissedDeletionsAreKnownLongBeforeTheyAreConfirmed(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	asGuest(w)
	w.Config.NATSURL = config.Secret(natsserver.Start(t, &natsserver.Options{JetStream: true}).ClientURL())
	w.Config.NATSSyncInterval = config.Default().NATSSyncInterval
	ids := w.Left(4)
	w.LoseSlot()
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[1])
	w.Pace = service.UsualPace
	watch := waits.Start()
	s, _ := w.Start()
	w.Eventually(func() error {
		if state := s.Listener.Status().State; state != cdc.StateStreaming {
			return errors.New("the listener is " + state)
		}
		return nil
	})
	w.Status(w.Insert("Nova Oseba", "neznana@primer.si"), "synced") // its event is not confirmed for minutes
	w.Status(ids[1], "deleted")
	require.Less(t, watch.Elapsed(), 15*time.Second)
}

func TestLostPublicationIsRepairedWithWhatWasDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(4)
	w.Exec("DROP PUBLICATION " + w.Config.Publication)
	check := missed(w, ids)
	w.Start()
	recovered(w, "publication lost")
	check()
}

func TestADeletionThatTheLogDoesNotNameIsFound(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(4)
	w.Exec("ALTER TABLE contacts ADD COLUMN number bigserial, ADD CONSTRAINT other_identity UNIQUE (number)")
	w.Exec("BEGIN; ALTER TABLE contacts REPLICA IDENTITY USING INDEX other_identity; DELETE FROM contacts WHERE id = '" + ids[1] + "'; ALTER TABLE contacts REPLICA IDENTITY DEFAULT; COMMIT")
	s, _ := w.Start()
	recovered(w, "does not name its row")
	w.Status(ids[1], "deleted")
	w.Set(ids[0], mapping.FieldPhone, "040 123 456")
	w.Agree(ids[0], "040 123 456")
	w.WorkedOff(s)
}

func TestDeletedStreamIsRepairedWithWhatWasDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(4)
	s, stop := w.Start(service.RoleListener) // the events are confirmed and nobody has applied them
	check := missed(w, ids)
	w.Eventually(func() error {
		if st := s.Monitor().Status(t.Context()); st.Pusher.Pending < 3 {
			return fmt.Errorf("%+v", st.Pusher)
		}
		return nil
	})
	confirmed(w, w.One("SELECT pg_current_wal_lsn()::text"))
	stop()
	purged := w.Parts()
	js, err := jetstream.New(purged.Conn)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), bus.StreamContacts))
	purged.Close()
	w.Start()
	recovered(w, "stream is behind")
	check()
}

func TestTableMadeAnewDeletesNobody(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = "anonymize"
	s, _ := w.Start()
	var ids []string
	for i := range 4 {
		ids = append(ids, w.Insert(fmt.Sprintf("Oseba %c", 'A'+i), fmt.Sprintf("oseba%d@primer.si", i)))
	}
	for _, id := range ids {
		w.Status(id, "synced")
	}
	w.Exec("CREATE TABLE saved AS SELECT * FROM contacts")
	w.Exec(`BEGIN; DROP TABLE contacts; CREATE TABLE contacts (LIKE saved); ALTER TABLE contacts ADD PRIMARY KEY (id);
		ALTER TABLE contacts ALTER id SET DEFAULT gen_random_uuid(), ALTER updated_at SET DEFAULT now();
		INSERT INTO contacts SELECT * FROM saved WHERE name <> 'Oseba A'; COMMIT`)
	recovered(w, "dropped and made again")
	w.Status(ids[0], "held")
	w.Status(w.Insert("Nova Oseba", "neznana@primer.si"), "synced")
	p := w.Partner(ids[0])
	require.Equal(t, "Oseba A", p.Customer)
	require.Zero(t, w.ERP.Calls().Received[metakocka.EndpointUpdate])
	w.WorkedOff(s)
}

// TestRestoredDatabaseIsNotOverwritten: the database is an older copy. Nothing
// happens until a person accepts it.
func TestRestoredDatabaseIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(4)
	w.Exec("CREATE TABLE backup AS SELECT * FROM contacts")
	w.Exec("CREATE TABLE backup_links AS SELECT * FROM metakocka_contact_mappings")
	w.Exec("CREATE TABLE backup_state AS SELECT * FROM mksync_state")
	_, stop := w.Start()
	w.Set(ids[0], mapping.FieldPhone, "040 123 456")
	w.Agree(ids[0], "040 123 456")
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[1])
	w.Status(ids[1], "deleted")
	stop()
	w.Exec("TRUNCATE contacts, metakocka_contact_mappings CASCADE; INSERT INTO contacts SELECT * FROM backup; INSERT INTO metakocka_contact_mappings SELECT * FROM backup_links")
	w.Exec(`DELETE FROM mksync_state; INSERT INTO mksync_state SELECT * FROM backup_state;
		UPDATE mksync_state SET value = value || '{"Timeline": 77}' WHERE key = 'listener'`)
	rows, writes := w.Rows(), w.ERP.Calls().Writes()

	refused(w, "timeline 77")
	require.Equal(t, rows, w.Rows())
	require.Equal(t, writes, w.ERP.Calls().Writes())

	require.Contains(t, mksync(w, "listener", "accept").lines()[0], "accepted")
	s, _ := w.Start()
	recovered(w, "accepted")
	w.ContactIs(ids[0], mapping.FieldPhone, "040 123 456") // what MetaKocka still has
	w.Status(ids[1], "synced")
	w.Set(ids[2], mapping.FieldPhone, "041 222 333")
	w.Agree(ids[2], "041 222 333")
	w.WorkedOff(s)
	mksync(w, "listener", "accept").refused("a listener runs")
	require.Len(t, w.ERP.Partners(), 4)
}

func TestColumnsComeAndGo(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, _ := w.Start()
	id := w.Insert("Oseba A", "a@primer.si")
	w.Status(id, "synced")
	w.Exec("ALTER TABLE contacts DROP COLUMN tax_number; ALTER TABLE contacts RENAME COLUMN notes TO remarks")
	w.Exec("ALTER TABLE contacts ADD COLUMN mood text")
	w.Eventually(func() error {
		if n := len(s.Store.Fields()); n != 7 {
			return fmt.Errorf("%d fields are synced", n)
		}
		return nil
	})
	w.Set(id, mapping.FieldPhone, "040 123 456")
	w.Agree(id, "040 123 456")
	w.Exec("ALTER TABLE contacts ADD COLUMN tax_number text")
	w.Exec("UPDATE contacts SET tax_number = 'SI12345679' WHERE id = $1", id)
	w.PartnerIs(id, "SI12345679", func(p metakocka.Partner) any { return p.TaxIDNumber })
}

// TestUnlikelyPollIsDecidedByCommand: most partners are missing. Each waits for a
// person; one that is there again is let go.
func TestUnlikelyPollIsDecidedByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Left(13)
	gone := w.ERP.Partners()[:12]
	for _, p := range gone {
		require.NoError(t, w.ERP.DeletePartner(p.MKID))
	}
	s, _ := w.Start()
	w.Eventually(func() error {
		st := s.Monitor().Status(t.Context())
		if !strings.Contains(st.Poller.Error, "12 of 13 linked partners are missing") || st.HeldDeletions != 12 {
			return fmt.Errorf("the poll is not held: %s, %d deletions held", st.Poller.Error, st.HeldDeletions)
		}
		return nil
	})
	held := mksync(w, "deletions", "list")
	require.Len(t, held.ids(), 12)
	require.Contains(t, held.stdout, "held  deleted in metakocka")
	require.Contains(t, held.stdout, "12 of 13 linked partners are missing in MetaKocka, which is unlikely")
	require.Equal(t, 13, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))

	// Other edits go on; one of a contact whose partner is held decides nothing.
	kept, edited := w.ContactOf(w.ERP.Partners()[0].MKID), w.ContactOf(gone[0].MKID)
	w.Set(kept, mapping.FieldPhone, "041 222 333")
	w.Agree(kept, "041 222 333")
	w.Set(edited, mapping.FieldPhone, "041 222 334")
	w.Status(edited, "held")

	// The partner of one is there again, as after a restored backup.
	_, err := w.ERP.AddPartner(gone[0])
	require.NoError(t, err)
	w.Agree(edited, "041 222 334")
	_, err = w.ERP.AddPartner(gone[1])
	require.NoError(t, err)
	w.Eventually(func() error {
		if n := len(mksync(w, "deletions", "list").ids()); n != 10 {
			return fmt.Errorf("%d are held", n)
		}
		return nil
	})
	w.Status(w.ContactOf(gone[1].MKID), "synced")

	require.Contains(t, mksync(w, "deletions", "approve", gone[2].MKID).lines()[0], "applied  unlinked")
	require.Contains(t, mksync(w, "deletions", "reject", gone[3].MKID).lines()[0], "rejected  unlinked")
	w.Polls(2) // ten of thirteen would not be held: what is held already stays so
	require.Len(t, mksync(w, "deletions", "list").ids(), 8)
	require.Len(t, mksync(w, "deletions", "approve", "--all").lines(), 8)
	require.Equal(t, 10, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'unlinked'"))
	require.Equal(t, 13, w.Count("SELECT count(*) FROM contacts"))
	w.Polls(1)
	require.Empty(t, s.Monitor().Status(t.Context()).Poller.Error)
}
