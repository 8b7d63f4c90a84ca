package syncer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// filtered is a world whose filter takes active contacts.
func filtered(t *testing.T) *world.Hand {
	t.Helper()
	return world.ByHand(t, sim.Options{}, func(w *world.World) {
		w.Exec("ALTER TABLE contacts ADD COLUMN status text NOT NULL DEFAULT 'active'")
		w.Config.Filter = []config.Condition{{Column: "status", Values: []string{"active"}}}
	})
}

// becomes takes a contact out of the filter, or back into it.
func becomes(h *world.Hand, id, status string) {
	h.T.Helper()
	h.Exec("UPDATE contacts SET status = $2 WHERE id = $1", id, status)
	h.Pushed(id, false)
}

// TestWhatHappensOutsideTheFilterIsSeenOnReturn: the partner is edited, or deleted, while
// its contact is left out, and its events are used up by then.
func TestWhatHappensOutsideTheFilterIsSeenOnReturn(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	edited, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	gone, lost := h.Linked(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	becomes(h, edited, "inactive")
	becomes(h, gone, "inactive")
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 999" })
	require.NoError(t, h.ERP.DeletePartner(lost.MKID))
	h.Pull(p.MKID)
	require.Equal(t, "041 111 111", h.Contact(edited).Phone)

	becomes(h, edited, "active")
	becomes(h, gone, "active")
	require.Equal(t, "041 999 999", h.Contact(edited).Phone)
	require.Contains(t, h.Mapping(gone), "unlinked: the partner is gone")
	calls := h.ERP.Calls().Total()
	h.Pushed(edited, false)
	require.Equal(t, calls, h.ERP.Calls().Total(), "an event that brings nothing new costs no call")
}

// TestACreationWithoutAnswerOfAContactThatIsLeftOut: what became of it is found out, by the
// contact's event or, where that is used up, by the partner's.
func TestACreationWithoutAnswerOfAContactThatIsLeftOut(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	pull := func(mkid string) error {
		p, _ := h.ERP.Partner(mkid)
		_, err := h.Service.Reconciler.Partner(context.WithoutCancel(t.Context()), mkid, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
		return err
	}
	for _, c := range []struct {
		fault sim.Fault
		found string // out by
	}{
		{sim.FaultAfter, "its event"},
		{sim.FaultAfter, "another partner"},
		{sim.FaultAfter, "a check"},
		{sim.FaultBefore, "its event"},
		{sim.FaultBefore, "another partner"},
		{sim.FaultBefore, "a check"},
	} {
		id := h.Add(mapping.Contact{Name: "Eva Bukev"})
		require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, c.fault))
		_, err := h.Push(id, false)
		require.True(t, metakocka.Uncertain(err), "%v", err)
		h.Exec("UPDATE contacts SET status = 'inactive' WHERE id = $1", id)
		before := len(h.ERP.Partners())
		switch c.found {
		case "its event":
			h.Pushed(id, false)
		case "a check": // the event was lost
			h.Eventually(func() error {
				_, err := h.Service.Checker.Check(context.WithoutCancel(t.Context()), check.CheckRequest{Repair: true})
				return err
			})
		default:
			stranger, err := h.ERP.AddPartner(metakocka.Partner{Customer: "Eva Bukev", Notes: "another one"})
			require.NoError(t, err)
			h.Eventually(func() error { return pull(stranger.MKID) })
			require.NoError(t, h.ERP.DeletePartner(stranger.MKID))
		}
		require.Empty(t, h.One("SELECT intent::text FROM metakocka_contact_mappings WHERE contact_id = $1", id))
		require.Len(t, h.ERP.Partners(), before)
		linked := h.One("SELECT coalesce(metakocka_id, '') FROM metakocka_contact_mappings WHERE contact_id = $1", id)
		require.Equal(t, c.fault == sim.FaultAfter, linked != "", h.Mapping(id))

		becomes(h, id, "active")
		require.Equal(t, "synced: ", h.Mapping(id))
		h.Exec("DELETE FROM contacts WHERE id = $1", id)
		h.Pushed(id, true)
		require.NoError(t, h.ERP.DeletePartner(h.One("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", id)))
	}
}

// TestAnEditInTheERPWhileACreationWithoutAnswerIsLeftOut: it replaces what could not be
// sent, as it does where the creation was answered.
func TestAnEditInTheERPWhileACreationWithoutAnswerIsLeftOut(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	for _, fault := range []sim.Fault{sim.NoFault, sim.FaultAfter} {
		id := h.Add(mapping.Contact{Name: fmt.Sprint("Eva Bukev ", fault), Email: "nima maila", Phone: "12"})
		require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, fault))
		_, _ = h.Push(id, false) // how it ends is what the fault is about
		becomes(h, id, "inactive")
		p := h.Partner(id)
		h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "eva@primer.si" })
		h.Pull(p.MKID)

		becomes(h, id, "active")
		require.Equal(t, "eva@primer.si", h.Contact(id).Email)
		require.Equal(t, "12", h.Contact(id).Phone)
		require.Equal(t, "email: nima maila", h.One(`SELECT string_agg(format('%s: %s', field, crm_value), '; ')
			FROM mksync_conflicts c JOIN metakocka_contact_mappings m ON m.id = c.link_id WHERE m.contact_id = $1`, id))
	}
}

// TestAPlanFromAnOldSweepMakesNoPartner: what the ERP has got since, nobody has seen.
func TestAPlanFromAnOldSweepMakesNoPartner(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	ctx := t.Context()
	require.NoError(t, h.Service.Poller.Poll(ctx))
	ids := []string{
		h.Add(mapping.Contact{Name: "Nova Stranka", Email: "nova@primer.si"}), h.Add(mapping.Contact{Name: "Druga Stranka", TaxNumber: "SI12345679"}),
	}
	plan, err := h.Service.Matcher.Plan(ctx)
	require.NoError(t, err)
	_, err = h.ERP.AddPartner(world.Person("8001", "Nova Stranka", "", "nova@primer.si"))
	require.NoError(t, err)
	h.Exec("UPDATE mksync_state SET value = jsonb_set(value, '{sweptAt}', to_jsonb(now() - interval '6 minutes')) WHERE key = 'poller'")
	for _, id := range ids {
		_, err = h.Service.Reconciler.Contact(ctx, id, syncer.Trigger{Cause: syncer.CauseContact, CRMChangedAt: time.Now(), Plan: plan})
		require.NoError(t, err)
	}
	require.Equal(t, "8001", h.Partner(ids[0]).MKID)
	require.Len(t, h.ERP.Partners(), 2)
}

// TestAPartnerThatIsAwayForAMoment: it is not taken for gone by one look, and one that was
// taken for gone is linked again when it is seen again, or when a person asks.
func TestAPartnerThatIsAwayForAMoment(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, (*world.World).Sharing)
	ctx := context.WithoutCancel(t.Context())
	id, p := h.Linked(mapping.Contact{Name: "Ana Brez Ključa", Phone: "041 111 111"})
	back := func() {
		_, err := h.ERP.AddPartner(p)
		require.NoError(t, err)
	}

	require.NoError(t, h.ERP.DeletePartner(p.MKID))
	h.Set(id, mapping.FieldPhone, "041 222 222")
	_, err := h.Push(id, false)
	var pending *syncer.PendingError
	require.ErrorAs(t, err, &pending)
	require.ErrorContains(t, err, "MetaKocka did not find partner "+p.MKID)
	require.Equal(t, "synced: ", h.Mapping(id))
	back()
	h.Pushed(id, false)
	require.Equal(t, "synced: ", h.Mapping(id))

	// Gone for longer, and seen again by a poll.
	p = h.Partner(id)
	require.NoError(t, h.ERP.DeletePartner(p.MKID))
	h.Set(id, mapping.FieldPhone, "041 333 333")
	h.Pushed(id, false)
	require.Contains(t, h.Mapping(id), "unlinked: ")
	back()
	_, stop := h.Start(service.RolePoller, service.RolePuller)
	h.Status(id, "synced")
	h.ContactIs(id, mapping.FieldPhone, "041 333 333")
	stop()
	h.PartnerIs(id, p.MKID, func(p metakocka.Partner) any { return p.MKID })

	// And asked for by a person.
	for i, ask := range []func() error{
		func() error {
			_, err := h.Service.API(h.Service.Monitor()).Sync(ctx, operations.SyncRequest{ContactID: id})
			return err
		},
		func() error {
			_, err := h.Service.API(h.Service.Monitor()).Import(ctx, operations.ImportRequest{MetaKockaID: p.MKID})
			return err
		},
	} {
		p = h.Partner(id)
		require.NoError(t, h.ERP.DeletePartner(p.MKID))
		h.Set(id, mapping.FieldPhone, fmt.Sprintf("041 444 44%d", i))
		h.Pushed(id, false)
		require.Contains(t, h.Mapping(id), "unlinked: ")
		back()
		require.NoError(t, ask())
		require.Equal(t, p.MKID, h.Partner(id).MKID)
		require.Len(t, h.ERP.Partners(), 1)
		require.Equal(t, 1, h.Count("SELECT count(*) FROM contacts"))
	}
}
