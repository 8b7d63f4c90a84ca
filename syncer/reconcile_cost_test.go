package syncer_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// tripConn counts how often an answer was waited for: a read that follows a write.
type tripConn struct {
	net.Conn
	trips *atomic.Int64
	asked atomic.Bool
}

func (c *tripConn) Write(b []byte) (int, error) {
	c.asked.Store(true)
	return c.Conn.Write(b)
}

func (c *tripConn) Read(b []byte) (int, error) {
	if c.asked.Swap(false) {
		c.trips.Add(1)
	}
	return c.Conn.Read(b)
}

// countedReconciler works on the world's database over connections whose round
// trips are counted.
func countedReconciler(w *world.World) (r *syncer.Reconciler, trips *atomic.Int64) {
	trips = &atomic.Int64{}
	pc, err := pgxpool.ParseConfig(w.Config.DatabaseURL.Reveal())
	require.NoError(w.T, err)
	dial := pc.ConnConfig.DialFunc
	pc.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &tripConn{Conn: conn, trips: trips}, err
	}
	pool, err := pgxpool.NewWithConfig(w.T.Context(), pc)
	require.NoError(w.T, err)
	w.T.Cleanup(pool.Close)
	store, err := pgstore.New(w.T.Context(), pool, "public", service.ContactsConfig(w.Config))
	require.NoError(w.T, err)
	stop, _, err := store.Running(w.T.Context())
	require.NoError(w.T, err)
	w.T.Cleanup(stop)
	s := w.Parts()
	s.Store = store
	require.NoError(w.T, s.Assemble(w.T.Context()))
	return s.Reconciler, trips
}

// TestCostOfAReconcile bounds how often a reconcile waits for the database, which
// takes a millisecond and more each time where that is remote, and how often it
// calls MetaKocka. The first of each kind is not counted, because it also prepares
// its statements.
func TestCostOfAReconcile(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	r, trips := countedReconciler(w)
	insert := func(i string) string { return w.Insert("Oseba "+i, strings.ReplaceAll(i, " ", "-")+"@primer.si") }
	linked := func(i string) string {
		id := insert(i)
		_, err := r.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
		require.NoError(t, err)
		return id
	}
	for _, c := range []struct {
		name    string
		most    int64 // round trips
		calls   int
		prepare func(i string) (contactID string, tr syncer.Trigger)
	}{
		{"create", 5, 2, func(i string) (string, syncer.Trigger) { return insert(i), syncer.Trigger{Cause: syncer.CauseContact} }},
		{"nothing new", 2, 0, func(i string) (string, syncer.Trigger) { return linked(i), syncer.Trigger{Cause: syncer.CauseContact} }},
		{"update of the partner", 4, 2, func(i string) (string, syncer.Trigger) {
			id := linked(i)
			w.Exec("UPDATE contacts SET phone = '041 234 567' WHERE id = $1", id)
			return id, syncer.Trigger{Cause: syncer.CauseContact}
		}},
		{"update of the contact", 4, 1, func(i string) (string, syncer.Trigger) {
			id := linked(i)
			p := w.Partner(id)
			p.Contacts[0].Phone = "01 234 56 78"
			require.NoError(t, w.ERP.EditPartner(p.MKID, func(e *metakocka.Partner) { e.Contacts[0].Phone = p.Contacts[0].Phone }))
			return id, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p}
		}},
	} {
		var took int64
		var calls int
		for i := range 4 {
			id, trigger := c.prepare(c.name + string(rune('a'+i)))
			before, callsBefore := trips.Load(), w.ERP.Calls().Total()
			res, err := r.Contact(t.Context(), id, trigger)
			require.NoError(t, err)
			require.EqualValues(t, "synced", res.Status, "%s: %s", c.name, res.LastError)
			calls = w.ERP.Calls().Total() - callsBefore
			if now := trips.Load() - before; i > 0 && (i == 1 || now < took) { // nobody waits for a lock to be given back, but it may be now
				took = now
			}
		}
		require.LessOrEqual(t, took, c.most, "round trips of %s", c.name)
		require.Equal(t, c.calls, calls, "calls of %s", c.name)
	}
}

// TestQuickEditsAreFewWrites: what is edited while a call is under way goes with
// the next one.
func TestQuickEditsAreFewWrites(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Start()
	id := w.Insert("Ana Novak", "ana@primer.si")
	w.Status(id, "synced")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Latency: 100 * time.Millisecond}))
	before := w.ERP.Calls().Writes()
	for i := range 50 {
		w.Exec("UPDATE contacts SET phone = $2 WHERE id = $1", id, fmt.Sprintf("041 234 5%02d", i))
	}
	w.Agree(id, "041 234 549")
	require.LessOrEqual(t, w.ERP.Calls().Writes()-before, 5, "three, where the machine is not busy")
}

// TestAFirstSyncIsAnalyzed: a session that planned its statements while the tables
// were empty plans them again once they have grown.
func TestAFirstSyncIsAnalyzed(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	kept := w.Store()
	link := func(id string) {
		require.NoError(t, kept.WithContact(t.Context(), id, func(s store.Session) error {
			st, err := s.Load(t.Context())
			if err != nil {
				return err
			}
			ch := store.Change{Link: store.Link{ContactID: id, Status: store.StatusPending}}
			if st.Link != nil {
				ch.Link = *st.Link
			}
			return s.Save(t.Context(), &ch)
		}))
	}
	id := func(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }
	for i := range 249 {
		link(id(i))
	}
	link(id(0)) // known
	const analyzed = "SELECT coalesce(sum(analyze_count), 0)::int FROM pg_stat_user_tables WHERE relname IN ('metakocka_contact_mappings', 'mksync_partners')"
	require.Equal(t, 0, w.Count(analyzed))
	link(id(249))
	require.Equal(t, 2, w.Count(analyzed))
	link(id(250))
	require.Equal(t, 2, w.Count(analyzed))
}
