package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestImportsAtTheSameTimeMakeOneContact: through two processes, each partner
// many times, and two partners with one e-mail.
func TestImportsAtTheSameTimeMakeOneContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{
		person("7001", "Ana", "SI11234059", "ana@partner.si"), person("7002", "Bor", "", "skupni@partner.si"),
		person("7003", "Cene", "", "skupni@partner.si"), person("7004", "Dana", "", "dana@partner.si"),
	}})
	w.sharing()
	dana := w.add(mapping.Contact{Name: "Dana", Email: "dana@partner.si"})
	var apis []*operations.API
	for range 2 {
		s, _ := w.start(service.RoleAPI)
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
	require.Equal(t, 4, w.count("SELECT count(*) FROM contacts"))
	require.Equal(t, 4, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
}

// TestAFirstMatchThatIsQuickerThanAnImport takes the partner while it is read.
func TestAFirstMatchThatIsQuickerThanAnImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Ana", "", "ana@partner.si")}})
	id := w.add(mapping.Contact{Name: "Ana"})
	s, _ := w.start(service.RoleAPI)
	var once sync.Once
	w.erp.OnCall(func(sim.Call) {
		once.Do(func() {
			w.exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES ($1, '7001', 'pending')", id)
		})
	})
	o, err := operations.OpImport.Ask(t.Context(), s.API(s.Monitor()), operations.ImportRequest{MetaKockaID: "7001"})
	require.NoError(t, err)
	require.Equal(t, id, o.ContactID)
	require.Equal(t, 1, w.count("SELECT count(*) FROM contacts"))
}

// TestUnsyncedPartnersCostNoCall: they are listed as they were seen.
func TestUnsyncedPartnersCostNoCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Ana", "", ""), person("7002", "Bor", "", "")}})
	_, stop := w.start(service.RolePoller)
	w.polls(1)
	stop()
	_, c := w.api()
	before := w.erp.Calls().Received
	var l operations.List[operations.Partner]
	c.get("partners/unsynced").data(&l)
	require.Len(t, l.Items, 2)
	require.Len(t, w.mksync("partners", "--unsynced").ids(), 2)
	require.Equal(t, before, w.erp.Calls().Received)
}

// TestAllPartnersAreImportedThroughACap: where an answer holds 100 partners at
// most.
func TestAllPartnersAreImportedThroughACap(t *testing.T) {
	t.Parallel()
	const n = 1100
	opts := sim.Options{AnswerCap: 100}
	for i := range n {
		p := person("", fmt.Sprintf("%c%c%c Gradnje %d", 'a'+i%23, 'a'+i%19, 'a'+i/23%20, i), "", fmt.Sprintf("p%d@partner.si", i))
		if i%100 == 0 {
			p.Customer = strings.Repeat("Ж", 1+i/100) + "ивко"
		}
		opts.Partners = append(opts.Partners, p)
	}
	w := newWorld(t, opts)
	s, _ := w.start(service.RoleAPI)
	res, err := operations.OpBulkImport.Ask(t.Context(), s.API(s.Monitor()), operations.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Equal(t, n, res.Imported)
	require.Equal(t, n, w.count("SELECT count(*) FROM contacts"))
	res, err = operations.OpBulkImport.Ask(t.Context(), s.API(s.Monitor()), operations.BulkImportRequest{ImportAll: true})
	require.NoError(t, err)
	require.Zero(t, res.Total)
	require.Equal(t, n, w.count("SELECT count(*) FROM contacts"))
}

// TestImportsMakeNoSecondContact of one that is not linked: its partner is gone
// and another one came, or the filter leaves it out.
func TestImportsMakeNoSecondContact(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"one", "all", "by itself"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{Partners: []metakocka.Partner{
				person("7001", "Ana", "SI11234059", ""), person("7002", "Bor", "SI21234051", ""),
				person("7003", "Cene", "SI31234054", ""), person("7004", "Cene", "SI31234054", ""),
			}})
			w.exec("ALTER TABLE contacts ADD COLUMN synced text")
			w.cfg.Filter = []config.Condition{{Column: "synced", Values: []string{"yes"}}}
			ana := w.one("INSERT INTO contacts (name, tax_number, synced) VALUES ('Ana', '11234059', 'yes') RETURNING id::text")
			bor := w.one("INSERT INTO contacts (name, tax_number) VALUES ('Bor', '21234051') RETURNING id::text")
			cene := w.one("INSERT INTO contacts (name, tax_number, synced) VALUES ('Cene', '31234054', 'yes') RETURNING id::text")
			for _, id := range []string{ana, cene} {
				w.exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status) VALUES ($1::uuid, 'gone' || $1::uuid, 'unlinked')", id)
			}
			if how != "by itself" {
				w.start(service.RoleAPI)
				w.eventually(func() error { return w.mksync("mappings").err })
			}
			switch how {
			case "one":
				w.mksync("import", "7001").lines()
				w.mksync("import", "7002").refused("partner 7002 matches contact "+bor, "left out by the configured filter")
				w.mksync("import", "7003").lines() // of several, the one that a person names
				w.status(cene, "synced")
			case "all":
				all := w.mksync("import", "--all")
				require.Contains(t, all.stdout, "partner 7002 matches contact "+bor+", which is left out by the configured filter")
				require.Contains(t, all.stdout, "7003  failed  contact "+cene+": several partners have its tax number")
			default:
				w.cfg.AutoImport = true
				w.start(service.RolePuller, service.RolePoller)
				w.status(cene, "held")
			}
			w.status(ana, "synced")
			require.Equal(t, "7001", w.partner(ana).MKID)
			require.Equal(t, 3, w.count("SELECT count(*) FROM contacts"))
		})
	}
}

// TestATaxNumberIsFoundAmongManyWithOneEmail: the rule asks for it first.
func TestATaxNumberIsFoundAmongManyWithOneEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{person("7001", "Ana", "SI11234059", "skupni@partner.si")}})
	w.exec("INSERT INTO contacts (id, name, email) SELECT ('00000000-0000-0000-0000-0000000000' || i)::uuid, 'Oseba', 'skupni@partner.si' FROM generate_series(10, 40) i")
	id := w.one("INSERT INTO contacts (id, name, tax_number) VALUES ('ffffffff-0000-4000-8000-000000000000', 'Ana', '11234059') RETURNING id::text")
	require.Contains(t, w.mksync("import", "7001").lines()[0], "contact "+id)
}

// TestPendingIsNotCountedTwice where no pusher ever ran.
func TestPendingIsNotCountedTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.persons(3)
	s, _ := w.start(service.RoleListener)
	w.eventually(func() error {
		if got := s.Monitor().Status(t.Context()); got.Pusher.Pending != 3 {
			return fmt.Errorf("%d are pending, %+v", got.Pusher.Pending, got.Streams)
		}
		return nil
	})
}
