package service_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// postgres17 names the directory with the programs of a Postgres 17 or later.
const postgres17 = "MKSYNC_TEST_POSTGRES_17"

// standbySlot is what the standby of a test reads the log through.
const standbySlot = "standby_1"

// promotable is a primary and a standby of it that mksync waits for.
type promotable struct {
	*world.World
	primary, standby *pgserver.Server
	crm, log         *wire.Wire // from everybody to the primary, and from there to the standby
}

// newPromotable starts both, with a world on the primary.
func newPromotable(t *testing.T) *promotable {
	t.Helper()
	bin := os.Getenv(postgres17)
	if bin == "" {
		t.Skipf("slots fail over from Postgres 17 on: set %s to the directory of its programs", postgres17)
	}
	p := &promotable{}
	var err error
	p.primary, err = pgserver.Start(t.Context(), pgserver.Options{Own: true, Kept: true, Bin: bin, Ways: []pgserver.Way{pgserver.Local()}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.primary.Stop()) })
	url, err := p.primary.CreateDatabase(t.Context(), "crm")
	require.NoError(t, err)

	for _, sql := range []string{
		"ALTER SYSTEM SET wal_retrieve_retry_interval = '200ms'", "ALTER SYSTEM SET hot_standby_feedback = on",
		"ALTER SYSTEM SET sync_replication_slots = on", "ALTER SYSTEM SET primary_slot_name = '" + standbySlot + "'",
		"SELECT pg_reload_conf()", "SELECT pg_create_physical_replication_slot('" + standbySlot + "', true)",
	} {
		testenv.Exec(t, p.primary.URL(), sql)
	}
	var through string
	p.log, through = wire.New(t, "log", p.primary.URL())
	p.standby = p.follow(t, through)
	testenv.Exec(t, p.primary.URL(), "ALTER SYSTEM SET synchronized_standby_slots = '"+standbySlot+"'")
	testenv.Exec(t, p.primary.URL(), "SELECT pg_reload_conf()")

	p.crm, url = wire.New(t, "crm", url)
	p.World = world.NewIn(t, url, sim.Options{})
	return p
}

// follow makes a standby of the primary.
func (p *promotable) follow(t *testing.T, through string) *pgserver.Server {
	t.Helper()
	standby, err := p.primary.Standby(t.Context(), through)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Stop()) })
	return standby
}

// inForce waits until the standby has the slot, and all that is built upon is noted.
func (p *promotable) inForce(s *service.Service) {
	p.T.Helper()
	waits.Eventually(p.T, time.Minute, func() error {
		var built store.Built
		_, err := s.Bus.Note(p.T.Context(), &built)
		if err == nil && (built.UpTo == 0 || built.Announced != "") {
			err = errors.New("it is not in force")
		}
		return err
	})
	waits.Eventually(p.T, time.Minute, func() error {
		conn, err := pgx.Connect(p.T.Context(), p.standby.URL())
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(p.T.Context()) }()
		var synced bool
		err = conn.QueryRow(p.T.Context(), "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1 AND synced AND NOT temporary)", p.Config.Slot).Scan(&synced)
		if err == nil && !synced {
			err = errors.New("the standby has no slot yet")
		}
		return err
	})
}

// failOver ends the primary for good and puts the standby in its place.
func (p *promotable) failOver() {
	p.T.Helper()
	require.NoError(p.T, p.primary.Stop())
	require.NoError(p.T, p.standby.Promote(p.T.Context()))
	p.crm.Lead(p.T, p.standby.URL())
}

// state is the listener's.
func (p *promotable) state(s *service.Service) (state cdc.State) {
	p.T.Helper()
	p.Eventually(func() error {
		_, err := s.Store.LoadState(p.T.Context(), "listener", &state)
		return err
	})
	return state
}

// TestAPromotedStandbyIsGoneOnWith: what mksync has built upon is on the standby, so nobody
// has to accept it, nothing is lost and no partner is made twice. At the moment of the
// failover the standby lags: of one contact it has the intent and not the link, of another
// one the contact alone, and of a third nothing.
func TestAPromotedStandbyIsGoneOnWith(t *testing.T) {
	t.Parallel()
	p := newPromotable(t)
	let := p.Hold(metakocka.EndpointAdd)
	s := p.Up()
	zero := p.Insert("Prva Oseba", "prva@primer.si")
	let(1)
	p.Status(zero, "synced")
	p.inForce(s)
	before := p.state(s)

	// The standby is cut off when the second is looked for in MetaKocka, while the first is made.
	adds := func() int { return p.ERP.Calls().Received[metakocka.EndpointAdd] }
	made := p.Insert("Narejena Oseba", "narejena@primer.si")
	p.Eventually(func() error {
		if adds() < 2 {
			return errors.New("it is not made yet")
		}
		return nil
	})
	cut := make(chan struct{})
	var once sync.Once
	p.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointGet && bytes.Contains(c.Arguments, []byte("druga@primer.si")) {
			once.Do(func() { p.log.Cut(); close(cut) })
		}
	})
	second := p.Insert("Druga Oseba", "druga@primer.si")
	_, ok := waits.Within(time.Minute, cut)
	require.True(t, ok)
	unseen := p.Insert("Nevidna Oseba", "nevidna@primer.si")
	let(world.All)

	p.stored("the link", "contact_id = $1 AND sync_status = 'synced'", made)
	p.stored("the intent", "contact_id = $1 AND intent IS NOT NULL", second)
	p.Problem(s, "no standby uses the replication slot "+standbySlot)
	require.Equal(t, 2, adds(), "nothing is made that the standby knows nothing of")

	p.failOver()
	p.Eventually(func() error {
		var left bool
		err := p.DB.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM contacts WHERE id = $1)", unseen).Scan(&left)
		if err == nil && left {
			err = errors.New("that is the old server")
		}
		return err
	})
	third := p.Insert("Tretja Oseba", "tretja@primer.si")
	for _, id := range []string{made, second, third} {
		p.Status(id, "synced")
	}
	require.Len(t, p.ERP.Partners(), 4, "each has one partner, and who is lost has none")

	after := p.state(s)
	require.Equal(t, before.Timeline+1, after.Timeline)
	require.Equal(t, before.SnapshotPos, after.SnapshotPos, "it goes on where it was, with no snapshot")
	p.NoProblem(s)
}

// stored waits until the link is as it is to be.
func (p *promotable) stored(what, where, contactID string) {
	p.T.Helper()
	p.Eventually(func() error {
		if p.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE "+where, contactID) == 0 {
			return errors.New(what + " is not stored yet")
		}
		return nil
	})
}

// TestAPromotedStandbyThatLacksSomethingIsRefused: another standby, which nobody waited for,
// has not got what mksync has built upon since.
func TestAPromotedStandbyThatLacksSomethingIsRefused(t *testing.T) {
	t.Parallel()
	p := newPromotable(t)
	log, through := wire.New(t, "late", p.primary.URL())
	testenv.Exec(t, p.primary.URL(), "ALTER SYSTEM SET primary_slot_name = ''")
	late := p.follow(t, through)
	s, stop := p.Start()
	p.Status(p.Insert("Prva Oseba", "prva@primer.si"), "synced")
	p.inForce(s)
	log.Cut()
	p.Status(p.Insert("Druga Oseba", "druga@primer.si"), "synced")
	stop()

	start := func() error {
		_, err := service.New(t.Context(), p.Config, service.Options{Version: world.Version, Pace: world.QuickPace, Roles: service.AllRoles}, slog.New(slog.DiscardHandler))
		return err
	}
	p.crm.Lead(t, late.URL())
	require.ErrorIs(t, start(), cdc.ErrStandby, "a connection would be there still when it is promoted")

	p.standby = late
	p.failOver()
	err := start()
	require.ErrorIs(t, err, cdc.ErrSystemChanged)
	require.ErrorContains(t, err, "it lacks what mksync has built upon")
	waits.Eventually(t, time.Minute, func() error { return p.DB.Ping(t.Context()) }) // the pool's connections to the old server are gone
	require.Equal(t, "1", p.One("SELECT value->>'Timeline' FROM mksync_state WHERE key = 'listener'"), "nothing is touched")
}
