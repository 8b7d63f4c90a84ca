package operations_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestImportsAtTheSameTimeMakeOneContact: through two processes, each partner
// many times, and two partners with one e-mail.
func TestImportsAtTheSameTimeMakeOneContact(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "SI11234059", "ana@partner.si"), world.Person("7002", "Bor", "", "skupni@partner.si"),
		world.Person("7003", "Cene", "", "skupni@partner.si"), world.Person("7004", "Dana", "", "dana@partner.si"),
	}})
	w.Sharing()
	dana := w.Add(mapping.Contact{Name: "Dana", Email: "dana@partner.si"})
	var apis []*operations.API
	for range 2 {
		s, _ := w.Start(service.RoleAPI)
		apis = append(apis, s.API(s.Monitor()))
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	contacts := map[string]map[string]bool{}
	for i := range 32 {
		group.Go(func() {
			id := fmt.Sprint(7001 + i%4)
			o, err := operations.OpImport.Ask(t.Context(), apis[i/4%2], operations.ImportRequest{MetaKockaID: id})
			mu.Lock()
			defer mu.Unlock()
			if contacts[id] == nil {
				contacts[id] = map[string]bool{}
			}
			contacts[id][o.ContactID+fmt.Sprint(err)] = true
		})
	}
	group.Wait()
	for id, found := range contacts {
		require.Len(t, found, 1, id)
	}
	require.True(t, contacts["7004"][dana+"<nil>"], contacts)
	require.Equal(t, 4, w.Count("SELECT count(*) FROM contacts"))
	require.Equal(t, 4, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
}

// TestAFirstMatchThatIsQuickerThanAnImport takes the partner while it is read.
func TestAFirstMatchThatIsQuickerThanAnImport(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Ana", "", "ana@partner.si")}})
	id := w.Add(mapping.Contact{Name: "Ana"})
	a := asks(w)
	var once sync.Once
	w.ERP.OnCall(func(sim.Call) {
		once.Do(func() {
			w.Exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES ($1, '7001', 'pending')", id)
		})
	})
	o, err := operations.OpImport.Ask(a.ctx(), a.api, operations.ImportRequest{MetaKockaID: "7001"})
	require.NoError(t, err)
	require.Equal(t, id, o.ContactID)
	require.Equal(t, 1, w.Count("SELECT count(*) FROM contacts"))
}

// TestAllPartnersAreImportedThroughACap: where an answer holds 100 partners at
// most.
func TestAllPartnersAreImportedThroughACap(t *testing.T) {
	t.Parallel()
	n := long.Or(150, 1100)
	opts := sim.Options{AnswerCap: 100}
	for i := range n {
		p := world.Person("", fmt.Sprintf("%c%c%c Gradnje %d", 'a'+i%23, 'a'+i%19, 'a'+i/23%20, i), "", fmt.Sprintf("p%d@partner.si", i))
		if i%100 == 0 {
			p.Customer = strings.Repeat("Ж", 1+i/100) + "ивко"
		}
		opts.Partners = append(opts.Partners, p)
	}
	w := world.New(t, opts)
	a := asks(w)
	res, err := operations.OpBulkImport.Ask(a.ctx(), a.api, operations.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Equal(t, n, res.Imported)
	require.Equal(t, n, w.Count("SELECT count(*) FROM contacts"))
	res, err = operations.OpBulkImport.Ask(a.ctx(), a.api, operations.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Zero(t, res.Total)
	require.Equal(t, n, w.Count("SELECT count(*) FROM contacts"))
}

// TestImportsMakeNoSecondContact of one that is not linked: its partner is gone
// and another one came, or the filter leaves it out.
func TestImportsMakeNoSecondContact(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"one", "all", "by itself"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{Partners: []metakocka.Partner{
				world.Person("7001", "Ana", "SI11234059", ""), world.Person("7002", "Bor", "SI21234051", ""),
				world.Person("7003", "Cene", "SI31234054", ""), world.Person("7004", "Cene", "SI31234054", ""),
			}})
			w.Exec("ALTER TABLE contacts ADD COLUMN synced text")
			w.Config.Filter = []config.Condition{{Column: "synced", Values: []string{"yes"}}}
			ana := w.One("INSERT INTO contacts (name, tax_number, synced) VALUES ('Ana', '11234059', 'yes') RETURNING id::text")
			bor := w.One("INSERT INTO contacts (name, tax_number) VALUES ('Bor', '21234051') RETURNING id::text")
			cene := w.One("INSERT INTO contacts (name, tax_number, synced) VALUES ('Cene', '31234054', 'yes') RETURNING id::text")
			for _, id := range []string{ana, cene} {
				w.Exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES ($1::uuid, 'gone' || $1::uuid, 'unlinked')", id)
			}
			switch how {
			case "one":
				a := asks(w)
				require.NoError(t, a.imports("7001"))
				refused(t, a.imports("7002"), "partner 7002 matches contact "+bor, "left out of the sync")
				require.NoError(t, a.imports("7003")) // of several, the one that a person names
				w.Status(cene, "synced")
			case "all":
				a := asks(w)
				all, err := operations.OpBulkImport.Ask(a.ctx(), a.api, operations.BulkImportRequest{ImportAll: true})
				require.NoError(t, err)
				said := map[string]string{}
				for _, r := range all.Results {
					said[r.MetaKockaID] = r.Error
				}
				require.Contains(t, said["7002"], "partner 7002 matches contact "+bor+", which is left out of the sync")
				require.Contains(t, said["7003"], "contact "+cene+": several partners have its tax number")
			default:
				w.Config.AutoImport = true
				w.Start(service.RolePuller, service.RolePoller)
				w.Status(cene, "held")
			}
			w.Status(ana, "synced")
			require.Equal(t, "7001", w.Partner(ana).MKID)
			require.Equal(t, 3, w.Count("SELECT count(*) FROM contacts"))
		})
	}
}

// TestATaxNumberIsFoundAmongManyWithOneEmail: the rule asks for it first.
func TestATaxNumberIsFoundAmongManyWithOneEmail(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Ana", "SI11234059", "skupni@partner.si")}})
	w.Exec("INSERT INTO contacts (id, name, email) SELECT ('00000000-0000-0000-0000-0000000000' || i)::uuid, 'Oseba', 'skupni@partner.si' FROM generate_series(10, 40) i")
	id := w.One("INSERT INTO contacts (id, name, tax_number) VALUES ('ffffffff-0000-4000-8000-000000000000', 'Ana', '11234059') RETURNING id::text")
	a := asks(w)
	o, err := operations.OpImport.Ask(a.ctx(), a.api, operations.ImportRequest{MetaKockaID: "7001"})
	require.NoError(t, err)
	require.Equal(t, id, o.ContactID)
}
