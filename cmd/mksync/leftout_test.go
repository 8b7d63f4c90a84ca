package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// filtered is a world whose filter takes active contacts.
func filtered(t *testing.T) *hand {
	t.Helper()
	return byHand(t, sim.Options{}, func(w *world) {
		w.exec("ALTER TABLE contacts ADD COLUMN status text NOT NULL DEFAULT 'active'")
		w.cfg.Filter = []config.Condition{{Column: "status", Values: []string{"active"}}}
	})
}

// becomes takes a contact out of the filter, or back into it.
func (h *hand) becomes(id, status string) {
	h.t.Helper()
	h.exec("UPDATE contacts SET status = $2 WHERE id = $1", id, status)
	h.pushed(id, false)
}

// TestWhatHappensOutsideTheFilterIsSeenOnReturn: the partner is edited, or deleted, while
// its contact is left out, and its events are used up by then.
func TestWhatHappensOutsideTheFilterIsSeenOnReturn(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	edited, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})
	gone, lost := h.linked(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	h.becomes(edited, "inactive")
	h.becomes(gone, "inactive")
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 999" })
	require.NoError(t, h.erp.DeletePartner(lost.MKID))
	h.pull(p.MKID)
	require.Equal(t, "041 111 111", h.contact(edited).Phone)

	h.becomes(edited, "active")
	h.becomes(gone, "active")
	require.Equal(t, "041 999 999", h.contact(edited).Phone)
	require.Contains(t, h.mapping(gone), "unlinked: the partner is gone")
	calls := h.erp.Calls().Total()
	h.pushed(edited, false)
	require.Equal(t, calls, h.erp.Calls().Total(), "an event that brings nothing new costs no call")
}

// TestACreationWithoutAnswerOfAContactThatIsLeftOut: what became of it is found out, by the
// contact's event or, where that is used up, by the partner's.
func TestACreationWithoutAnswerOfAContactThatIsLeftOut(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	pull := func(mkid string) error {
		p, _ := h.erp.Partner(mkid)
		_, err := h.s.Reconciler.Partner(context.WithoutCancel(t.Context()), mkid, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
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
		id := h.add(mapping.Contact{Name: "Eva Bukev"})
		require.NoError(t, h.erp.FailNext(metakocka.EndpointAdd, c.fault))
		_, err := h.push(id, false)
		require.True(t, metakocka.Uncertain(err), "%v", err)
		h.exec("UPDATE contacts SET status = 'inactive' WHERE id = $1", id)
		before := len(h.erp.Partners())
		switch c.found {
		case "its event":
			h.pushed(id, false)
		case "a check": // the event was lost
			h.eventually(func() error {
				_, err := h.s.Checker.Check(context.WithoutCancel(t.Context()), check.CheckRequest{Repair: true})
				return err
			})
		default:
			stranger, err := h.erp.AddPartner(metakocka.Partner{Customer: "Eva Bukev", Notes: "another one"})
			require.NoError(t, err)
			h.eventually(func() error { return pull(stranger.MKID) })
			require.NoError(t, h.erp.DeletePartner(stranger.MKID))
		}
		require.Empty(t, h.one("SELECT intent::text FROM metakocka_contact_mappings WHERE contact_id = $1", id))
		require.Len(t, h.erp.Partners(), before)
		linked := h.one("SELECT coalesce(metakocka_id, '') FROM metakocka_contact_mappings WHERE contact_id = $1", id)
		require.Equal(t, c.fault == sim.FaultAfter, linked != "", h.mapping(id))

		h.becomes(id, "active")
		require.Equal(t, "synced: ", h.mapping(id))
		h.exec("DELETE FROM contacts WHERE id = $1", id)
		h.pushed(id, true)
		require.NoError(t, h.erp.DeletePartner(h.one("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", id)))
	}
}

// TestAPlanFromAnOldSweepMakesNoPartner: what the ERP has got since, nobody has seen.
func TestAPlanFromAnOldSweepMakesNoPartner(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, nil)
	ctx := t.Context()
	require.NoError(t, h.s.Poller.Poll(ctx))
	ids := []string{
		h.add(mapping.Contact{Name: "Nova Stranka", Email: "nova@primer.si"}), h.add(mapping.Contact{Name: "Druga Stranka", TaxNumber: "SI12345679"}),
	}
	plan, err := h.s.Matcher.Plan(ctx)
	require.NoError(t, err)
	_, err = h.erp.AddPartner(person("8001", "Nova Stranka", "", "nova@primer.si"))
	require.NoError(t, err)
	h.exec("UPDATE mksync_state SET value = jsonb_set(value, '{sweptAt}', to_jsonb(now() - interval '6 minutes')) WHERE key = 'poller'")
	for _, id := range ids {
		_, err = h.s.Reconciler.Contact(ctx, id, syncer.Trigger{Cause: syncer.CauseContact, CRMChangedAt: time.Now(), Plan: plan})
		require.NoError(t, err)
	}
	require.Equal(t, "8001", h.partner(ids[0]).MKID)
	require.Len(t, h.erp.Partners(), 2)
}

// TestAPartnerThatIsAwayForAMoment: it is not taken for gone by one look, and one that was
// taken for gone is linked again when it is seen again, or when a person asks.
func TestAPartnerThatIsAwayForAMoment(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, (*world).sharing)
	ctx := context.WithoutCancel(t.Context())
	id, p := h.linked(mapping.Contact{Name: "Ana Brez Ključa", Phone: "041 111 111"})
	back := func() {
		_, err := h.erp.AddPartner(p)
		require.NoError(t, err)
	}

	require.NoError(t, h.erp.DeletePartner(p.MKID))
	h.set(id, mapping.FieldPhone, "041 222 222")
	_, err := h.push(id, false)
	var pending *syncer.PendingError
	require.ErrorAs(t, err, &pending)
	require.ErrorContains(t, err, "MetaKocka did not find partner "+p.MKID)
	require.Equal(t, "synced: ", h.mapping(id))
	back()
	h.pushed(id, false)
	require.Equal(t, "synced: ", h.mapping(id))

	// Gone for longer, and seen again by a poll.
	p = h.partner(id)
	require.NoError(t, h.erp.DeletePartner(p.MKID))
	h.set(id, mapping.FieldPhone, "041 333 333")
	h.pushed(id, false)
	require.Contains(t, h.mapping(id), "unlinked: ")
	back()
	_, stop := h.start(service.RolePoller, service.RolePuller)
	h.status(id, "synced")
	h.contactIs(id, mapping.FieldPhone, "041 333 333")
	stop()
	h.partnerIs(id, p.MKID, func(p metakocka.Partner) any { return p.MKID })

	// And asked for by a person.
	for i, ask := range []func() error{
		func() error {
			_, err := h.s.API(h.s.Monitor()).Sync(ctx, operations.SyncRequest{ContactID: id})
			return err
		},
		func() error {
			_, err := h.s.API(h.s.Monitor()).Import(ctx, operations.ImportRequest{MetaKockaID: p.MKID})
			return err
		},
	} {
		p = h.partner(id)
		require.NoError(t, h.erp.DeletePartner(p.MKID))
		h.set(id, mapping.FieldPhone, fmt.Sprintf("041 444 44%d", i))
		h.pushed(id, false)
		require.Contains(t, h.mapping(id), "unlinked: ")
		back()
		require.NoError(t, ask())
		require.Equal(t, p.MKID, h.partner(id).MKID)
		require.Len(t, h.erp.Partners(), 1)
		require.Equal(t, 1, h.count("SELECT count(*) FROM contacts"))
	}
}
