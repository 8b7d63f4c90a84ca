package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// importedPairs is what an import says in JSON.
func importedPairs(w *world.World, args ...string) (report pairsReport) {
	w.T.Helper()
	said := mksync(w, append([]string{"mappings", "import", "--json"}, args...)...)
	said.err = nil // what is not taken over is in the report
	said.read(&report)
	return report
}

// pairsFile is a file of the pairs, with the lines that it is given.
func pairsFile(w *world.World, lines ...string) string {
	w.T.Helper()
	path := filepath.Join(w.T.TempDir(), "pairs.csv")
	require.NoError(w.T, os.WriteFile(path, []byte(strings.Join(lines, "\r\n")), 0o600))
	return path
}

// TestPairsOfAFile, as spreadsheets write one, and of a table; what is said names lines and
// ids, and no person.
func TestPairsOfAFile(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "", ""), world.Person("7002", "Bor", "", ""), world.Person("7003", "Cene", "", ""),
	}})
	ana, bor := w.Add(mapping.Contact{Name: "Ana"}), w.Add(mapping.Contact{Name: "Bor"})
	path := pairsFile(w, "\xef\xbb\xbf\"Ime; priimek\";MetaKocka ID;\"Contact-ID\"", `"Skrivna; Oseba";7001;`+ana, "Skrivna;;"+bor, `"Skrivna
Oseba";" 7999 ";`+bor, "")
	said := mksync(w, "mappings", "import", path)
	require.ErrorIs(t, said.err, errInPart)
	require.Regexp(t, "^"+bor+"  partner 7999  partner missing  .*  line 4\n$", said.stdout)
	require.Contains(t, said.stderr, "1 row names no contact or no partner, and no pair, line 3 first")
	require.Contains(t, said.stderr, "2 pairs: 1 taken over, 1 partner missing")
	require.NotContains(t, said.stdout+said.stderr, "Skrivna")
	require.Equal(t, "synced: ", w.Mapping(ana))

	ok := mksyncReading(w, "crm;erp\n"+bor+";7002\n"+bor+";7002\n", "mappings", "import", "-", "--contact-column", "CRM", "--partner-column", "erp")
	require.NoError(t, ok.err, ok.stderr)
	require.Equal(t, "7002", w.Partner(bor).MKID)

	zora := w.Add(mapping.Contact{Name: "Zora"})
	w.Exec("CREATE TABLE crm_mappings (id serial, contactid text, mk_id text, synced boolean)")
	w.Exec("INSERT INTO crm_mappings (contactid, mk_id) VALUES ($1, '7001'), ($2, '7003'), ($2, NULL)", ana, zora)
	dry := mksync(w, "mappings", "import", "--from-table", "crm_mappings", "--dry-run")
	require.Len(t, dry.lines(), 1)
	require.Regexp(t, "^"+zora+"  partner 7003  taken over  .*nothing says that the two are one", dry.lines()[0])
	require.Contains(t, dry.stderr, "1 row names no contact or no partner")
	require.Equal(t, "none", w.Mapping(zora))
	report := importedPairs(w, "--from-table", "public.crm_mappings")
	require.Equal(t, map[operations.PairVerdict]int{"taken": 1, "linked": 1}, report.Counts)
	require.Equal(t, 1, report.Blank)
	require.Equal(t, operator()+" (mappings import)", w.One("SELECT created_by FROM metakocka_contact_mappings WHERE contact_id = $1", zora))

	for text, words := range map[string]string{
		"":                                    "it is empty",
		"\xff\xfea":                           "UTF-16",
		"contact_id;name\na;b\n":              "no column has a usual name of the partner's id (metakocka_id)",
		"Skrivna,7001\nOseba,2\n":             "no column has a usual name of the contact's id (contact_id): say which it is with --contact-column",
		"contact_id,mk_id\n":                  "there is no pair",
		"contact_id,mk_id\n1,\"Skriv\"na,2\n": `line 2: extraneous or missing " in quoted-field`,
	} {
		said := mksyncReading(w, text, "mappings", "import", "-")
		said.refused(words)
		require.NotContains(t, said.stderr, "Skriv")
	}
	mksync(w, "mappings", "import").refused("name a CSV file, or a table with --from-table")
	mksync(w, "mappings", "import", path, "--from-table", "x").refused("either a file or --from-table")
	mksync(w, "mappings", "import", "--from-table", "nowhere").refused("there is no table public.nowhere")
	mksync(w, "mappings", "import", "--from-table", "contacts").refused("it has id, name, company_name")
	mksync(w, "mappings", "import", "--from-table", "metakocka_contact_mappings").refused("is mksync's own")
}

// TestTakingOverGoesOnAfterAKill: killed while it brings pairs in order, the same command
// does the rest. All are linked by then, so a service that starts in between makes no
// partner for any of them, and loses no edit.
func TestTakingOverGoesOnAfterAKill(t *testing.T) {
	long.Only(t)
	t.Parallel()
	const all = 24
	var partners []metakocka.Partner
	for i := range all {
		partners = append(partners, world.Person(fmt.Sprint(100000+i), fmt.Sprint("Oseba ", i), "", ""))
	}
	w := world.NewAudited(t, sim.Options{Partners: partners})
	w.Config.PollInterval = time.Second
	w.Exec("INSERT INTO contacts (name, phone) SELECT 'Oseba ' || i, CASE WHEN i % 3 > 0 THEN '041 234 5' || lpad(i::text, 2, '0') END FROM generate_series(0, $1 - 1) AS i", all)
	w.Exec("CREATE TABLE pairs AS SELECT id AS contact_id, (100000 + substr(name, 7)::int)::text AS metakocka_id FROM contacts")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointUpdate: 50 * time.Millisecond}}))

	log := &keeper.Log{}
	c := spawn(w, log, "mappings", "import", "--from-table", "pairs")
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n <= all/3 {
			return fmt.Errorf("%d are in order: %s", n, log.Tail())
		}
		return nil
	})
	c.kill()
	require.Equal(t, all, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE metakocka_id IS NOT NULL"))
	require.Positive(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'pending' AND retry_at > now()"), "some are left")

	// Both sides are edited meanwhile, and a service runs.
	left := w.One("SELECT max(contact_id::text) FROM metakocka_contact_mappings WHERE sync_status = 'pending'")
	w.Exec("UPDATE contacts SET phone = '041 999 888', updated_at = now() WHERE id = $1", left)
	w.Edit(w.Partner(left), func(p *metakocka.Partner) { p.Contacts[0].Email = "erp@primer.si" })
	w.Exec("DELETE FROM audit") // a snapshot has one event of each contact
	s := w.Up()
	report := importedPairs(w, "--from-table", "pairs")
	require.Equal(t, map[operations.PairVerdict]int{"linked": all}, report.Counts)
	require.Equal(t, map[store.Status]int{"synced": all}, report.Statuses)
	w.Quiet(s)
	require.Zero(t, w.Written().Adds)
	require.Len(t, w.ERP.Partners(), all)
	require.Equal(t, "erp@primer.si", w.Contact(left).Email)
	require.Equal(t, "041 999 888", w.Partner(left).Contacts[0].GSM)
	require.LessOrEqual(t, w.Written().Updates, all*2/3+8, "what was killed under way may be sent once more")
}
