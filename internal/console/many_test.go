package console_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestManyContactsAndTabs: with a hundred thousand contacts each page is there soon, and fifty
// tabs cost next to nothing.
func TestManyContactsAndTabs(t *testing.T) {
	long.Only(t)
	const soon = 300 * time.Millisecond
	h := open(t)
	h.Exec(`INSERT INTO contacts (name, email, phone, country) SELECT 'Oseba ' || i, 'oseba' || i || '@primer.si', '041 ' || i, 'SI' FROM generate_series(1, 100000) i`)
	h.Exec(`INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id, sync_status, last_synced_at, base)
		SELECT id, (228000000000 + row_number() OVER ())::text, CASE WHEN random() < 0.001 THEN 'error' ELSE 'synced' END, now(),
			jsonb_build_object('crm', jsonb_build_object('name', name), 'partner', jsonb_build_object('name', name)) FROM contacts`)
	h.Exec(`INSERT INTO mksync_history (contact_id, metakocka_id, side, act, cause, fields)
		SELECT contact_id, metakocka_id, 'metakocka', 'create', 'event', '{"name": {"base": "", "crm": "Oseba", "metakocka": "", "written": "Oseba", "reason": "made"}}' FROM metakocka_contact_mappings`)
	h.Exec("ANALYZE")
	b := h.as(t, operations.Admin)
	id := h.One("SELECT contact_id::text FROM metakocka_contact_mappings WHERE sync_status = 'synced' LIMIT 1")

	for _, page := range []string{"", "waiting", "waiting?kind=error", "contacts", "contacts?status=error", "contacts?search=oseba+99999", "contact?id=" + id, "errors", "deletions", "jobs", "history", "system"} {
		// The quickest of several: the others say what else the machine did meanwhile. It is
		// looked for until the page was quick enough, and a page that never is fails.
		var quickest time.Duration
		h.Eventually(func() error {
			for range 7 {
				watch := waits.Start()
				b.get("/console/" + page)
				if took := watch.Elapsed(); quickest == 0 || took < quickest {
					quickest = took
				}
			}
			if quickest >= soon {
				return fmt.Errorf("page %q takes %s, not less than %s", page, quickest, soon)
			}
			return nil
		})
		t.Logf("%-28s %s", page, quickest.Round(time.Millisecond))
	}

	before := heap()
	for range 50 {
		events, leave := b.follow("")
		defer leave()
		<-events
	}
	tabs := heap() - before
	t.Logf("50 tabs: %.1f MiB more", float64(tabs)/(1<<20))
	require.Less(t, tabs, int64(10<<20), "streams of fifty tabs, both ends of them in this process")
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse) //nolint:gosec // far below the limit
}
