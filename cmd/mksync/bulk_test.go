package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// undecided are contacts and partners of every kind of first match.
func undecided(t testing.TB) (*world.World, map[string]string) {
	t.Helper()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "SI11234059", "ana@primer.si"), world.Person("7002", "Bor", "", "bor@primer.si"),
		world.Person("7003", "Twin", "", "twin@primer.si"), world.Person("7004", "Twin", "", "twin@primer.si"),
		world.Person("7005", "Shared", "SI51234050", ""), world.Person("7006", "Alone", "SI61234052", "alone@primer.si"),
	}})
	w.Exec(world.AuditSQL)
	ids := map[string]string{}
	for name, c := range map[string]mapping.Contact{
		"tax":     {Name: "Ana", TaxNumber: "11234059", Email: "ana@primer.si"},
		"mail":    {Name: "Bor", Email: "BOR@primer.si"},
		"mail2":   {Name: "Anina", Email: "ana@primer.si"}, // Ana has the tax number
		"twin":    {Name: "Twin", Email: "twin@primer.si"},
		"shared1": {Name: "Shared", TaxNumber: "SI51234050"},
		"shared2": {Name: "Shared", TaxNumber: "51234050"},
		"invalid": {Name: " ", Email: "bad@primer.si"},
		"new":     {Name: "New", Email: "new@primer.si"},
		"same1":   {Name: "Same", TaxNumber: "71234055"}, "same2": {Name: "Same", TaxNumber: "71234055"},
	} {
		ids[name] = w.Add(c)
	}
	return w, ids
}

func TestAllContactsAreMatchedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	w, ids := undecided(t)
	want := map[match.Verdict]int{match.VerdictLink: 2, match.VerdictCreate: 2, match.VerdictAmbiguous: 5, match.VerdictInvalid: 1}
	var report matchReport
	mksync(w, "sync", "--all", "--dry-run", "--json").read(&report)
	require.Equal(t, want, report.Counts)
	require.Len(t, report.Decisions, 10)
	dry := mksync(w, "sync", "--all", "--dry-run")
	require.Len(t, dry.lines(), 10)
	require.Contains(t, dry.stderr, "10 contacts: 2 to link, 2 to create, 5 ambiguous, 1 invalid")
	require.Contains(t, dry.stdout, "several partners have its e-mail (7003, 7004)")
	require.Equal(t, world.Written{}, w.Written())
	require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings"))

	s := mksync(w, "sync", "--all")
	require.ErrorIs(t, s.err, errReported)
	require.Contains(t, s.stderr, "syncing")
	require.Contains(t, s.stderr, "2 linked now, 2 created, 6 failed")
	require.Contains(t, s.stdout, ids["twin"]+"  held    several partners have its e-mail (7003, 7004)")
	require.Contains(t, s.stdout, ids["mail2"]+"  held    matches partner 7001, which contact "+ids["tax"])
	require.Contains(t, s.stdout, ids["shared1"]+"  held    several contacts match partner 7005")
	require.Contains(t, s.stdout, ids["shared2"]+"  held    several contacts match partner 7005")
	require.Contains(t, s.stdout, ids["invalid"]+"  failed  name:")
	require.Equal(t, world.Written{Adds: 2}, w.Written())
	require.Equal(t, "7001", w.Partner(ids["tax"]).MKID)
	require.Equal(t, "7002", w.Partner(ids["mail"]).MKID)
	first, second := min(ids["same1"], ids["same2"]), max(ids["same1"], ids["same2"])
	w.Status(first, "synced")
	require.Equal(t, "held: contact "+first+" has the same tax number: merge the two contacts where they are one; a colleague gets a partner of its own by mksync sync --new, or is left out by the filter", w.Mapping(second))

	calls := w.ERP.Calls().Received[metakocka.EndpointGet]
	again := mksync(w, "sync", "--all")
	require.Contains(t, again.stderr, "4 linked already, 6 failed")
	require.Equal(t, world.Written{Adds: 2}, w.Written())
	require.Less(t, w.ERP.Calls().Received[metakocka.EndpointGet]-calls, 50, "nothing is asked for but the enumeration")

	w.Start() // the snapshot's lane comes to the same
	mksync(w, "sync", "--all").refused("4 linked already, 6 failed", "through the running service")
	require.Equal(t, world.Written{Adds: 2}, w.Written())
}

func TestAllPartnersAreImportedOnce(t *testing.T) {
	t.Parallel()
	w, ids := undecided(t)
	w.Start("api", "poller")
	w.Eventually(func() error { return mksync(w, "mappings").err })
	dry := mksync(w, "import", "--all", "--dry-run")
	require.Len(t, dry.lines(), 6)
	require.Equal(t, world.Written{}, w.Written())
	s := mksync(w, "import", "--all")
	require.ErrorIs(t, s.err, errReported)
	require.Contains(t, s.stderr, "6 partners that no contact is linked with: 2 linked now, 1 created, 3 failed")
	require.Contains(t, s.stdout, "7005  failed  contact ")
	require.Equal(t, world.Written{Contacts: 1}, w.Written())
	require.Equal(t, "7001", w.Partner(ids["tax"]).MKID)
	mksync(w, "import", "--all").refused("3 partners that no contact is linked with: 3 failed")
	require.Equal(t, world.Written{Contacts: 1}, w.Written())
	require.Equal(t, 11, w.Count("SELECT count(*) FROM contacts"))
}

func TestBulkCommandsSayWhatTheyMiss(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	mksync(w, "sync").refused("name the contacts, or give --all")
	mksync(w, "import", "7001", "--dry-run").refused("--dry-run goes with --all")
}
