package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestADecisionHoldsForTheValuesThatWereShown: the field is changed between the list and the
// decision, on either side, and a reconcile sees that or does not.
func TestADecisionHoldsForTheValuesThatWereShown(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) { w.cfg.ConflictRule = mapping.RuleManual })
	ctx := context.WithoutCancel(t.Context())
	parked := func(id string) string {
		return h.one(`SELECT c.id::text FROM mksync_conflicts c JOIN metakocka_contact_mappings m ON m.id = c.link_id
			WHERE m.contact_id = $1 AND c.status = 'parked'`, id)
	}
	resolve := func(number string, take mapping.Side) error {
		_, err := h.s.API(h.s.Monitor()).ResolveConflict(ctx, operations.ResolveRequest{ID: number, Take: take})
		return err
	}
	gsm := func(id string) string { return h.partner(id).Contacts[0].GSM }
	n := 0
	for _, seen := range []bool{false, true} {
		for _, take := range []mapping.Side{mapping.SideCRM, mapping.SideMetaKocka} {
			n++
			id, p := h.linked(mapping.Contact{Name: fmt.Sprint("Oseba ", n), Email: fmt.Sprintf("oseba%d@primer.si", n), Phone: "041 111 111"})
			h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 222 222" })
			h.set(id, mapping.FieldPhone, "041 333 333")
			h.pushed(id, false)
			shown := parked(id)

			if take == mapping.SideCRM {
				h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 444 444" })
			} else {
				h.set(id, mapping.FieldPhone, "041 444 444")
			}
			words := "changed since conflict " + shown + " was shown"
			if seen {
				h.pushed(id, false)
				words = "conflict " + shown + " is over"
			}
			require.ErrorContains(t, resolve(shown, take), words)
			require.ElementsMatch(t, map[mapping.Side][]string{
				mapping.SideCRM: {"041 333 333", "041 444 444"}, mapping.SideMetaKocka: {"041 444 444", "041 222 222"},
			}[take], []string{h.contact(id).Phone, gsm(id)})
			require.Equal(t, "resolved ", h.one("SELECT status || ' ' || winner FROM mksync_conflicts WHERE id = $1::text::bigint", shown))

			again := parked(id)
			require.NotEqual(t, shown, again)
			require.NoError(t, resolve(again, mapping.SideCRM))
			require.Equal(t, "synced: ", h.mapping(id))
			require.Equal(t, h.contact(id).Phone, gsm(id))
		}
	}

	// One that an older version stored holds for any values.
	id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@primer.si", Phone: "041 111 111"})
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 222 222" })
	h.set(id, mapping.FieldPhone, "041 333 333")
	h.exec(`UPDATE metakocka_contact_mappings SET overrides = '{"phone": "crm"}' WHERE contact_id = $1`, id)
	h.pushed(id, false)
	require.Equal(t, "041 333 333", gsm(id))
}

// TestAnOutcomeThatTheCRMRefusesIsOneEntry: MetaKocka wins with a value that the CRM does not
// take, at every event. It waits as one entry for a person, who may take the CRM's.
func TestAnOutcomeThatTheCRMRefusesIsOneEntry(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) {
		w.cfg.ConflictRule = mapping.RuleMetaKocka
		w.exec("ALTER TABLE contacts ALTER phone TYPE varchar(12)")
	})
	id, p := h.linked(mapping.Contact{Name: "Ana", Email: "ana@primer.si", Phone: "041 111 111"})
	h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "+386 (0)41 222 222" })
	h.set(id, mapping.FieldPhone, "041 333 333")
	for i := range 4 {
		h.set(id, mapping.FieldNotes, fmt.Sprint("note ", i))
		_, err := h.push(id, false)
		require.ErrorContains(t, err, "at most 12")
	}
	require.Equal(t, "parked phone ", h.one("SELECT string_agg(concat_ws(' ', status, field, winner), ', ') FROM mksync_conflicts"))
	_, err := h.s.API(h.s.Monitor()).ResolveConflict(context.WithoutCancel(t.Context()), operations.ResolveRequest{
		ID: h.one("SELECT id::text FROM mksync_conflicts"), Take: mapping.SideCRM,
	})
	require.NoError(t, err)
	h.partnerIs(id, "041 333 333", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	require.NotContains(t, h.mapping(id), "error")
}
