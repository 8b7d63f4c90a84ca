package operations_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestFirstMatchesAreListedAndApproved: as many as are counted, page by page; one by its
// version, and all by a job that carries out what was shown and nothing else.
func TestFirstMatchesAreListedAndApproved(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Kompas", "SI50223054", "kranj@kompas-test.si"), world.Person("7002", "Nobody's", "", "nobodys@partner.si"),
		world.Person("7003", "Twin", "", "twin@partner.si"), world.Person("7004", "Twin", "", "twin@partner.si"),
	}})
	w.Config.FirstSync = syncer.FirstSyncReview
	firm := w.Add(mapping.Contact{Name: "Kompas Kranj", TaxNumber: "50223054", Country: "SI"})
	twin := w.Add(mapping.Contact{Name: "Twin", Email: "twin@partner.si"})
	var news []string
	for i := range 25 { // more than are asked for one by one
		news = append(news, w.Add(mapping.Contact{Name: fmt.Sprintf("Oseba %d", i), Email: fmt.Sprintf("oseba%d@primer.si", i)}))
	}
	s, c := w.API(service.RoleListener, service.RolePusher, service.RolePuller, service.RolePoller)
	for _, id := range append([]string{firm, twin}, news...) {
		w.Status(id, "held")
	}
	c.Post("contacts/import", `{"metakockaId":"7002"}`).Refused(409, "conflict", "waits for approval")

	read := func(query string) (l operations.FirstMatches) {
		c.Get("review" + query).Data(&l)
		return l
	}
	all := map[string]operations.FirstMatch{}
	first := read("?limit=10")
	for page := first; ; page = read("?limit=10&after=" + url.QueryEscape(page.Next)) {
		for _, m := range page.Items {
			all[m.ContactID+m.MetaKockaID] = m
		}
		if page.Next == "" {
			break
		}
	}
	require.Len(t, all, 27)
	require.Equal(t, map[store.Proposed]int{store.ProposeLink: 1, store.ProposeCreate: 25, store.ProposeImport: 1}, first.Counts)
	require.Equal(t, 27, s.Monitor().Status(t.Context()).FirstMatches)
	link := all[firm+"7001"]
	require.Equal(t, []any{store.ProposeLink, "7001", "Kompas"}, []any{link.Does, link.Candidates[0].MetaKockaID, link.Candidates[0].Name})
	require.Len(t, read("?does=import").Items, 1)
	require.Len(t, read("?contactId="+firm).Items, 1)
	c.Get("review?does=nothing").Refused(400, "malformed", "does")
	c.Get("review?after=x").Refused(400, "malformed", "after")
	require.Equal(t, world.Written{}, w.Written())

	// One, and not in a version that is none.
	c.Post("review/approve", fmt.Sprintf(`{"contactId":%q,"version":"x"}`, firm)).Refused(409, "conflict", "another since it was shown")
	c.Post("review/approve", fmt.Sprintf(`{"contactId":%q}`, firm)).Refused(400, "malformed", "version")
	var o operations.Outcome
	c.Post("review/approve", fmt.Sprintf(`{"contactId":%q,"version":%q}`, firm, link.Version)).Data(&o)
	require.Equal(t, []any{"7001", store.StatusSynced}, []any{o.MetaKockaID, o.SyncStatus})

	// Who was edited, and who came, since the list was shown, goes on waiting.
	w.Set(news[0], mapping.FieldName, "Somebody else")
	late := w.Add(mapping.Contact{Name: "Late", Email: "late@primer.si"})
	w.Status(late, "held")
	w.Eventually(func() error {
		if found := read("?contactId=" + news[0]).Items; len(found) != 1 || found[0].Version == all[news[0]].Version {
			return fmt.Errorf("what is proposed for %s is not renewed", news[0])
		}
		return nil
	})
	ask := fmt.Sprintf(`{"asOf":%q}`, first.AsOf)
	var would operations.ApproveAllResult
	c.Post("review/approve-all", fmt.Sprintf(`{"asOf":%q,"dryRun":true}`, first.AsOf)).Data(&would)
	require.Equal(t, []any{27, 2, map[store.Proposed]int{store.ProposeCreate: 24, store.ProposeImport: 1}}, []any{would.Total, would.Changed, would.Counts})
	require.Zero(t, w.Written().Adds)
	job := c.Until(w, c.LaterAt("review/approve-all", ask), world.Ended)
	require.Equal(t, []any{27, 27, 2}, []any{job.Total, job.Done, job.Failed}, string(job.Result))
	items, err := job.Items()
	require.NoError(t, err)
	var left []string
	for _, i := range items {
		if !i.Success {
			require.Contains(t, i.Error, "since the list was shown")
			left = append(left, i.ContactID)
		}
	}
	require.ElementsMatch(t, []string{news[0], late}, left)
	require.Equal(t, "Nobody's", w.Contact(w.ContactOf("7002")).Name)
	require.Equal(t, world.Written{Adds: 24, Contacts: w.Written().Contacts, Updates: w.Written().Updates}, w.Written())
	require.Equal(t, 24, w.Count("SELECT count(*) FROM mksync_history WHERE act = 'create' AND side = 'metakocka' AND cause = 'job' AND by = 'crm'"))
	c.Post("review/approve-all", `{"asOf":"now"}`).Refused(400, "malformed", "asOf")

	// All that waits now, but for whom a person has to choose: that is an answer by itself.
	require.Equal(t, map[store.Proposed]int{store.ProposeCreate: 2, store.ProposeImport: 0}, read("").Counts)
	c.Post("review/approve-all", fmt.Sprintf(`{"asOf":%q}`, read("").AsOf)).Data(&would)
	require.Equal(t, 2, would.Approved)
	c.Post("contacts/link", fmt.Sprintf(`{"contactId":%q,"metakockaId":"7004"}`, twin)).Data(&o)
	require.Equal(t, "7004", o.MetaKockaID)
	require.Empty(t, read("").Items)
	require.Empty(t, w.Letters(s))
}

// TestTwoContactsOfOneKeyMakeOnePartner: each was proposed one of its own; the second is
// then another matter.
func TestTwoContactsOfOneKeyMakeOnePartner(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.FirstSync = syncer.FirstSyncReview })
	ctx := context.WithoutCancel(t.Context())
	api := h.Service.API(h.Service.Monitor())
	one := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	other := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	h.Pushed(one, false)
	h.Pushed(other, false)
	l, err := api.Review(ctx, operations.ReviewRequest{})
	require.NoError(t, err)
	require.Len(t, l.Items, 2)
	done, err := api.ApproveAll(ctx, operations.ApproveAllRequest{AsOf: l.AsOf, By: "ana"})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{done.Approved, done.Failed}, done.Results)
	require.Len(t, h.ERP.Partners(), 1)

	// Whoever was woken by the other one's link is looked at again.
	h.Pushed(one, false)
	h.Pushed(other, false)
	require.Equal(t, 1, h.Service.Monitor().Status(ctx).HeldMatches)
}
