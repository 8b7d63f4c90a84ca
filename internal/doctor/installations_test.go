package doctor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/migrations"
)

// TestInstallationsThatCollide are named, with what they share; those beside each other are
// in order.
func TestInstallationsThatCollide(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	testenv.ContactsTable(t, r.url)
	other := migrations.Installation{Schema: "mksync_acme", Instance: "acme", ContactsTable: "sales.contacts", CompanyID: "2", Slot: "mksync_acme", Publication: "mksync_acme"}
	_, err := migrations.Up(t.Context(), r.url, other)
	require.NoError(t, err)
	ours := migrations.Installation{Schema: "public", ContactsTable: "public.contacts", CompanyID: "1", Slot: "mksync", Publication: "mksync"}
	_, err = migrations.Up(t.Context(), r.url, ours)
	require.NoError(t, err)
	r.cfg.Database.Installation = ours
	r.run().is("other installations", doctor.OK, "the instance acme in schema mksync_acme")

	for words, change := range map[string]func(i *migrations.Installation){
		"two partners":                func(i *migrations.Installation) { i.ContactsTable, i.CompanyID = "contacts", "1" },
		"the same name":               func(i *migrations.Installation) { i.Instance = "" },
		"the slot mksync, too":        func(i *migrations.Installation) { i.Slot = "mksync" },
		"the publication mksync, too": func(i *migrations.Installation) { i.Publication = "mksync" },
	} {
		changed := other
		change(&changed)
		require.NoError(t, changed.Note(t.Context(), r.url))
		r.run().is("other installations", doctor.Fail, words)
	}
	r.exec("DELETE FROM mksync_acme.mksync_state")
	r.run().is("other installations", doctor.Note, "do not tell whose they are")

	// Tables that are elsewhere are named where they would be missed.
	r.cfg.Database.Installation.Schema = "mksync"
	r.run().is("mksync's tables", doctor.Fail, "MKSYNC_SCHEMA is mksync", "mksync migrate move")
}
