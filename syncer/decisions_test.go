package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestWhatWasWrittenIsNoConflictAfterTheCRMRefused: one field is refused by the CRM, and others were written meanwhile.
func TestWhatWasWrittenIsNoConflictAfterTheCRMRefused(t *testing.T) {
	t.Parallel()
	for _, rule := range []mapping.Rule{mapping.RuleManual, mapping.RuleMetaKocka, mapping.RuleNewest} {
		t.Run(string(rule), func(t *testing.T) {
			h := world.ByHand(t, sim.Options{}, func(w *world.World) {
				w.Config.ConflictRule = rule
				w.Exec("ALTER TABLE contacts ALTER phone TYPE varchar(12)")
			})
			id, p := h.Linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si"})
			h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Phone = "+386 40 123 456" })
			_, _ = h.Push(id, false) // the CRM refuses the phone
			h.Exec("UPDATE contacts SET email = 'eva1@primer.si', updated_at = now() WHERE id = $1", id)
			_, err := h.Push(id, false)
			require.ErrorContains(t, err, "at most 12")
			now, _ := h.ERP.Partner(p.MKID)
			require.Equal(t, "eva1@primer.si", now.Contacts[0].Email)
			h.Exec("UPDATE contacts SET email = 'eva2@primer.si', updated_at = now() WHERE id = $1", id)
			_, err = h.Push(id, false)
			require.ErrorContains(t, err, "at most 12")
			h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Phone = "040 123 456" })
			h.Pushed(id, false)
			require.Equal(t, "0", h.One("SELECT count(*)::text FROM mksync_conflicts"))
			require.Equal(t, "eva2@primer.si", h.Contact(id).Email)
		})
	}
}

// TestADecisionOutlastsARefusalByTheCRM: it is carried out once the CRM takes the value.
func TestADecisionOutlastsARefusalByTheCRM(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) {
		w.Config.ConflictRule = mapping.RuleManual
		w.Exec("ALTER TABLE contacts ALTER phone TYPE varchar(12)")
	})
	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "+386 41 111 111" })
	h.Set(id, mapping.FieldPhone, "041 222 222")
	h.Pushed(id, false)
	number := h.One("SELECT id::text FROM mksync_conflicts WHERE status = 'parked'")
	_, err := h.Service.API(h.Service.Monitor()).ResolveConflict(t.Context(), operations.ResolveRequest{ID: number, Take: mapping.SideMetaKocka})
	require.ErrorContains(t, err, "is stored")
	h.Exec("ALTER TABLE contacts ALTER phone TYPE varchar(40)")
	require.NoError(t, h.Service.Store.Refresh(t.Context()))
	h.Pushed(id, false)
	require.Equal(t, "+386 41 111 111", h.Contact(id).Phone, h.Mapping(id))
}

// TestAnUndoneConflictWithoutAnswerIsFinished: MetaKocka was written, and the contact not yet.
func TestAnUndoneConflictWithoutAnswerIsFinished(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleCRM })
	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 111 111" })
	h.Set(id, mapping.FieldPhone, "041 222 222")
	h.Pushed(id, false)
	h.Pull(p.MKID)
	number := h.One("SELECT id::text FROM mksync_conflicts")
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	_, err := h.Service.API(h.Service.Monitor()).UndoConflict(t.Context(), operations.EntryRequest{ID: number})
	require.Error(t, err)
	h.Eventually(func() error { // until what was sent can take no effect any more
		if h.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE (intent->>'deadline')::timestamptz > clock_timestamp()") > 0 {
			return errors.New("the intent's deadline is not over yet")
		}
		return nil
	})
	h.Pushed(id, false)
	h.Pull(p.MKID)
	h.Pushed(id, false)
	now, _ := h.ERP.Partner(p.MKID)
	require.Equal(t, mapping.Canonical(mapping.FieldPhone, h.Contact(id).Phone), mapping.Canonical(mapping.FieldPhone, now.Contacts[0].GSM+now.Contacts[0].Phone))
}

// TestAConflictOfAnInvalidValueIsNotDecided: it is not sent, so nothing of the ERP's was replaced.
func TestAConflictOfAnInvalidValueIsNotDecided(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleCRM })
	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "erp@firma.si" })
	h.Set(id, mapping.FieldEmail, "no address")
	for range 3 {
		_, err := h.Push(id, false)
		require.NoError(t, err)
	}
	now, _ := h.ERP.Partner(p.MKID)
	require.Equal(t, "erp@firma.si", now.Contacts[0].Email)
	require.Equal(t, "0", h.One("SELECT count(*)::text FROM mksync_conflicts WHERE status = 'decided'"), h.Mapping(id))
}

// TestADecisionHoldsForTheValuesThatWereShown: the field is changed between the list and the
// decision, on either side, and a reconcile sees that or does not.
func TestADecisionHoldsForTheValuesThatWereShown(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleManual })
	ctx := context.WithoutCancel(t.Context())
	parked := func(id string) string {
		return h.One(`SELECT c.id::text FROM mksync_conflicts c JOIN metakocka_contact_mappings m ON m.id = c.link_id
			WHERE m.contact_id = $1 AND c.status = 'parked'`, id)
	}
	resolve := func(number string, take mapping.Side) error {
		_, err := h.Service.API(h.Service.Monitor()).ResolveConflict(ctx, operations.ResolveRequest{ID: number, Take: take})
		return err
	}
	gsm := func(id string) string { return h.Partner(id).Contacts[0].GSM }
	n := 0
	for _, seen := range []bool{false, true} {
		for _, take := range []mapping.Side{mapping.SideCRM, mapping.SideMetaKocka} {
			n++
			id, p := h.Linked(mapping.Contact{Name: fmt.Sprint("Oseba ", n), Email: fmt.Sprintf("oseba%d@primer.si", n), Phone: "041 111 111"})
			h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 222 222" })
			h.Set(id, mapping.FieldPhone, "041 333 333")
			h.Pushed(id, false)
			shown := parked(id)

			if take == mapping.SideCRM {
				h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 444 444" })
			} else {
				h.Set(id, mapping.FieldPhone, "041 444 444")
			}
			words := "changed since conflict " + shown + " was shown"
			if seen {
				h.Pushed(id, false)
				words = "conflict " + shown + " is over"
			}
			require.ErrorContains(t, resolve(shown, take), words)
			require.ElementsMatch(t, map[mapping.Side][]string{
				mapping.SideCRM: {"041 333 333", "041 444 444"}, mapping.SideMetaKocka: {"041 444 444", "041 222 222"},
			}[take], []string{h.Contact(id).Phone, gsm(id)})
			require.Equal(t, "resolved ", h.One("SELECT status || ' ' || winner FROM mksync_conflicts WHERE id = $1::text::bigint", shown))

			again := parked(id)
			require.NotEqual(t, shown, again)
			require.NoError(t, resolve(again, mapping.SideCRM))
			require.Equal(t, "synced: ", h.Mapping(id))
			require.Equal(t, h.Contact(id).Phone, gsm(id))
		}
	}

	// One that an older version stored holds for any values.
	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@primer.si", Phone: "041 111 111"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 222 222" })
	h.Set(id, mapping.FieldPhone, "041 333 333")
	h.Exec(`UPDATE metakocka_contact_mappings SET overrides = '{"phone": "crm"}' WHERE contact_id = $1`, id)
	h.Pushed(id, false)
	require.Equal(t, "041 333 333", gsm(id))
}

// TestAnOutcomeThatTheCRMRefusesIsOneEntry: MetaKocka wins with a value that the CRM does not
// take, at every event. It waits as one entry for a person, who may take the CRM's.
func TestAnOutcomeThatTheCRMRefusesIsOneEntry(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) {
		w.Config.ConflictRule = mapping.RuleMetaKocka
		w.Exec("ALTER TABLE contacts ALTER phone TYPE varchar(12)")
	})
	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@primer.si", Phone: "041 111 111"})
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "+386 (0)41 222 222" })
	h.Set(id, mapping.FieldPhone, "041 333 333")
	for i := range 4 {
		h.Set(id, mapping.FieldNotes, fmt.Sprint("note ", i))
		_, err := h.Push(id, false)
		require.ErrorContains(t, err, "at most 12")
	}
	require.Equal(t, "parked phone ", h.One("SELECT string_agg(concat_ws(' ', status, field, winner), ', ') FROM mksync_conflicts"))
	_, err := h.Service.API(h.Service.Monitor()).ResolveConflict(context.WithoutCancel(t.Context()), operations.ResolveRequest{
		ID: h.One("SELECT id::text FROM mksync_conflicts"), Take: mapping.SideCRM,
	})
	require.NoError(t, err)
	h.PartnerIs(id, "041 333 333", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	require.NotContains(t, h.Mapping(id), "error")
}
