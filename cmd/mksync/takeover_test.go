package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// foreign is a table of pairs as another integration has it, beside the contacts.
func foreign(w *world.World, pairs ...[2]string) {
	w.T.Helper()
	w.Exec("CREATE TABLE IF NOT EXISTS crm_mappings (id serial, contactid text, mk_id text, synced boolean)")
	for _, p := range pairs {
		w.Exec("INSERT INTO crm_mappings (contactid, mk_id) VALUES (nullif($1, ''), nullif($2, ''))", p[0], p[1])
	}
}

// named are a partner and a contact that have nothing but a name.
func namedPartner(id, name string) metakocka.Partner { return world.Person(id, name, "", "") }

func nameOnly(w *world.World, name string) string { return w.Add(mapping.Contact{Name: name}) }

// TestPairsOfAnotherIntegrationAreTakenOver: each as it is, or with what stands against it;
// first in a dry run, then in earnest, and then once more.
func TestPairsOfAnotherIntegrationAreTakenOver(t *testing.T) {
	t.Parallel()
	var partners []metakocka.Partner
	for i, name := range []string{"Ana", "Bor", "Cene", "Dana", "Eva", "Fran", "Gaj", "Hana", "Iva", "Jan"} {
		partners = append(partners, namedPartner(fmt.Sprint(7001+i), name))
	}
	partners[1].Contacts[0].Email = "erp@bor.si"
	w := world.NewAudited(t, sim.Options{Partners: partners})
	ana, bor, stranger := nameOnly(w, "Ana"), w.Add(mapping.Contact{Name: "Bor", Email: "crm@bor.si", Phone: "041 555 111"}), nameOnly(w, "Zora")
	holder, other, linked, parted := nameOnly(w, "Cene"), nameOnly(w, "Dana"), nameOnly(w, "Eva"), nameOnly(w, "Fran")
	twice, one, two := nameOnly(w, "Gaj"), nameOnly(w, "Hana"), nameOnly(w, "Hana H")
	for _, p := range [][2]string{{holder, "7003"}, {linked, "7005"}, {parted, "7006"}} {
		require.NoError(t, mksync(w, "link", p[0], p[1]).err)
	}
	require.NoError(t, mksync(w, "unlink", parted).err)
	nobody := uuid.NewString()
	foreign(w, [][2]string{
		{strings.ToUpper(ana), "7001"},
		{bor, "7002"},
		{stranger, "7010"},
		{nobody, "7004"},
		{"7", "7004"},
		{other, "7999"},
		{other, ""},
		{two, "7003"},
		{holder, "7004"},
		{linked, "7005"},
		{parted, "7006"},
		{twice, "7007"},
		{twice, "7008"},
		{one, "7009"},
		{two, "7009"},
	}...)
	before, links := w.Written(), w.One("SELECT string_agg(m::text, ' ' ORDER BY id) FROM metakocka_contact_mappings m")

	dry := mksync(w, "mappings", "import", "--from-table", "crm_mappings", "--dry-run")
	for id, words := range map[string]string{
		stranger: "nothing says that the two are one", nobody: "contact missing", "7 ": "contact missing", other: "partner missing",
		two: "partner linked elsewhere +the partner is linked with contact " + holder, holder: "contact linked already with another",
		parted: "parted by a person", one: "twice in the list",
	} {
		require.Regexp(t, "(?m)^"+id+".*"+words, strings.Join(dry.lines(), "\n"))
	}
	require.NotContains(t, dry.stdout, ana)
	require.Contains(t, dry.stderr, "1 row names no contact or no partner")
	require.Equal(t, before, w.Written())
	require.Equal(t, links, w.One("SELECT string_agg(m::text, ' ' ORDER BY id) FROM metakocka_contact_mappings m"))

	for _, round := range []map[operations.PairVerdict]int{
		{"taken": 3, "linked": 1, "contact_missing": 2, "partner_missing": 1, "partner_linked": 1, "contact_linked": 1, "twice": 4, "parted": 1},
		{"linked": 4, "contact_missing": 2, "partner_missing": 1, "partner_linked": 1, "contact_linked": 1, "twice": 4, "parted": 1},
	} {
		report := importedPairs(w, "--from-table", "public.crm_mappings")
		require.Equal(t, round, report.Counts)
		require.Equal(t, 1, report.Blank)
	}
	require.Equal(t, "7001", w.Partner(ana).MKID)
	require.Equal(t, "synced: ", w.Mapping(ana))
	require.Equal(t, "crm@bor.si", w.Partner(bor).Contacts[0].Email, "a conflict, by the usual rule")
	require.Equal(t, 1, w.Count("SELECT count(*) FROM mksync_conflicts WHERE field = 'email' AND status = 'decided' AND partner_value = 'erp@bor.si'"))
	require.Equal(t, operator()+" (mappings import)", w.One("SELECT created_by FROM metakocka_contact_mappings WHERE contact_id = $1", ana))
	require.Equal(t, "none", w.Mapping(other))
	require.Equal(t, "unlinked", strings.Split(w.Mapping(parted), ":")[0])
	require.Len(t, w.ERP.Partners(), 10)
}

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

// TestPairsOfAFile, as spreadsheets write one; what is said names lines and ids, and no
// person.
func TestPairsOfAFile(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{namedPartner("7001", "Ana"), namedPartner("7002", "Bor")}})
	ana, bor := nameOnly(w, "Ana"), nameOnly(w, "Bor")
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

// TestManyPairsThatAgreeCostNoCall but those of the enumeration, and no write.
func TestManyPairsThatAgreeCostNoCall(t *testing.T) {
	t.Parallel()
	all := long.Or(150, operations.MostPairs+500) // at length more than one request takes
	var partners []metakocka.Partner
	for i := range all {
		partners = append(partners, namedPartner(fmt.Sprint(100000+i), fmt.Sprint("Oseba ", i)))
	}
	w := world.NewAudited(t, sim.Options{Partners: partners})
	w.Exec("INSERT INTO contacts (name) SELECT 'Oseba ' || i FROM generate_series(0, $1 - 1) AS i", all)
	w.Exec("CREATE TABLE pairs AS SELECT id AS contact_id, (100000 + substr(name, 7)::int)::text AS metakocka_id FROM contacts")
	require.NoError(t, mksync(w, "sync", "--all", "--dry-run").err) // an enumeration
	sweep := w.ERP.Calls().Total()

	report := importedPairs(w, "--from-table", "pairs")
	calls := w.ERP.Calls().Total() - sweep
	t.Logf("%d calls for %d pairs, an enumeration has %d", calls, all, sweep)
	require.Equal(t, map[operations.PairVerdict]int{"taken": all}, report.Counts)
	require.Equal(t, all, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
	require.Equal(t, world.Written{}, w.Written())
	require.LessOrEqual(t, calls, sweep, "one enumeration for all parts")

	before := w.ERP.Calls().Total()
	require.Equal(t, map[operations.PairVerdict]int{"linked": all}, importedPairs(w, "--from-table", "pairs").Counts)
	require.LessOrEqual(t, w.ERP.Calls().Total()-before, sweep)
	s, _ := w.Start() // and a first sync finds nothing to do
	w.Idle(s)
	require.Equal(t, world.Written{}, w.Written())
	require.Len(t, w.ERP.Partners(), all)
}

// TestTakingOverGoesOnAfterAKill: killed while it brings pairs in order, the same command
// does the rest. All are linked by then, so a service that starts in between makes no
// partner for any of them, and loses no edit.
func TestTakingOverGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	const all = 24
	var partners []metakocka.Partner
	for i := range all {
		partners = append(partners, namedPartner(fmt.Sprint(100000+i), fmt.Sprint("Oseba ", i)))
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

// TestPairsAreTakenOverBesideTheFirstSync: whatever comes first, no contact of a pair gets a
// second partner where it had not got one before, and who was edited meanwhile keeps the edit.
func TestPairsAreTakenOverBesideTheFirstSync(t *testing.T) {
	t.Parallel()
	const all = 20
	var partners []metakocka.Partner
	for i := range all {
		partners = append(partners, namedPartner(fmt.Sprint(100000+i), fmt.Sprint("Oseba ", i)))
	}
	w := world.NewAudited(t, sim.Options{Partners: partners})
	w.Config.MetaKockaTimeout = time.Minute // nobody knows of a partner that was made and not told
	s := w.Up()
	w.Polls(1)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: waits.Stretch(200 * time.Millisecond)}}))
	w.Exec("INSERT INTO contacts (name, phone) SELECT 'Oseba ' || i, '041 234 5' || lpad(i::text, 2, '0') FROM generate_series(0, $1 - 1) AS i", all)
	w.Exec("CREATE TABLE pairs AS SELECT id AS contact_id, (100000 + substr(name, 7)::int)::text AS metakocka_id FROM contacts")
	report := importedPairs(w, "--from-table", "pairs")
	w.Quiet(s)

	taken := report.Counts["taken"] + report.Counts["linked"]
	require.Equal(t, all, taken+report.Counts["contact_linked"], report.Counts)
	require.Equal(t, all-taken, w.Written().Adds)
	require.Equal(t, taken, w.Count("SELECT count(*) FROM metakocka_contact_mappings m JOIN pairs p USING (contact_id, metakocka_id)"))
	require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status <> 'synced'"))
	for _, item := range report.Results {
		if item.Verdict == "contact_linked" {
			require.Contains(t, item.Reason, "mksync unlink the contact and mksync link the two")
		}
	}
	t.Logf("%d taken over, %d had a partner of their own by then", taken, all-taken)
}

// TestAPartnerThatNoSweepFindsIsAskedFor by its id before its pair is given up; one that was
// deleted in MetaKocka is missing. Through the running service, over NATS.
func TestAPartnerThatNoSweepFindsIsAskedFor(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{ListAll: sim.Refused, Partners: []metakocka.Partner{namedPartner("7001", "王"), namedPartner("7002", "Bor"), namedPartner("7003", "Cene")}})
	wang, bor, cene := nameOnly(w, "王"), nameOnly(w, "Bor"), nameOnly(w, "Cene")
	w.Start("api")
	w.Eventually(func() error { return mksync(w, "mappings").err })
	require.NoError(t, w.ERP.DeletePartner("7003"))
	said := mksync(w, "mappings", "import", pairsFile(w, "contact_id,metakocka_id", wang+",7001", bor+",7002", cene+",7003"))
	require.ErrorIs(t, said.err, errInPart)
	require.Contains(t, said.stderr, "through the running service")
	require.Contains(t, said.stderr, "3 pairs: 2 taken over, 1 partner missing")
	require.Equal(t, "7001", w.Partner(wang).MKID)
	require.Equal(t, "synced: ", w.Mapping(wang))
	require.Equal(t, "none", w.Mapping(cene))
}

// TestManyPairsWithPartnersOfSomewhereElse, as those of another company, are not asked for
// one by one.
func TestManyPairsWithPartnersOfSomewhereElse(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Exec("INSERT INTO contacts (name) SELECT 'Oseba ' || i FROM generate_series(1, 500) AS i")
	w.Exec("CREATE TABLE pairs AS SELECT id AS contact_id, 900000 + row_number() OVER () AS metakocka_id FROM contacts")
	report := importedPairs(w, "--from-table", "pairs", "--dry-run")
	require.Equal(t, map[operations.PairVerdict]int{"partner_missing": 500}, report.Counts)
	require.Less(t, w.ERP.Calls().Total(), 250)
	require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings"))
}

// TestPairsAreTakenOverOverHTTP: all at once, with what differs.
func TestPairsAreTakenOverOverHTTP(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{namedPartner("7001", "Ana"), namedPartner("7002", "Bor")}})
	ana, bor := nameOnly(w, "Ana"), w.Add(mapping.Contact{Name: "Bor", Phone: "041 234 567"})
	_, c := w.API("api")
	body := fmt.Sprintf(`{"pairs":[{"contactId":%q,"metakockaId":"7001"},{"contactId":%q,"metakockaId":"7002"},{"contactId":"7","metakockaId":"7003"}]}`, ana, bor)
	var res operations.ImportPairsResult
	c.Post("contacts/mappings/import", body).Data(&res)
	require.Equal(t, map[operations.PairVerdict]int{"taken": 2, "contact_missing": 1}, res.Counts)
	require.Equal(t, map[store.Status]int{"synced": 2}, res.Statuses)
	require.Equal(t, bor, res.Results[1].ContactID)
	require.Equal(t, "041 234 567", w.Partner(bor).Contacts[0].GSM)
	require.Equal(t, "crm (mappings import)", w.One("SELECT created_by FROM metakocka_contact_mappings WHERE contact_id = $1", bor))
	for body, words := range map[string]string{
		`{}`: "pairs: name some",
		`{"pairs":[{"contactId":"","metakockaId":"1"}]}`:                                "pairs[0].contactId: is missing",
		`{"pairs":[{"contactId":"1","metakockaId":"a b"}]}`:                             "pairs[0].metakockaId: is not an id",
		`{"pairs":[{"contactId":"1","metakockaId":"1"}],"dryRun":true,"linkOnly":true}`: "linkOnly: does nothing",
	} {
		c.Post("contacts/mappings/import", body).Refused(400, "malformed", words)
	}
}

// TestPairsOfContactsWithOtherKeys: the ids of a list are those of the contacts' key, however
// they are written there.
func TestPairsOfContactsWithOtherKeys(t *testing.T) {
	t.Parallel()
	for typ, ids := range map[string][2]string{"bigint": {"17", "017"}, "text": {"Stranka 17/č", "Stranka 17/č"}} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{Partners: []metakocka.Partner{namedPartner("7001", "Ana")}})
			w.Exec("ALTER TABLE contacts ALTER id DROP DEFAULT, ALTER id TYPE " + typ + " USING NULL")
			require.NoError(t, mksync(w, "migrate", "up").err)
			w.Exec("INSERT INTO contacts (id, name) VALUES ($1::text::"+typ+", 'Ana')", ids[0])
			foreign(w, [2]string{ids[1], "7001"}, [2]string{"18", "7002"}, [2]string{strings.Repeat("9", 600), "7003"})
			report := importedPairs(w, "--from-table", "crm_mappings")
			require.Equal(t, map[operations.PairVerdict]int{"taken": 1, "contact_missing": 2}, report.Counts)
			require.Equal(t, "7001 synced", w.One("SELECT metakocka_id || ' ' || sync_status FROM metakocka_contact_mappings WHERE contact_id::text = $1", ids[0]))
		})
	}
}
