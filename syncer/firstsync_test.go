package syncer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// reviewed is a world whose first matches wait for approval.
type reviewed struct{ *world.Hand }

func underReview(t *testing.T, opts sim.Options, set func(w *world.World)) reviewed {
	t.Helper()
	return reviewed{world.ByHand(t, opts, func(w *world.World) {
		w.Config.FirstSync = syncer.FirstSyncReview
		if set != nil {
			set(w)
		}
	})}
}

// proposal is what waits for approval of a contact.
func (r reviewed) proposal(id string) store.Proposal {
	r.T.Helper()
	links, err := r.Service.Store.Proposals(r.T.Context(), store.ProposalQuery{Of: []string{id}})
	require.NoError(r.T, err)
	require.Len(r.T, links, 1, r.Mapping(id))
	return *links[0].Proposal
}

// approve approves a version of what waits.
func (r reviewed) approve(id, version string) error {
	r.T.Helper()
	_, err := r.Service.Reconciler.Approve(context.WithoutCancel(r.T.Context()), id, version, syncer.Trigger{Cause: syncer.CauseRequest, By: "ana"})
	return err
}

// untouched: nothing was written on either side.
func (r reviewed) untouched() {
	r.T.Helper()
	require.Equal(r.T, world.Written{}, r.Written())
}

// TestNothingIsWrittenBeforeAFirstMatchIsApproved: in neither direction, whatever leads to it.
func TestNothingIsWrittenBeforeAFirstMatchIsApproved(t *testing.T) {
	t.Parallel()
	r := underReview(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "SI11234059", ""), world.Person("7002", "Twin", "", "twin@partner.si"), world.Person("7003", "Other twin", "", "twin@partner.si"),
		world.Person("7004", "Nobody's", "", "nobodys@partner.si"),
	}}, func(w *world.World) { w.Config.AutoImport = true })
	ctx := context.WithoutCancel(t.Context())
	ana := r.Add(mapping.Contact{Name: "Ana", TaxNumber: "11234059", Phone: "041 111 222"})
	bor := r.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	twin := r.Add(mapping.Contact{Name: "Twin", Email: "twin@partner.si"})
	all := []string{ana, bor, twin}

	// As events, as a plan has it, as a check or a replay that repairs, and as is asked for.
	require.NoError(t, r.Service.Poller.Poll(ctx))
	plan, err := r.Service.Matcher.Fresh(ctx)
	require.NoError(t, err)
	for _, trigger := range []syncer.Trigger{
		{Cause: syncer.CauseContact},
		{Cause: syncer.CauseContact, Plan: plan},
		{Cause: syncer.CauseCheck},
		{Cause: syncer.CauseRequest, By: "bor"},
		{Cause: syncer.CauseReplay, Authority: syncer.AuthorityCRM},
		{Cause: syncer.CauseBulk, Plan: plan},
	} {
		for _, id := range all {
			_, err := r.Service.Reconciler.Contact(ctx, id, trigger)
			require.NoError(t, err)
		}
	}
	require.Equal(t, "held: waits for approval: link it with partner 7001 (mksync review)", r.Mapping(ana))
	require.Equal(t, "held: waits for approval: make a partner of it (mksync review)", r.Mapping(bor))
	require.Contains(t, r.Mapping(twin), "held: several partners have its e-mail")

	// Partners as the poller saw them.
	for _, id := range []string{"7001", "7002", "7004"} {
		p, _ := r.ERP.Partner(id)
		_, err := r.Service.Reconciler.Partner(ctx, id, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
		require.NoError(t, err)
	}
	_, err = r.Service.Reconciler.Partner(ctx, "7004", syncer.Trigger{Cause: syncer.CauseRequest})
	require.ErrorContains(t, err, "partner 7004 waits for approval")
	_, err = r.Service.Reconciler.ImportSeen(ctx, "7004", syncer.Trigger{Cause: syncer.CauseRequest, Plan: plan})
	require.ErrorContains(t, err, "partner 7004 waits for approval")
	_, err = r.Service.Reconciler.Partner(ctx, "7001", syncer.Trigger{Cause: syncer.CauseRequest})
	require.NoError(t, err)
	require.Contains(t, r.Mapping(ana), "waits for approval")

	// A partner that a contact may be is no contact of its own as long as that waits.
	waiting := func() int { return r.Service.Monitor().Status(ctx).FirstMatches }
	require.Equal(t, 3, waiting())
	nobody := r.Add(mapping.Contact{Name: "Nobody's", Email: "nobodys@partner.si"})
	r.Pushed(nobody, false)
	require.Equal(t, 3, waiting())
	r.Exec("DELETE FROM contacts WHERE id = $1", nobody)
	r.Pushed(nobody, true)
	require.Equal(t, 3, waiting())

	// Edits renew what is proposed.
	was := r.proposal(bor)
	r.Pushed(bor, false)
	require.Equal(t, was, r.proposal(bor))
	r.Set(bor, mapping.FieldPhone, "041 222 333")
	r.Pushed(bor, false)
	require.NotEqual(t, was.Version, r.proposal(bor).Version)

	r.untouched()
	c, err := r.Service.Store.CountProposals(ctx)
	require.NoError(t, err)
	require.Equal(t, map[store.Proposed]int{store.ProposeLink: 1, store.ProposeCreate: 1, store.ProposeImport: 1}, c.Counts)
	s := r.Service.Monitor().Status(ctx)
	require.Equal(t, []int{3, 1}, []int{s.FirstMatches, s.HeldMatches})

	// A contact that is deleted waits no longer.
	r.Exec("DELETE FROM contacts WHERE id = $1", bor)
	r.Pushed(bor, true)
	require.Equal(t, "deleted", r.One("SELECT sync_status FROM metakocka_contact_mappings WHERE contact_id = $1", bor))
	r.untouched()
	require.Equal(t, 2, r.Service.Monitor().Status(ctx).FirstMatches)
}

// TestAnApprovalIsOfWhatWasShown, and of nothing else.
func TestAnApprovalIsOfWhatWasShown(t *testing.T) {
	t.Parallel()
	r := underReview(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "SI11234059", ""), world.Person("7004", "Nobody's", "", "nobodys@partner.si"),
	}}, func(w *world.World) { w.Config.AutoImport = true })
	ctx := context.WithoutCancel(t.Context())
	ana := r.Add(mapping.Contact{Name: "Ana", TaxNumber: "11234059", Phone: "041 111 222"})
	bor := r.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	r.Pushed(ana, false)
	r.Pushed(bor, false)
	r.Pull("7004")
	shown := map[string]string{ana: r.proposal(ana).Version, bor: r.proposal(bor).Version}
	imports, err := r.Service.Store.ProposedImports(ctx, store.ProposalQuery{})
	require.NoError(t, err)
	require.Len(t, imports, 1)

	// The contact is somebody else by now, and the ERP has a partner like the other one.
	r.Set(ana, mapping.FieldName, "Anica")
	_, err = r.ERP.AddPartner(world.Person("7005", "Bor", "", "bor@partner.si"))
	require.NoError(t, err)
	r.Edit(r.ERP.Partners()[1], func(p *metakocka.Partner) { p.Customer = "Somebody's" })
	require.ErrorContains(t, r.approve(ana, shown[ana]), "is another since it was shown, and was not done")
	require.ErrorContains(t, r.approve(bor, shown[bor]), "link it with partner 7005")
	_, err = r.Service.Reconciler.ApproveImport(ctx, "7004", imports[0].Version, syncer.Trigger{Cause: syncer.CauseRequest})
	require.ErrorContains(t, err, "another since it was shown")
	r.untouched()

	// What is proposed now is done.
	require.NoError(t, r.approve(ana, r.proposal(ana).Version))
	require.NoError(t, r.approve(bor, r.proposal(bor).Version))
	require.NoError(t, r.Service.Poller.Poll(ctx))
	imports, err = r.Service.Store.ProposedImports(ctx, store.ProposalQuery{})
	require.NoError(t, err)
	_, err = r.Service.Reconciler.ApproveImport(ctx, "7004", imports[0].Version, syncer.Trigger{Cause: syncer.CauseRequest, By: "ana"})
	require.NoError(t, err)
	require.Equal(t, "7001", r.Partner(ana).MKID)
	require.Equal(t, "7005", r.Partner(bor).MKID)
	require.Equal(t, "Somebody's", r.Contact(r.ContactOf("7004")).Name)
	require.Zero(t, r.Written().Adds)
	require.ErrorContains(t, r.approve(ana, shown[ana]), "is linked with partner 7001 already")
	require.Equal(t, 3, r.Count("SELECT count(*) FROM mksync_history WHERE act IN ('link', 'create') AND cause = 'person' AND by = 'ana'"))
	require.Zero(t, r.Service.Monitor().Status(ctx).FirstMatches)

	// From then on it is synced as ever.
	r.Set(ana, mapping.FieldPhone, "041 999 888")
	r.Pushed(ana, false)
	require.Equal(t, "041 999 888", r.Partner(ana).Contacts[0].GSM)
}

// TestFirstMatchesGoOnWhereNobodyIsAskedAnyMore: once the service runs without the review.
func TestFirstMatchesGoOnWhereNobodyIsAskedAnyMore(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "SI11234059", ""), world.Person("7004", "Nobody's", "", "nobodys@partner.si"),
	}})
	w.Config.FirstSync = syncer.FirstSyncReview
	w.Config.AutoImport = true
	ana := w.Add(mapping.Contact{Name: "Ana", TaxNumber: "11234059", Phone: "041 111 222"})
	nameless := w.Add(mapping.Contact{Name: "Cene"}) // no key to be looked at again for
	s, c, stop := w.APIUntil(service.AllRoles...)
	w.Status(ana, "held")
	w.Status(nameless, "held")
	w.Eventually(func() error {
		if w.Count("SELECT count(*) FROM mksync_imports") != 1 {
			return errors.New("the partner does not wait yet")
		}
		return nil
	})

	// Neither polls, nor a check that repairs, nor a request for all goes round it.
	w.Set(nameless, mapping.FieldPhone, "041 222 333")
	w.Polls(2)
	c.Post("/api/metakocka/check", `{"repair":true}`)
	c.Post("/api/metakocka/contacts/bulk-sync", `{"syncAll":true}`)
	c.Post("/api/metakocka/contacts/bulk-import", `{"importAll":true}`)
	w.Idle(s)
	stop()
	s, _, stop = w.APIUntil(service.AllRoles...) // nor a restart
	w.Polls(2)
	w.Idle(s)
	require.Equal(t, world.Written{}, w.Written())
	require.Equal(t, 2, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE proposal IS NOT NULL AND sync_status = 'held'"))
	stop()

	w.Config.FirstSync = syncer.FirstSyncAuto
	s = w.Up()
	w.Status(ana, "synced")
	w.Status(nameless, "synced")
	require.Equal(t, "Nobody's", w.Contact(w.ContactOf("7004")).Name)
	require.Equal(t, world.Written{Adds: 1, Updates: 1, Contacts: 1}, w.Quiet(s))
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_imports")+w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE proposal IS NOT NULL"))
}
