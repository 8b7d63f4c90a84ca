package world

import (
	"errors"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/metakocka/sim"
)

// OwnServer starts a Postgres for this test alone, with variables of its own.
func OwnServer(t *testing.T, env ...string) (server *pgserver.Server, url string) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Own: true, Kept: true, NoInstall: true, Env: env})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	url, err = server.CreateDatabase(t.Context(), "crm")
	require.NoError(t, err)
	return server, url
}

// AsRole is the database's address for another role.
func AsRole(t testing.TB, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "x")
	return u.String()
}

// LoseSlot drops the slot as soon as its reader has gone.
func (w *World) LoseSlot() {
	w.T.Helper()
	w.Eventually(func() error {
		_, err := w.DB.Exec(w.T.Context(), "SELECT pg_drop_replication_slot($1)", w.Config.Slot)
		return err
	})
}

// Sharing makes the world's services share one NATS server.
func (w *World) Sharing() {
	w.T.Helper()
	server, err := embedded.Start(w.T.Context(), embedded.Config{Dir: testenv.MemoryDir(w.T)})
	require.NoError(w.T, err)
	w.T.Cleanup(server.Shutdown)
	w.Config.NATSURL = config.Secret(server.URL())
}

// Store is mksync's store over the world's database.
func (w *World) Store() *pgstore.Store {
	w.T.Helper()
	pool, store, err := service.OpenStore(w.T.Context(), w.Config)
	require.NoError(w.T, err)
	w.T.Cleanup(pool.Close)
	return store
}

// PolledSince is an error until a poll has seen the partner's e-mail.
func PolledSince(w *World, partner, email string) error {
	if got := w.One("SELECT max(email) FROM mksync_partners WHERE metakocka_id = $1", partner); got != email {
		return errors.New("last polled e-mail is " + got)
	}
	return nil
}

// LastEvent is where the contacts' stream ends.
func LastEvent(t *testing.T, s *service.Service) uint64 {
	t.Helper()
	last, _, err := s.Bus.Last(t.Context(), bus.StreamContacts)
	require.NoError(t, err)
	return last.Sequence
}

// Atoi reads a number.
func Atoi(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// AsGuest gives mksync a role that owns its own tables alone, and has the rights that
// docs/postgres.md grants.
func (w *World) AsGuest() {
	w.T.Helper()
	role := testenv.SlotName(w.T)
	w.Exec("CREATE ROLE " + role + " LOGIN REPLICATION PASSWORD 'x'")
	w.T.Cleanup(func() { w.Exec("DROP OWNED BY " + role); w.Exec("DROP ROLE " + role) })
	w.Exec("GRANT ALL ON contacts TO " + role)
	testenv.OwnTables(w.T, w.Config.DatabaseURL.Reveal(), role)
	w.Exec("CREATE PUBLICATION " + w.Config.Publication + " FOR TABLE contacts WITH (publish_via_partition_root = true)")
	w.Config.DatabaseURL = config.Secret(AsRole(w.T, w.Config.DatabaseURL.Reveal(), role))
}

// NewBeating is a world with an external NATS server, quick heartbeats and
// little patience.
func NewBeating(t testing.TB) *World {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: testenv.MemoryDir(t)})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w := New(t, sim.Options{})
	w.Config.NATSURL = config.Secret(server.URL())
	w.Config.HeartbeatInterval, w.Config.MetaKockaTimeout, w.Config.PollInterval = 100*time.Millisecond, time.Second, time.Second
	if w.One("SELECT current_setting('server_version_num')") < "140000" {
		t.Skip("this Postgres passes no messages on")
	}
	return w
}

// Beats waits until the status tells of a heartbeat sent after now.
func (w *World) Beats(s *service.Service) {
	w.T.Helper()
	began, err := s.Store.Now(w.T.Context())
	require.NoError(w.T, err)
	w.Eventually(func() error {
		if at := s.Monitor().Status(w.T.Context()).Listener.LastHeartbeatAt; at == nil || at.Before(began) {
			return errors.New("no heartbeat was seen")
		}
		return nil
	})
}
