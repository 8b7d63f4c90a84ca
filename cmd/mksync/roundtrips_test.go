package main

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/pgstore"
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
func countedReconciler(w *world) (r *syncer.Reconciler, trips *atomic.Int64) {
	trips = &atomic.Int64{}
	pc, err := pgxpool.ParseConfig(w.cfg.DatabaseURL.Reveal())
	require.NoError(w.t, err)
	dial := pc.ConnConfig.DialFunc
	pc.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &tripConn{Conn: conn, trips: trips}, err
	}
	pool, err := pgxpool.NewWithConfig(w.t.Context(), pc)
	require.NoError(w.t, err)
	w.t.Cleanup(pool.Close)
	store, err := pgstore.New(w.t.Context(), pool, contactsConfig(w.cfg))
	require.NoError(w.t, err)
	s := &service{cfg: w.cfg, pace: quickPace, metrics: newMetrics(), store: store, log: slog.New(slog.DiscardHandler)}
	require.NoError(w.t, s.openERP(w.t.Context()))
	w.t.Cleanup(s.erp.Close)
	require.NoError(w.t, s.openSyncers(w.t.Context()))
	return s.reconciler, trips
}

// TestRoundTrips bounds how often a reconcile waits for the database: a remote
// one takes a millisecond and more each time. The first of each kind is not
// counted, because it also prepares its statements.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	r, trips := countedReconciler(w)
	insert := func(i string) string { return w.insert("Oseba "+i, strings.ReplaceAll(i, " ", "-")+"@primer.si") }
	linked := func(i string) string {
		id := insert(i)
		_, err := r.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
		require.NoError(t, err)
		return id
	}
	for _, c := range []struct {
		name    string
		most    int64
		prepare func(i string) (contactID string, tr syncer.Trigger)
	}{
		{"create", 5, func(i string) (string, syncer.Trigger) { return insert(i), syncer.Trigger{Cause: syncer.CauseContact} }},
		{"nothing new", 2, func(i string) (string, syncer.Trigger) { return linked(i), syncer.Trigger{Cause: syncer.CauseContact} }},
		{"update of the partner", 4, func(i string) (string, syncer.Trigger) {
			id := linked(i)
			w.exec("UPDATE contacts SET phone = '041 234 567' WHERE id = $1", id)
			return id, syncer.Trigger{Cause: syncer.CauseContact}
		}},
		{"update of the contact", 4, func(i string) (string, syncer.Trigger) {
			id := linked(i)
			p := w.partner(id)
			p.Contacts[0].Phone = "01 234 56 78"
			require.NoError(t, w.erp.EditPartner(p.MKID, func(e *metakocka.Partner) { e.Contacts[0].Phone = p.Contacts[0].Phone }))
			return id, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p}
		}},
	} {
		var took int64
		for i := range 2 {
			id, trigger := c.prepare(c.name + string(rune('a'+i)))
			before := trips.Load()
			res, err := r.Contact(t.Context(), id, trigger)
			require.NoError(t, err)
			require.EqualValues(t, "synced", res.Status, "%s: %s", c.name, res.LastError)
			took = trips.Load() - before
		}
		t.Logf("%s: %d round trips", c.name, took)
		require.LessOrEqual(t, took, c.most, c.name)
	}
}
