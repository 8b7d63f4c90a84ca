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
