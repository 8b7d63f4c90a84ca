package cluster

import (
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
)

// postgres is a primary and the standby that follows it. A commit is one when both have it,
// so that a failover loses none that anybody was told of.
type postgres struct {
	t                testing.TB
	primary, standby *pgserver.Server
	log              *wire.Wire // from the primary to the standby
}

// startPostgres starts both, and makes the database.
func startPostgres(t testing.TB) (p *postgres, url string) {
	t.Helper()
	p = &postgres{t: t}
	var err error
	p.primary, err = pgserver.Start(t.Context(), pgserver.Options{Own: true, Kept: true, NoInstall: true, Ways: []pgserver.Way{pgserver.Local()}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.primary.Stop())
		if p.standby != nil {
			require.NoError(t, p.standby.Stop())
		}
	})
	url, err = p.primary.CreateDatabase(t.Context(), "crm")
	require.NoError(t, err)
	p.follow()
	return p, url
}

// follow gives the primary a standby.
func (p *postgres) follow() {
	p.t.Helper()
	var through string
	var err error
	testenv.Exec(p.t, p.primary.URL(), "ALTER SYSTEM SET wal_retrieve_retry_interval = '200ms'") // which the copy has, too
	p.log, through = wire.New(p.t, "log", p.primary.URL())
	p.standby, err = p.primary.Standby(p.t.Context(), through)
	require.NoError(p.t, err)
	p.waitForBoth("walreceiver") // its usual name; "*" would be mksync's listener, too
}

// waitForBoth says which standbys a commit waits for; "": for none.
func (p *postgres) waitForBoth(names string) {
	p.t.Helper()
	testenv.Exec(p.t, p.primary.URL(), "ALTER SYSTEM SET synchronous_standby_names = '"+names+"'")
	testenv.Exec(p.t, p.primary.URL(), "SELECT pg_reload_conf()")
}

// failOver ends the primary for good, and makes the standby one.
func (p *postgres) failOver() {
	p.t.Helper()
	require.NoError(p.t, p.primary.Stop())
	require.NoError(p.t, p.standby.Promote(p.t.Context()))
	p.primary, p.standby = p.standby, nil
}

// databaseURL is where mksync's role finds the contacts now.
func (p *postgres) databaseURL() string {
	p.t.Helper()
	u, err := url.Parse(world.AsRole(p.t, p.primary.URL(), "mksync"))
	require.NoError(p.t, err)
	u.Path = "/crm"
	return u.String()
}

// streaming waits until the standby has all that was committed.
func (p *postgres) streaming() {
	p.t.Helper()
	waits.Eventually(p.t, 30*time.Second, func() error {
		conn, err := pgx.Connect(p.t.Context(), p.primary.URL())
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(p.t.Context()) }()
		var follows bool
		err = conn.QueryRow(p.t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'walreceiver' AND flush_lsn >= pg_current_wal_flush_lsn())").Scan(&follows)
		if err == nil && !follows {
			err = errors.New("the standby does not follow")
		}
		return err
	})
}
