package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestARefusedWriteIsSentAgainWhereTheKeyIsRightMeanwhile: each kind of write is
// refused as with a wrong key, and all that follows is taken. The contact is not
// to blame, so nothing is put aside, left out or said not to be kept.
func TestARefusedWriteIsSentAgainWhereTheKeyIsRightMeanwhile(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Notes: sim.Kept, ShowBuyer: true})
	w.cfg.DeletePolicy = syncer.PolicyDeactivate
	s := w.up()
	refuse := func(endpoint string, then ...sim.Fault) {
		require.NoError(t, w.erp.FailNext(endpoint, then...))
	}
	synced := func(id string) {
		w.status(id, "synced")
		require.Equal(t, "synced: ", w.mapping(id))
		require.Empty(t, w.letters(s))
	}

	refuse(metakocka.EndpointAdd, sim.FaultRefused)
	id := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: "Pays late"})
	w.partnerIs(id, "Pays late", func(p metakocka.Partner) any { return p.Notes })
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.FaultRefused)
	w.set(id, mapping.FieldNotes, "Pays in time")
	w.partnerIs(id, "Pays in time", func(p metakocka.Partner) any { return p.Notes })
	w.idle(s)
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.NoFault, sim.FaultRefused) // the remove marker
	w.set(id, mapping.FieldEmail, "")
	w.partnerIs(id, "", func(p metakocka.Partner) any { return p.Contacts[0].Email })
	w.idle(s)
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.FaultRefused)
	w.exec("DELETE FROM contacts WHERE id = $1", id)
	w.status(id, "deleted")
	require.Equal(t, "deleted: ", w.mapping(id))
	require.Empty(t, w.letters(s))
	require.Len(t, w.erp.Partners(), 1)
	require.False(t, *w.erp.Partners()[0].Buyer)
}

// TestRefusedWritesPause: searches are taken, and each write is refused in the same
// words, as by a licence that has run out. That is not about the contacts.
func TestRefusedWritesPause(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	s := w.up()
	known := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	w.status(known, "synced")
	require.NoError(t, w.erp.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointAdd, metakocka.EndpointUpdate}}))
	w.set(known, mapping.FieldPhone, "041 111 222")
	var ids []string
	for i := range 20 {
		ids = append(ids, w.add(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Email: fmt.Sprintf("oseba%d@partner.si", i)}))
	}
	w.paused(s, "refuses one write after another")
	require.LessOrEqual(t, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'error'"), 4)
	w.edit(w.partner(known), func(p *metakocka.Partner) { p.Contacts[0].Email = "ana.kos@partner.si" }) // searches are taken
	// An update that was read before the edit has been refused by then, not taken.
	time.Sleep(500 * time.Millisecond)

	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.status(id, "synced")
	}
	w.partnerIs(known, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	w.contactIs(known, mapping.FieldEmail, "ana.kos@partner.si")
	w.quiet(s)
	require.Empty(t, w.letters(s))
	require.Len(t, w.erp.Partners(), 21)
}

// TestRefusedWritesAreGivenBackWithoutAPusher: the process that met them has another role.
func TestRefusedWritesAreGivenBackWithoutAPusher(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, stop := w.start()
	ids := w.persons(8)
	for _, id := range ids {
		w.status(id, "synced")
	}
	stop()
	require.NoError(t, w.erp.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointUpdate}}))
	for _, id := range ids {
		w.set(id, mapping.FieldPhone, "041 111 222")
		w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "novo@partner.si" })
	}
	s, _ := w.start(service.RolePoller, service.RolePuller)
	w.paused(s, "refuses one write after another")
	require.NotEmpty(t, w.letters(s))

	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.status(id, "synced")
		w.agree(id, "041 111 222")
	}
	w.eventually(func() error {
		if n := len(w.letters(s)); n > 0 {
			return fmt.Errorf("%d dead letters", n)
		}
		return nil
	})
}

// TestWhatWasPutAsideIsTriedAgainByItself: each write was refused while too few were tried
// to tell, and the process and the dead letters are lost. An edit, a creation and a
// deletion are still brought over.
func TestWhatWasPutAsideIsTriedAgainByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{ShowBuyer: true})
	w.cfg.DeletePolicy = syncer.PolicyDeactivate
	s, stop := w.start()
	ids := w.persons(2)
	for _, id := range ids {
		w.status(id, "synced")
	}
	retired := w.partner(ids[1]).MKID
	require.NoError(t, w.erp.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointAdd, metakocka.EndpointUpdate}}))
	w.set(ids[0], mapping.FieldPhone, "041 111 222")
	w.exec("DELETE FROM contacts WHERE id = $1", ids[1])
	made := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	for _, id := range append(ids, made) {
		w.status(id, "error")
	}
	w.eventually(func() error {
		if n := len(w.letters(s)); n < 3 {
			return fmt.Errorf("%d dead letters", n)
		}
		return nil
	})
	for key := range w.letters(s) {
		require.NoError(t, s.Bus.PurgeDeadLetters(t.Context(), strings.Fields(key)[1]))
	}
	w.problem(s, "3 contacts could not be brought over")
	stop()

	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	w.up()
	w.agree(ids[0], "041 111 222")
	w.status(ids[0], "synced")
	w.status(made, "synced")
	w.status(ids[1], "deleted")
	p, there := w.erp.Partner(retired)
	require.True(t, there)
	require.False(t, *p.Buyer)
}

// TestAnUpdateWhoseClearingIsRefusedHasTakenEffect: of two calls the first is taken, the
// second is refused as with a wrong key, and so is what is asked then. The first one's
// values are no edit made in the ERP.
func TestAnUpdateWhoseClearingIsRefusedHasTakenEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.PollInterval = time.Hour
	s := w.up()
	id := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "040 111 111"})
	w.status(id, "synced")
	require.NoError(t, w.erp.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultRefused))
	require.NoError(t, w.erp.FailNext(metakocka.EndpointGet, sim.NoFault, sim.FaultRefused))
	w.exec("UPDATE contacts SET email = NULL, phone = '040 222 222' WHERE id = $1", id)
	w.partnerIs(id, "040222222", func(p metakocka.Partner) any { return strings.ReplaceAll(p.Contacts[0].GSM, " ", "") })
	w.exec("UPDATE contacts SET phone = '040 333 333' WHERE id = $1", id)
	w.agree(id, "040 333 333")
	w.partnerIs(id, "", func(p metakocka.Partner) any { return p.Contacts[0].Email })
	w.status(id, "synced")
	require.Zero(t, w.count("SELECT count(*) FROM mksync_conflicts"))
	require.Empty(t, w.letters(s))
}

// TestNotesAreNotLostWhileWritesAreRefused: they alone are sent, and refused as each write
// is. That is no installation that keeps no notes.
func TestNotesAreNotLostWhileWritesAreRefused(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{Notes: sim.Kept}, nil)
	id, _ := h.linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	require.NoError(t, h.erp.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointUpdate}}))
	h.exec("UPDATE contacts SET notes = 'Pays late' WHERE id = $1", id)
	_, err := h.push(id, false)
	require.Error(t, err)
	require.NotContains(t, h.mapping(id), "not kept")
	require.NoError(t, h.erp.SetFaults(sim.Faults{}))
	h.pushed(id, false)
	require.Equal(t, "Pays late", h.partner(id).Notes)

	// It ends right before the write without the notes.
	require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, sim.FaultRefused, sim.FaultRefused))
	h.exec("UPDATE contacts SET notes = 'Pays in time', phone = '041 222 333' WHERE id = $1", id)
	h.pushed(id, false)
	require.Equal(t, "Pays in time", h.partner(id).Notes)
	require.Equal(t, "synced: ", h.mapping(id))
}

// TestNotesAreNotLostWhereARefusalEndsInACreation: every write is refused until right
// before the creation without the notes, which is answered, or whose answer is lost.
func TestNotesAreNotLostWhereARefusalEndsInACreation(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]sim.Fault{"answered": sim.NoFault, "answer lost": sim.FaultAfter, "not processed": sim.FaultBefore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := byHand(t, sim.Options{Notes: sim.Kept}, nil)
			require.NoError(t, h.erp.FailNext(metakocka.EndpointAdd, sim.FaultRefused, sim.FaultRefused, last))
			id := h.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: "Pays late"})
			h.pushed(id, false)
			require.Equal(t, "Pays late", h.partner(id).Notes)
			require.Equal(t, "synced: ", h.mapping(id))
			require.Len(t, h.erp.Partners(), 1)
			require.Empty(t, h.s.Monitor().Status(t.Context()).NotKept)
		})
	}
}

// TestASyncByHandRemovesTheDeadLetter: also where the process consumes nothing.
func TestASyncByHandRemovesTheDeadLetter(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	w.sharing()
	_, stop := w.start(service.RoleListener, service.RolePusher, service.RolePoller)
	s, c := w.api()
	id := w.add(mapping.Contact{Name: "Ana"})
	w.partner(id)
	require.NoError(t, w.erp.FailNext(metakocka.EndpointUpdate, sim.FaultRefused, sim.FaultRefused))
	w.set(id, mapping.FieldEmail, "ana@partner.si")
	w.eventually(func() error {
		if len(w.letters(s)) == 0 {
			return errors.New("nothing is put aside")
		}
		return nil
	})
	stop()
	require.Contains(t, w.mapping(id), "error: ")
	c.post("contacts/sync", `{"contactId":"`+id+`"}`).data(&struct{}{})
	require.Equal(t, "synced: ", w.mapping(id))
	require.Empty(t, w.letters(s))
}
