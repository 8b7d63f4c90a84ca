package console_test

import (
	"fmt"
	"html"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestFirstMatchesAreApproved: one, another partner, later, all as a job, and none twice or as
// it was not shown; what the page counts is what it lists.
func TestFirstMatchesAreApproved(t *testing.T) {
	t.Parallel()
	h := open(t, func(w *world.World) { w.Config.FirstSync = syncer.FirstSyncReview })
	partner := func(name, street string) string {
		p, err := h.ERP.AddPartner(metakocka.Partner{
			Customer: name, Contacts: []metakocka.Contact{{Name: name, Email: name + "@primer.si"}},
			Addresses: []metakocka.Address{{Type: metakocka.AddressBilling, Street: street, PostNumber: "1000", City: "Ljubljana", Country: "Slovenija"}},
		})
		require.NoError(t, err)
		return p.MKID
	}
	ana := partner("ana", "Dunajska cesta 7")
	contacts := map[string]string{}
	for _, name := range []string{"ana", "bor", "cene", "dana"} {
		contacts[name] = h.Insert(name, name+"@primer.si")
	}
	require.NoError(t, h.s.Poller.Poll(t.Context()))
	for _, id := range contacts {
		h.Reconciled(h.s, id)
	}
	twins := h.unclear("twins")

	b := h.as(t, operations.Decider)
	require.Contains(t, b.get("/console/").body, `<a href="/console/waiting?kind=review"><b>4</b>`)
	require.Equal(t, 4, rows(b.get("/console/waiting?kind=review").body))
	a := b.get("/console/first-match")
	require.Equal(t, 4, rows(a.body))
	require.Contains(t, a.body, "Dunajska cesta 7", "beside the contact")
	for of, n := range map[string]int{"link": 1, "create": 3, "unclear": 1} {
		require.Contains(t, a.body, fmt.Sprintf(`<a href="/console/first-match?of=%s"><b>%d</b>`, of, n))
		require.Equal(t, n, rows(b.get("/console/first-match?of="+of).body), of)
	}
	require.Empty(t, h.ERP.Partners()[0].Contacts[0].GSM)
	require.Len(t, h.ERP.Partners(), 3, "nothing was written")

	// Later leads on, and leaves it as it is.
	link := b.get("/console/first-match?of=link")
	require.Zero(t, rows(b.get("/console/first-match?of=link&after=contact+"+contacts["ana"]).body))
	require.Contains(t, html.UnescapeString(link.body), "after=contact+"+contacts["ana"])

	// One is approved; sent again it is one all the same; edited meanwhile it is another.
	approve := b.button(link, "Yes, link it with ana ("+ana+")")
	a = b.led(b.do("POST", approve.action, approve.fields))
	require.Contains(t, a.notice(), "ana: approved, and linked with partner "+ana)
	require.Equal(t, "synced", h.One("SELECT sync_status FROM metakocka_contact_mappings WHERE contact_id = $1", contacts["ana"]))
	stale := approvalOf(b.get("/console/first-match?of=create"), contacts["bor"])
	h.Exec("UPDATE contacts SET phone = '041 222 333' WHERE id = $1", contacts["bor"])
	a = b.led(b.do("POST", stale.action, stale.fields))
	require.Contains(t, a.notice(), "is another since it was shown")
	require.Len(t, h.ERP.Partners(), 3)

	// All that are shown, as a job.
	all := b.button(b.get("/console/first-match"), "Approve all 3")
	a = b.led(b.do("POST", all.action, all.fields))
	require.Contains(t, a.notice(), "The job is in the queue.")
	h.Eventually(func() error {
		if n := len(h.ERP.Partners()); n != 6 {
			return fmt.Errorf("%d partners", n)
		}
		return nil
	})
	h.Eventually(func() error {
		if body := b.get("/console/first-match").body; rows(body) != 1 {
			return fmt.Errorf("more than %s wait", twins)
		}
		return nil
	})
	require.Contains(t, b.get("/console/jobs").body, "Approve first matches")

	require.NotContains(t, h.as(t, operations.Viewer).get("/console/first-match").body, "/console/do/")
}

// approvalOf is the form that approves what a contact's first match would do.
func approvalOf(a answer, contactID string) (found form) {
	for _, f := range a.forms() {
		if f.action == "/console/do/approve" && f.fields.Get("contact") == contactID {
			found = f
		}
	}
	return found
}

// rows is how many a page lists.
func rows(body string) int { return strings.Count(body, "data-row") }
