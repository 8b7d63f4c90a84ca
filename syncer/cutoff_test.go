package syncer_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAClearingThatWasCutOffLeavesNoMarker: MetaKocka keeps the remove marker as a text, and a
// call of the clearing has no answer, while another field of the same write took effect.
func TestAClearingThatWasCutOffLeavesNoMarker(t *testing.T) {
	t.Parallel()
	cutOff := map[string][]sim.Fault{
		"the marker's answer":                {sim.NoFault, sim.FaultAfter},
		"what takes it back":                 {sim.NoFault, sim.NoFault, sim.FaultBefore},
		"both answers":                       {sim.NoFault, sim.FaultAfter, sim.FaultAfter},
		"the answer, and what takes it back": {sim.NoFault, sim.FaultAfter, sim.FaultBefore},
		"the marker itself":                  {sim.NoFault, sim.FaultBefore},
		"the answer of what takes it back":   {sim.NoFault, sim.NoFault, sim.FaultAfter},
	}
	for _, name := range long.Every(2, slices.Sorted(maps.Keys(cutOff))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := world.ByHand(t, sim.Options{RemoveMarker: sim.Kept}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleCRM })
			id, p := h.Linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"})
			h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 222 222" })
			require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, cutOff[name]...))
			h.Exec("UPDATE contacts SET phone = NULL, address = 'Nova 1, Ljubljana, 1000' WHERE id = $1", id)
			_, err := h.Push(id, false)
			require.True(t, metakocka.Uncertain(err), "%v", err)
			h.Pushed(id, false)
			h.Pull(p.MKID)
			require.Empty(t, h.Contact(id).Phone)
			now, _ := h.ERP.Partner(p.MKID)
			require.Equal(t, "041 222 222", now.Contacts[0].GSM, "what stood before")
			require.Equal(t, "Nova 1", now.Addresses[0].Street)
			require.Equal(t, "partial: phone: could not be cleared by MetaKocka", h.Mapping(id))
		})
	}
}

// TestAnAnonymizingThatWasCutOffBringsNoMarkerToTheCRM: likewise where the contact is there
// again before it is known.
func TestAnAnonymizingThatWasCutOffBringsNoMarkerToTheCRM(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{RemoveMarker: sim.Kept}, func(w *world.World) { w.Config.DeletePolicy = "anonymize" })
	id, p := h.Linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultAfter))
	h.Exec("DELETE FROM contacts WHERE id = $1", id)
	_, err := h.Push(id, true)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Exec("INSERT INTO contacts (id, name) VALUES ($1, 'Eva Bukev')", id)
	h.Pushed(id, true)
	h.Pull(p.MKID)
	c := h.Contact(id)
	require.Equal(t, "eva@primer.si", c.Email)
	require.Equal(t, "+38641111111", mapping.Canonical(mapping.FieldPhone, c.Phone))
}

// TestANameMadeForAnEntryIsNoEdit: a company's partner without contact entry gets one for
// the e-mail, which has to have a name, and the answer is lost.
func TestANameMadeForAnEntryIsNoEdit(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{Partners: []metakocka.Partner{{
		MKID: "7001", Customer: "Firma d.o.o.", BusinessEntity: true, TaxIDNumber: "SI12345679",
		Addresses: []metakocka.Address{{MKID: "1", Type: metakocka.AddressBilling, Street: "Cesta 1", City: "Ljubljana", PostNumber: "1000"}},
	}}}, func(w *world.World) { oneWay(w, mapping.FieldName, mapping.DirectionToCRM) })
	id := h.Add(mapping.Contact{Name: "Eva Bukev", CompanyName: "Firma d.o.o.", TaxNumber: "SI12345679", Address: "Cesta 1, Ljubljana, 1000"})
	h.Pushed(id, false)
	if p, _ := h.ERP.Partner("7001"); len(p.Contacts) > 0 {
		t.Fatal("has an entry already")
	}
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	h.Set(id, mapping.FieldEmail, "eva@primer.si")
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Pushed(id, false)
	h.Pull("7001")
	require.Equal(t, "Eva Bukev", h.Contact(id).Name, h.Mapping(id))
}

// TestNotesThatAreOnTheirWayAreNotDropped: an update is sent as two, because the partner has
// no address, and the second is lost. Its notes are not what MetaKocka did not keep.
func TestNotesThatAreOnTheirWayAreNotDropped(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{Notes: sim.Kept, Partners: []metakocka.Partner{{MKID: "7001", Customer: "Eva Bukev", TaxIDNumber: "SI12345679"}}}, nil)
	id := h.Add(mapping.Contact{Name: "Eva Bukev", TaxNumber: "SI12345679"})
	h.Pushed(id, false)
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultBefore))
	h.Exec("UPDATE contacts SET email = 'eva@primer.si', address = 'Cesta 1, Ljubljana, 1000', notes = 'redna stranka' WHERE id = $1", id)
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Pushed(id, false)
	p, _ := h.ERP.Partner("7001")
	require.Equal(t, "redna stranka", p.Notes, h.Mapping(id))
}

// TestWhatALostUpdateDidNotKeepWasNotAgreedOn: as with an update that was answered.
func TestWhatALostUpdateDidNotKeepWasNotAgreedOn(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	id, p := h.Linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	h.Exec("UPDATE contacts SET phone = '041 111 111', notes = 'redna stranka' WHERE id = $1", id)
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Pushed(id, false)
	h.Pull(p.MKID)
	require.Equal(t, "synced: ", h.Mapping(id))
	require.Empty(t, h.One("SELECT base->'crm'->>'notes' FROM metakocka_contact_mappings WHERE contact_id = $1", id))
}

// TestEditsOnBothSidesOfACreationWithoutAnswer: the partner was made, an ERP user adds an
// address to it and a CRM user changes other fields before mksync knows. What mksync sent is
// no edit made in the ERP.
func TestEditsOnBothSidesOfACreationWithoutAnswer(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{Notes: sim.Kept, EmptyValue: sim.Cleared}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleMetaKocka })
	id := h.Add(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111", Notes: "redna stranka"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	made := h.ERP.Partners()[0]
	h.Edit(made, func(p *metakocka.Partner) { world.EnterField(p, mapping.FieldAddress, "Nova 5, Ljubljana, 1000") })
	h.Exec("UPDATE contacts SET phone = '041 222 222', notes = NULL WHERE id = $1", id)
	h.Pushed(id, false)
	h.Pull(made.MKID)

	c := h.Contact(id)
	require.Equal(t, []string{"041 222 222", "", "Nova 5, Ljubljana, 1000"}, []string{c.Phone, c.Notes, c.Address})
	p, _ := h.ERP.Partner(made.MKID)
	require.Equal(t, "+38641222222", mapping.Canonical(mapping.FieldPhone, p.Contacts[0].GSM))
	require.Empty(t, p.Notes)
	require.Equal(t, "0", h.One("SELECT count(*)::text FROM mksync_conflicts"))
}

// oneWay lets a field go one way.
func oneWay(w *world.World, f mapping.Field, d mapping.Direction) {
	policy := w.Config.Fields[f]
	policy.Direction = d
	w.Config.Fields[f] = policy
}
