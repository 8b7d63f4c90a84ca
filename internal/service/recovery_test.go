package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

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
	w.Recovered("slot lost")
	check()
	w.WorkedOff(s)
	require.LessOrEqual(t, calls.Load(), int64(2), "contacts equal to their base cause no call")
}

// TestMissedDeletionsAreKnownLongBeforeTheyAreConfirmed: an external server of NATS takes
// two minutes to sync its files. What was read and stored tells enough, and everybody
// with mksync's role may know it.
func TestMissedDeletionsAreKnownLongBeforeTheyAreConfirmed(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.AsGuest()
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
	w.Recovered("publication lost")
	check()
}

func TestADeletionThatTheLogDoesNotNameIsFound(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(4)
	w.Exec("ALTER TABLE contacts ADD COLUMN number bigserial, ADD CONSTRAINT other_identity UNIQUE (number)")
	w.Exec("BEGIN; ALTER TABLE contacts REPLICA IDENTITY USING INDEX other_identity; DELETE FROM contacts WHERE id = '" + ids[1] + "'; ALTER TABLE contacts REPLICA IDENTITY DEFAULT; COMMIT")
	s, _ := w.Start()
	w.Recovered("does not name its row")
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
	w.Confirmed(w.One("SELECT pg_current_wal_lsn()::text"))
	stop()
	purged := w.Parts()
	js, err := jetstream.New(purged.Conn)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(t.Context(), bus.StreamContacts))
	purged.Close()
	w.Start()
	w.Recovered("stream is behind")
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
	w.Recovered("dropped and made again")
	w.Status(ids[0], "held")
	w.Status(w.Insert("Nova Oseba", "neznana@primer.si"), "synced")
	p := w.Partner(ids[0])
	require.Equal(t, "Oseba A", p.Customer)
	require.Zero(t, w.ERP.Calls().Received[metakocka.EndpointUpdate])
	w.WorkedOff(s)
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
