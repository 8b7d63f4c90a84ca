package syncer_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestAContactIsLeftOutByHand: nothing is written to either side then, whoever asks; what
// happens meanwhile is seen when it is taken in again.
func TestAContactIsLeftOutByHand(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	ctx := context.WithoutCancel(t.Context())
	api := h.Service.API(h.Service.Monitor())
	leaveOut := func(id, reason string) {
		t.Helper()
		_, err := api.LeaveOut(ctx, operations.LeaveOutRequest{ContactID: id, Reason: reason, By: "ana"})
		require.NoError(t, err)
	}
	takeIn := func(id string) {
		t.Helper()
		_, err := api.TakeIn(ctx, operations.TakeInRequest{ContactID: id, By: "bor"})
		require.NoError(t, err)
	}

	edited, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	gone, lost := h.Linked(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	fresh := h.Add(mapping.Contact{Name: "Cene", Email: "cene@partner.si"})
	for _, id := range []string{edited, gone, fresh} {
		leaveOut(id, "not a customer")
	}
	leaveOut(edited, "another reason")
	writes := h.ERP.Calls().Writes()
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 999" })
	h.Set(edited, mapping.FieldName, "Ana Nova")
	require.NoError(t, h.ERP.DeletePartner(lost.MKID))
	h.Pull(p.MKID)
	for _, id := range []string{edited, gone, fresh} {
		h.Pushed(id, false)
		_, err := api.Sync(ctx, operations.SyncRequest{ContactID: id})
		require.ErrorContains(t, err, "contact "+id+" is left out of the sync: mksync why "+id)
		_, err = api.Link(ctx, operations.LinkRequest{ContactID: id, MetaKockaID: p.MKID})
		require.Error(t, err)
	}
	rep, err := h.Service.Checker.Check(ctx, check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	plan, err := h.Service.Matcher.Plan(ctx)
	require.NoError(t, err)
	_, planned := plan.Contact(fresh)
	require.False(t, planned)

	require.Equal(t, "none", h.Mapping(fresh))
	require.Equal(t, mapping.Contact{Name: "Ana Nova", Email: "ana@partner.si", Phone: "041 111 111"}, h.Contact(edited))
	require.Equal(t, writes, h.ERP.Calls().Writes())

	// Every list says so, and gives the reason that was given first.
	list, err := api.LeftOut(ctx, operations.Page{Limit: 2})
	require.NoError(t, err)
	rest, err := api.LeftOut(ctx, operations.Page{After: list.Next})
	require.NoError(t, err)
	require.Len(t, append(list.Items, rest.Items...), 3)
	require.Empty(t, rest.Next)
	for _, o := range append(list.Items, rest.Items...) {
		require.Equal(t, []string{"not a customer", "ana", h.Contact(o.ContactID).Name}, []string{o.Reason, o.By, o.Name})
	}
	m, err := api.Mapping(ctx, operations.MappingRequest{ContactID: edited})
	require.NoError(t, err)
	require.Equal(t, []any{"not a customer", store.StatusSynced}, []any{m.LeftOut, m.SyncStatus})
	why, err := api.Why(ctx, operations.WhyRequest{ContactID: fresh})
	require.NoError(t, err)
	require.Equal(t, []any{syncer.StandsLeftByHand, "ana", "not a customer"}, []any{why.Stands.Code, why.Stands.By, why.Stands.Words})
	require.Equal(t, 3, h.Service.Monitor().Status(ctx).LeftOut)
	e := h.History(h.Service.Store, edited)[0]
	require.Equal(t, []any{store.ActLeave, store.BecausePerson, "ana", "not a customer", p.MKID}, []any{e.Act, e.Cause, e.By, e.Note, e.MetaKockaID})

	for _, id := range []string{edited, gone, fresh} {
		takeIn(id)
	}
	require.Equal(t, mapping.Contact{Name: "Ana Nova", Email: "ana@partner.si", Phone: "041 999 999"}, h.Contact(edited))
	require.Equal(t, "Ana Nova", h.Partner(edited).Customer)
	require.Contains(t, h.Mapping(gone), "unlinked: the partner is gone")
	require.Equal(t, "synced: ", h.Mapping(fresh))
	require.Equal(t, store.ActTakeIn, h.History(h.Service.Store, fresh)[1].Act)
	_, err = api.TakeIn(ctx, operations.TakeInRequest{ContactID: edited})
	require.True(t, syncer.IsCode(err, syncer.CodeConflict), "%v", err)
	for _, reason := range []string{" ", "a\x00"} {
		_, err = api.LeaveOut(ctx, operations.LeaveOutRequest{ContactID: edited, Reason: reason})
		require.True(t, syncer.IsCode(err, syncer.CodeMalformed), "%v", err)
	}
	require.NoError(t, h.Chronicled(h.Service.Store, edited))
}

// TestWhoIsTakenInIsBroughtOverByItself where who asked is cut off, and a contact that is
// deleted or gets another id takes along that it is left out, or forgets it.
func TestWhoIsTakenInIsBroughtOverByItself(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	ctx := context.WithoutCancel(t.Context())
	r := h.Service.Reconciler
	leaveOut := func(id string) {
		t.Helper()
		_, err := r.LeaveOut(ctx, id, "for now", "ana")
		require.NoError(t, err)
	}
	out := func() string {
		return h.One("SELECT coalesce(string_agg(contact_id::text, ' '), '') FROM mksync_left_out")
	}

	linked, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	fresh := h.Add(mapping.Contact{Name: "Cene", Email: "cene@partner.si"})
	for _, id := range []string{linked, fresh} {
		leaveOut(id)
		_, err := r.TakeIn(ctx, id, "ana")
		require.NoError(t, err)
	}
	woken, err := h.Service.Store.Woken(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []string{fresh}, woken)
	h.Exec("UPDATE metakocka_contact_mappings SET retry_at = now() WHERE retry_at IS NOT NULL")
	due, err := h.Service.Store.TakeRefused(ctx, "", 10)
	require.NoError(t, err)
	require.Equal(t, []store.Refused{{ContactID: linked}}, due)
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 999" })
	h.Pushed(linked, false)
	require.Equal(t, "synced: ", h.Mapping(linked))
	require.Equal(t, "041 999 999", h.Contact(linked).Phone)

	// A creation without answer: what became of it is known before it is left out.
	eva := h.Add(mapping.Contact{Name: "Eva Bukev"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	_, err = h.Push(eva, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Eventually(func() error { _, err := r.LeaveOut(ctx, eva, "for now", "ana"); return err })
	require.Equal(t, "Eva Bukev", h.Partner(eva).Customer)
	require.Equal(t, eva, out())

	moved := "00000000-0000-4000-8000-000000000001"
	h.Exec("UPDATE contacts SET id = $2 WHERE id = $1", eva, moved)
	require.NoError(t, r.Renamed(ctx, eva, moved, syncer.Trigger{Cause: syncer.CauseContact}))
	require.Equal(t, moved, out())
	h.Exec("DELETE FROM contacts WHERE id = $1", moved)
	h.Pushed(moved, false)
	require.Equal(t, moved, out(), "not seen to be deleted")
	h.Pushed(moved, true)
	require.Empty(t, out())
	require.Contains(t, h.Mapping(moved), "deleted")
}

// TestAContactThatIsLeftOutGivesItsPartnerUp to one that matches it, as the filter's do, and
// nobody waits for its sake.
func TestAContactThatIsLeftOutGivesItsPartnerUp(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	ctx := context.WithoutCancel(t.Context())
	first, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	second := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	h.Pushed(second, false)
	require.Contains(t, h.Mapping(second), "held: ")
	r := h.Service.Reconciler
	_, err := r.LeaveOut(ctx, second, "later", "ana")
	require.NoError(t, err)
	require.Zero(t, h.Service.Monitor().Status(ctx).HeldMatches, "nobody is asked about who is left out")
	_, err = r.TakeIn(ctx, second, "ana")
	require.NoError(t, err)
	h.Pushed(second, false)
	require.Contains(t, h.Mapping(second), "held: ")
	require.Equal(t, 1, h.Service.Monitor().Status(ctx).HeldMatches)

	_, err = r.LeaveOut(ctx, first, "entered twice", "ana")
	require.NoError(t, err)
	woken, err := h.Service.Store.Woken(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []string{second}, woken)
	h.Pushed(second, false)
	require.Equal(t, p.MKID, h.Partner(second).MKID)
	require.Contains(t, h.Mapping(first), "deleted: the contact is left out")
}

// TestNobodyIsAskedAboutTheConflictOfWhoIsLeftOut: it counts and is listed again once the
// contact is taken in.
func TestNobodyIsAskedAboutTheConflictOfWhoIsLeftOut(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleManual })
	ctx := context.WithoutCancel(t.Context())
	waiting := func() (counted, listed int) {
		all, err := h.Service.Store.Conflicts(ctx, store.RecordQuery{Open: true})
		require.NoError(t, err)
		return h.Service.Monitor().Status(ctx).Conflicts, len(all)
	}

	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 222 222" })
	h.Set(id, mapping.FieldPhone, "041 333 333")
	h.Pushed(id, false)
	counted, listed := waiting()
	require.Equal(t, []int{1, 1}, []int{counted, listed})

	_, err := h.Service.Reconciler.LeaveOut(ctx, id, "later", "ana")
	require.NoError(t, err)
	counted, listed = waiting()
	require.Equal(t, []int{0, 0}, []int{counted, listed})

	_, err = h.Service.Reconciler.TakeIn(ctx, id, "ana")
	require.NoError(t, err)
	counted, listed = waiting()
	require.Equal(t, []int{1, 1}, []int{counted, listed})
}
