package operations_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// massLatency is how long a call of the ERP takes while many contacts are
// brought over, two calls at a time.
const massLatency = 50 * time.Millisecond

// mass is a way to keep the service busy with many contacts or partners.
type mass struct {
	partners bool // the ERP has as many
	contacts bool // the CRM has as many
	roles    []string
	// begin returns when the work is under way, with what tells whether it still
	// is. edited are the contacts that are edited meanwhile, others the many.
	begin func(m *massed, edited, others []string) (going func() bool)
}

// massed is a service among many contacts.
type massed struct {
	*world.World
	s *service.Service
	world.Client
}

// masses by what they do.
var masses = map[string]mass{
	"bulk sync": {contacts: true, roles: []string{service.RoleListener, service.RolePusher, service.RolePuller, service.RoleAPI}, begin: func(m *massed, edited, others []string) func() bool {
		m.forgetSnapshot(len(edited) + len(others))
		m.Until(m.World, m.Later("bulk-sync", `{"contactIds":`+world.JSONList(edited)+`}`), world.Ended)
		m.slow()
		return m.job("bulk-sync", `{"contactIds":`+world.JSONList(others)+`}`)
	}},
	"first sync": {contacts: true, roles: service.AllRoles, begin: func(m *massed, edited, others []string) func() bool {
		m.synced(len(edited))
		m.slow()
		return func() bool {
			return m.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'") < len(edited)+len(others)
		}
	}},
	"import all": {partners: true, roles: service.AllRoles, begin: func(m *massed, edited, _ []string) func() bool {
		m.synced(len(edited))
		m.slow()
		return m.job("bulk-import", `{"importAll":true}`)
	}},
}

// job begins a job and waits until some of it is done.
func (m *massed) job(path, body string) (going func() bool) {
	id := m.Later(path, body)
	m.Until(m.World, id, func(j operations.Job) bool { return j.Done > 0 })
	return func() (open bool) {
		m.Until(m.World, id, func(j operations.Job) bool { open = j.Status.Open(); return true })
		return open
	}
}

func (m *massed) slow() {
	require.NoError(m.World.T, m.ERP.SetFaults(sim.Faults{Latency: massLatency}))
}

// synced waits until n contacts are synced.
func (m *massed) synced(n int) {
	m.Eventually(func() error {
		if got := m.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); got < n {
			return fmt.Errorf("%d are synced", got)
		}
		return nil
	})
}

// forgetSnapshot waits for the n events of a snapshot and removes them, so that
// only the job works on their contacts.
func (m *massed) forgetSnapshot(n int) {
	js, err := jetstream.New(m.s.Conn)
	require.NoError(m.World.T, err)
	stream, err := js.Stream(m.World.T.Context(), bus.StreamContacts)
	require.NoError(m.World.T, err)
	m.Eventually(func() error {
		info, err := stream.Info(m.World.T.Context())
		if err == nil && info.State.Msgs < uint64(n) {
			err = fmt.Errorf("%d events", info.State.Msgs)
		}
		return err
	})
	require.NoError(m.World.T, stream.Purge(m.World.T.Context(), jetstream.WithPurgeSubject(bus.ContactSubject("snapshot", "*"))))
}

// editsAmong edits contacts, one every so often, while a mass of n is worked on,
// and tells how long each edit took to reach MetaKocka, and whether the work
// outlasted them.
func (k mass) editsAmong(t testing.TB, n, edits int, every time.Duration) (delays []time.Duration, outlasted bool) {
	t.Helper()
	opts := sim.Options{}
	if k.partners {
		for i := range n {
			opts.Partners = append(opts.Partners, massPartner(i))
		}
	}
	w := world.New(t, opts)
	w.Config.PollInterval = time.Minute
	add := func(from, to int) (ids []string) {
		require.NoError(t, w.DB.QueryRow(t.Context(), `WITH added AS (INSERT INTO contacts (name, email, tax_number)
			SELECT 'Oseba ' || i, 'oseba' || i || '@primer.si', (10000003 + i)::text FROM generate_series($1::int, $2::int - 1) i RETURNING id)
			SELECT array_agg(id::text) FROM added`, from, to).Scan(&ids))
		return ids
	}
	edited := add(n, n+edits)
	var others []string
	if k.contacts {
		others = add(0, n)
	}
	s, c, stop := w.APIUntil(k.roles...)
	defer stop()
	going := k.begin(&massed{w, s, c}, edited, others)
	delays = timeEdits(w, edited, every)
	return delays, going()
}

// timeEdits edits the contacts. Time is that of a clock that the machine's load slows down.
func timeEdits(w *world.World, ids []string, every time.Duration) []time.Duration {
	w.T.Helper()
	phone := func(i int) string { return fmt.Sprintf("0401%05d", i) }
	var mu sync.Mutex
	clock := waits.Start()
	arrived := make([]time.Duration, len(ids))
	w.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointGet {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range arrived {
			if arrived[i] == 0 && bytes.Contains(c.Arguments, []byte(phone(i))) {
				arrived[i] = clock.Elapsed()
			}
		}
	})
	committed := make([]time.Duration, len(ids))
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for i, id := range ids {
		<-ticker.C
		w.Exec("UPDATE contacts SET phone = $1 WHERE id = $2", phone(i), id)
		committed[i] = clock.Elapsed()
	}
	testenv.Eventually(w.T, time.Minute, func() error {
		mu.Lock()
		defer mu.Unlock()
		if slices.Contains(arrived, 0) {
			return errors.New("an edit has not arrived")
		}
		return nil
	})
	delays := make([]time.Duration, len(ids))
	for i := range delays {
		delays[i] = max(arrived[i]-committed[i], 0)
	}
	slices.Sort(delays)
	return delays
}

// TestAnEditIsQuickAmongMany: what a person just saved does not wait for the
// many that are brought over meanwhile.
func TestAnEditIsQuickAmongMany(t *testing.T) {
	t.Parallel()
	for name, k := range masses {
		t.Run(name, func(t *testing.T) {
			if name == "import all" { // a bulk job as well
				long.Only(t)
			}
			t.Parallel()
			delays, _ := k.editsAmong(t, long.Or(120, 400), 5, 200*time.Millisecond)
			t.Log(delays)
			require.Less(t, delays[len(delays)/2], time.Second)
			require.Less(t, delays[len(delays)-1], 3*time.Second)
		})
	}
}

// BenchmarkEditDuringABulkJob measures how long a contact's edit takes to reach
// MetaKocka while 10,000 contacts or partners are brought over: 40 edits, one
// every 250 ms, an ERP that takes 50 ms for a call, two calls at once.
func BenchmarkEditDuringABulkJob(b *testing.B) {
	for _, name := range []string{"bulk sync", "first sync", "import all"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				delays, outlasted := masses[name].editsAmong(b, 10000, 40, 250*time.Millisecond)
				require.True(b, outlasted)
				b.ReportMetric(float64(delays[len(delays)/2].Milliseconds()), "p50-ms")
				b.ReportMetric(float64(delays[len(delays)*99/100].Milliseconds()), "p99-ms")
				b.ReportMetric(float64(delays[len(delays)-1].Milliseconds()), "max-ms")
			}
		})
	}
}

// massPartner is the partner that is like the contact of its number.
func massPartner(i int) metakocka.Partner {
	p := world.Person(fmt.Sprint(700000+i), fmt.Sprintf("Oseba %d", i), "SI"+world.TaxNumber(1000000+i), fmt.Sprintf("oseba%d@primer.si", i))
	p.Contacts[0].Phone = ""
	return p
}
