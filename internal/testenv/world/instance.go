package world

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TwoInstances are installations acme and beta on one database and one NATS server, with
// contacts tables alike in the schemas public and sales.
func TwoInstances(t *testing.T) (acme, beta *World) {
	t.Helper()
	database := testenv.DB(t)
	testenv.ContactsTable(t, database)
	testenv.Exec(t, database, "CREATE SCHEMA sales")
	testenv.Exec(t, database, "CREATE TABLE sales.contacts (LIKE public.contacts INCLUDING ALL)")
	acme = NewInstance(t, database, "acme", "public")
	beta = NewInstance(t, database, "beta", "sales")
	acme.Sharing()
	beta.Config.NATSURL = acme.Config.NATSURL
	return acme, beta
}

// NewInstance is a world of an installation with a name, whose contacts are in a schema of
// the database, and whose company is its own.
func NewInstance(t *testing.T, database, name, schema string) *World {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	q := u.Query()
	q.Set("search_path", schema+",mksync_"+name) // the test's own sessions
	u.RawQuery = q.Encode()
	w := NewAt(t, u.String(), sim.Options{CompanyID: name})

	cfg, err := config.Load("", []string{"MKSYNC_INSTANCE=" + name})
	require.NoError(t, err)
	w.Config.DatabaseURL = config.Secret(database)
	w.Config.ContactsTable = schema + ".contacts"
	w.Config.MetaKockaCompanyID = name
	w.Config.Instance = cfg.Instance
	w.Config.Slot = cfg.Slot + testenv.SlotName(t)[len("mksync"):]
	w.Config.Publication = cfg.Publication
	w.Config.Schema = cfg.Schema
	_, err = service.Migrate(t.Context(), w.Config)
	require.NoError(t, err)
	return w
}
