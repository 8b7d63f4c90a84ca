package operations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// namedPartners have nothing but a name, and the ids from 7001 on.
func namedPartners(names ...string) (partners []metakocka.Partner) {
	for i, name := range names {
		partners = append(partners, world.Person(fmt.Sprint(7001+i), name, "", ""))
	}
	return partners
}

// numbered are n names.
func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("Oseba ", i))
	}
	return names
}

// nameOnly adds a contact that has nothing but a name.
func (a *asked) nameOnly(name string) string {
	a.T.Helper()
	return a.Add(mapping.Contact{Name: name})
}

// pairsByNumber adds contacts of the numbered names, and pairs each with its partner.
func (a *asked) pairsByNumber(n int) (pairs []operations.Pair) {
	a.T.Helper()
	rows, err := a.DB.Query(a.ctx(), "INSERT INTO contacts (name) SELECT 'Oseba ' || i FROM generate_series(0, $1 - 1) AS i RETURNING id::text, (7001 + substr(name, 7)::int)::text", n)
	require.NoError(a.T, err)
	defer rows.Close()
	for rows.Next() {
		var p operations.Pair
		require.NoError(a.T, rows.Scan(&p.ContactID, &p.MetaKockaID))
		pairs = append(pairs, p)
	}
	require.NoError(a.T, rows.Err())
	return pairs
}

func (a *asked) takesOver(r operations.ImportPairsRequest) operations.ImportPairsResult {
	a.T.Helper()
	r.By = "ana"
	res, err := operations.OpImportPairs.Ask(a.ctx(), a.api, r)
	require.NoError(a.T, err)
	return res
}

// takesAllOver asks for a list part by part, and counts what became of it.
func (a *asked) takesAllOver(pairs []operations.Pair) map[operations.PairVerdict]int {
	a.T.Helper()
	counts := map[operations.PairVerdict]int{}
	further := false
	for part := range slices.Chunk(pairs, operations.MostPairs) {
		for v, n := range a.takesOver(operations.ImportPairsRequest{Pairs: part, Further: further}).Counts {
			counts[v] += n
		}
		further = true
	}
	return counts
}

// mappings are all links as they are stored.
func (a *asked) mappings() string {
	a.T.Helper()
	return a.One("SELECT string_agg(m::text, ' ' ORDER BY id) FROM metakocka_contact_mappings m")
}

// TestPairsOfAnotherIntegrationAreTakenOver: each as it is, or with what stands against it;
// first in a dry run, then linked, then brought in order, and then once more.
func TestPairsOfAnotherIntegrationAreTakenOver(t *testing.T) {
	t.Parallel()
	partners := namedPartners("Ana", "Bor", "Cene", "Dana", "Eva", "Fran", "Gaj", "Hana", "Iva", "Jan")
	partners[1].Contacts[0].Email = "erp@bor.si"
	a := asks(world.NewAudited(t, sim.Options{Partners: partners}))
	ana, bor, stranger := a.nameOnly("Ana"), a.Add(mapping.Contact{Name: "Bor", Email: "crm@bor.si", Phone: "041 555 111"}), a.nameOnly("Zora")
	holder, other, linked, parted := a.nameOnly("Cene"), a.nameOnly("Dana"), a.nameOnly("Eva"), a.nameOnly("Fran")
	twice, one, two := a.nameOnly("Gaj"), a.nameOnly("Hana"), a.nameOnly("Hana H")
	for _, p := range [][2]string{{holder, "7003"}, {linked, "7005"}, {parted, "7006"}} {
		_, err := operations.OpLink.Ask(a.ctx(), a.api, operations.LinkRequest{ContactID: p[0], MetaKockaID: p[1]})
		require.NoError(t, err)
	}
	_, err := operations.OpUnlink.Ask(a.ctx(), a.api, operations.UnlinkRequest{ContactID: parted})
	require.NoError(t, err)
	nobody := uuid.NewString()
	pairs := []operations.Pair{
		{ContactID: strings.ToUpper(ana), MetaKockaID: "7001"},
		{ContactID: bor, MetaKockaID: "7002"},
		{ContactID: stranger, MetaKockaID: "7010"},
		{ContactID: nobody, MetaKockaID: "7004"},
		{ContactID: "7", MetaKockaID: "7004"},
		{ContactID: other, MetaKockaID: "7999"},
		{ContactID: two, MetaKockaID: "7003"},
		{ContactID: holder, MetaKockaID: "7004"},
		{ContactID: linked, MetaKockaID: "7005"},
		{ContactID: parted, MetaKockaID: "7006"},
		{ContactID: twice, MetaKockaID: "7007"},
		{ContactID: twice, MetaKockaID: "7008"},
		{ContactID: one, MetaKockaID: "7009"},
		{ContactID: two, MetaKockaID: "7009"},
	}
	before, links := a.Written(), a.mappings()

	dry := a.takesOver(operations.ImportPairsRequest{Pairs: pairs, DryRun: true})
	items := map[string]operations.PairItem{}
	for _, item := range dry.Results {
		items[item.ContactID+" "+item.MetaKockaID] = item
	}
	for id, want := range map[string]struct {
		verdict operations.PairVerdict
		words   string
	}{
		strings.ToUpper(ana) + " 7001": {operations.PairTaken, "^$"},
		bor + " 7002":                  {operations.PairTaken, "^$"},
		stranger + " 7010":             {operations.PairTaken, "^$"},
		nobody + " 7004":               {operations.PairContactMissing, "there is no such contact"},
		"7 7004":                       {operations.PairContactMissing, "no id that a contact can have"},
		other + " 7999":                {operations.PairPartnerMissing, "MetaKocka has no such partner"},
		two + " 7003":                  {operations.PairPartnerLinked, "the partner is linked with contact " + holder},
		holder + " 7004":               {operations.PairContactLinked, "the contact is linked with partner 7003"},
		linked + " 7005":               {operations.PairLinked, "^$"},
		parted + " 7006":               {operations.PairParted, "a person said that the two are not one"},
		twice + " 7008":                {operations.PairTwice, "another pair of the list has its contact or its partner"},
		one + " 7009":                  {operations.PairTwice, "another pair of the list has its contact or its partner"},
	} {
		require.Equal(t, want.verdict, items[id].Verdict, id)
		require.Regexp(t, want.words, items[id].Reason)
		require.Equal(t, id == stranger+" 7010", items[id].Strangers, id)
	}
	require.Equal(t, 1, dry.Strangers)
	require.Equal(t, before, a.Written())
	require.Equal(t, links, a.mappings())

	against := map[operations.PairVerdict]int{"contact_missing": 2, "partner_missing": 1, "partner_linked": 1, "contact_linked": 1, "twice": 4, "parted": 1}
	for _, round := range []struct {
		request       operations.ImportPairsRequest
		taken, linked int
		statuses      map[store.Status]int
	}{
		{operations.ImportPairsRequest{LinkOnly: true}, 3, 1, map[store.Status]int{"synced": 2, "pending": 2}},
		{operations.ImportPairsRequest{Further: true}, 0, 4, map[store.Status]int{"synced": 4}},
		{operations.ImportPairsRequest{}, 0, 4, map[store.Status]int{"synced": 4}},
	} {
		round.request.Pairs = pairs
		res := a.takesOver(round.request)
		for v, n := range against {
			require.Equal(t, n, res.Counts[v], v)
		}
		require.Equal(t, []int{round.taken, round.linked}, []int{res.Counts["taken"], res.Counts["linked"]})
		require.Equal(t, round.statuses, res.Statuses)
	}
	require.Equal(t, "7001", a.Partner(ana).MKID)
	require.Equal(t, "synced: ", a.Mapping(ana))
	require.Equal(t, "crm@bor.si", a.Partner(bor).Contacts[0].Email, "a conflict, by the usual rule")
	require.Equal(t, 1, a.Count("SELECT count(*) FROM mksync_conflicts WHERE field = 'email' AND status = 'decided' AND partner_value = 'erp@bor.si'"))
	require.Equal(t, "ana (mappings import)", a.One("SELECT created_by FROM metakocka_contact_mappings WHERE contact_id = $1", ana))
	require.Equal(t, "none", a.Mapping(other))
	require.Equal(t, "unlinked", strings.Split(a.Mapping(parted), ":")[0])
	require.Len(t, a.ERP.Partners(), 10)
}

// TestManyPairsThatAgreeCostNoCall but those of the enumeration, and no write.
func TestManyPairsThatAgreeCostNoCall(t *testing.T) {
	t.Parallel()
	all := long.Or(60, operations.MostPairs+500) // at length more than one request takes
	w := world.NewAudited(t, sim.Options{Partners: namedPartners(numbered(all)...)})
	a := asks(w)
	pairs := a.pairsByNumber(all)
	_, err := operations.OpBulkSync.Ask(a.ctx(), a.api, operations.BulkSyncRequest{SyncAll: true, DryRun: true}) // an enumeration
	require.NoError(t, err)
	sweep := a.ERP.Calls().Total()

	require.Equal(t, map[operations.PairVerdict]int{"taken": all}, a.takesAllOver(pairs))
	calls := a.ERP.Calls().Total() - sweep
	t.Logf("%d calls for %d pairs, an enumeration has %d", calls, all, sweep)
	require.Equal(t, all, a.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
	require.Equal(t, world.Written{}, a.Written())
	require.LessOrEqual(t, calls, sweep, "one enumeration for all parts")

	before := a.ERP.Calls().Total()
	require.Equal(t, map[operations.PairVerdict]int{"linked": all}, a.takesAllOver(pairs))
	require.LessOrEqual(t, a.ERP.Calls().Total()-before, sweep)
	a.service.Close()
	s, _ := w.Start() // and a first sync finds nothing to do
	w.Idle(s)
	require.Equal(t, world.Written{}, w.Written())
	require.Len(t, w.ERP.Partners(), all)
}

// TestPairsAreTakenOverBesideTheFirstSync: whatever comes first, no contact of a pair gets a
// second partner where it had not got one before, and who was edited meanwhile keeps the edit.
func TestPairsAreTakenOverBesideTheFirstSync(t *testing.T) {
	t.Parallel()
	const all = 20
	w := world.NewAudited(t, sim.Options{Partners: namedPartners(numbered(all)...)})
	w.Config.MetaKockaTimeout = time.Minute // nobody knows of a partner that was made and not told
	a := asksOf(w, w.Up())
	w.Polls(1)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: waits.Stretch(200 * time.Millisecond)}}))
	pairs := a.pairsByNumber(all)
	w.Exec("UPDATE contacts SET phone = '041 234 5' || lpad(substr(name, 7), 2, '0')")
	w.Exec("CREATE TABLE pairs (contact_id uuid, metakocka_id text)")
	for _, p := range pairs {
		w.Exec("INSERT INTO pairs VALUES ($1, $2)", p.ContactID, p.MetaKockaID)
	}
	report := a.takesOver(operations.ImportPairsRequest{Pairs: pairs})
	w.Quiet(a.service)

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
// deleted in MetaKocka is missing.
func TestAPartnerThatNoSweepFindsIsAskedFor(t *testing.T) {
	t.Parallel()
	a := asks(world.New(t, sim.Options{ListAll: sim.Refused, Partners: namedPartners("王", "Bor", "Cene")}))
	wang, bor, cene := a.nameOnly("王"), a.nameOnly("Bor"), a.nameOnly("Cene")
	require.NoError(t, a.ERP.DeletePartner("7003"))
	res := a.takesOver(operations.ImportPairsRequest{Pairs: []operations.Pair{
		{ContactID: wang, MetaKockaID: "7001"}, {ContactID: bor, MetaKockaID: "7002"}, {ContactID: cene, MetaKockaID: "7003"},
	}})
	require.Equal(t, map[operations.PairVerdict]int{"taken": 2, "partner_missing": 1}, res.Counts)
	require.Equal(t, "7001", a.Partner(wang).MKID)
	require.Equal(t, "synced: ", a.Mapping(wang))
	require.Equal(t, "none", a.Mapping(cene))
}

// TestManyPairsWithPartnersOfSomewhereElse, as those of another company, are not asked for
// one by one.
func TestManyPairsWithPartnersOfSomewhereElse(t *testing.T) {
	t.Parallel()
	a := asks(world.New(t, sim.Options{}))
	res := a.takesOver(operations.ImportPairsRequest{Pairs: a.pairsByNumber(500), DryRun: true})
	require.Equal(t, map[operations.PairVerdict]int{"partner_missing": 500}, res.Counts)
	require.Less(t, a.ERP.Calls().Total(), 250)
	require.Empty(t, a.mappings())
}

// TestPairsOfContactsWithOtherKeys: the ids of a list are those of the contacts' key, however
// they are written there.
func TestPairsOfContactsWithOtherKeys(t *testing.T) {
	t.Parallel()
	for typ, ids := range map[string][2]string{"bigint": {"17", "017"}, "text": {"Stranka 17/č", "Stranka 17/č"}} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{Partners: namedPartners("Ana")})
			w.Exec("ALTER TABLE contacts ALTER id DROP DEFAULT, ALTER id TYPE " + typ + " USING NULL")
			_, err := service.Migrate(t.Context(), w.Config)
			require.NoError(t, err)
			w.Exec("INSERT INTO contacts (id, name) VALUES ($1::text::"+typ+", 'Ana')", ids[0])
			res := asks(w).takesOver(operations.ImportPairsRequest{Pairs: []operations.Pair{
				{ContactID: ids[1], MetaKockaID: "7001"}, {ContactID: "18", MetaKockaID: "7002"}, {ContactID: strings.Repeat("9", 600), MetaKockaID: "7003"},
			}})
			require.Equal(t, map[operations.PairVerdict]int{"taken": 1, "contact_missing": 2}, res.Counts)
			require.Equal(t, "7001 synced", w.One("SELECT metakocka_id || ' ' || sync_status FROM metakocka_contact_mappings WHERE contact_id::text = $1", ids[0]))
		})
	}
}
