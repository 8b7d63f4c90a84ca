package syncer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestARefusedWriteIsSentAgainWhereTheKeyIsRightMeanwhile: each kind of write is
// refused as with a wrong key, and all that follows is taken. The contact is not
// to blame, so nothing is put aside, left out or said not to be kept.
func TestARefusedWriteIsSentAgainWhereTheKeyIsRightMeanwhile(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Notes: sim.Kept, ShowBuyer: true})
	w.Config.DeletePolicy = syncer.PolicyDeactivate
	s := w.Up()
	refuse := func(endpoint string, then ...sim.Fault) {
		require.NoError(t, w.ERP.FailNext(endpoint, then...))
	}
	synced := func(id string) {
		w.Status(id, "synced")
		require.Equal(t, "synced: ", w.Mapping(id))
		require.Empty(t, w.Letters(s))
	}

	refuse(metakocka.EndpointAdd, sim.FaultRefused)
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: "Pays late"})
	w.PartnerIs(id, "Pays late", func(p metakocka.Partner) any { return p.Notes })
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.FaultRefused)
	w.Set(id, mapping.FieldNotes, "Pays in time")
	w.PartnerIs(id, "Pays in time", func(p metakocka.Partner) any { return p.Notes })
	w.Idle(s)
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.NoFault, sim.FaultRefused) // the remove marker
	w.Set(id, mapping.FieldEmail, "")
	w.PartnerIs(id, "", func(p metakocka.Partner) any { return p.Contacts[0].Email })
	w.Idle(s)
	synced(id)

	refuse(metakocka.EndpointUpdate, sim.FaultRefused)
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Status(id, "deleted")
	require.Equal(t, "deleted: ", w.Mapping(id))
	require.Empty(t, w.Letters(s))
	require.Len(t, w.ERP.Partners(), 1)
	require.False(t, *w.ERP.Partners()[0].Buyer)
}

// TestRefusedWritesPause: searches are taken, and each write is refused in the same
// words, as by a licence that has run out. That is not about the contacts.
func TestRefusedWritesPause(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	known := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	w.Status(known, "synced")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointAdd, metakocka.EndpointUpdate}}))
	w.Set(known, mapping.FieldPhone, "041 111 222")
	var ids []string
	for i := range 20 {
		ids = append(ids, w.Add(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Email: fmt.Sprintf("oseba%d@partner.si", i)}))
	}
	paused(w, s, "refuses one write after another")
	require.LessOrEqual(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'error'"), 4)
	w.Edit(w.Partner(known), func(p *metakocka.Partner) { p.Contacts[0].Email = "ana.kos@partner.si" }) // searches are taken
	// An update that was read before the edit is refused by then, not taken.
	require.NoError(t, s.Store.WithContact(t.Context(), known, func(store.Session) error { return nil }))

	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.Status(id, "synced")
	}
	w.PartnerIs(known, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	w.ContactIs(known, mapping.FieldEmail, "ana.kos@partner.si")
	w.Quiet(s)
	require.Empty(t, w.Letters(s))
	require.Len(t, w.ERP.Partners(), 21)
}

// TestRefusedWritesAreGivenBackWithoutAPusher: the process that met them has another role.
func TestRefusedWritesAreGivenBackWithoutAPusher(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, stop := w.Start()
	ids := w.Persons(8)
	for _, id := range ids {
		w.Status(id, "synced")
	}
	stop()
	require.NoError(t, w.ERP.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointUpdate}}))
	for _, id := range ids {
		w.Set(id, mapping.FieldPhone, "041 111 222")
		w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email = "novo@partner.si" })
	}
	s, _ := w.Start(service.RolePoller, service.RolePuller)
	paused(w, s, "refuses one write after another")
	require.NotEmpty(t, w.Letters(s))

	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.Status(id, "synced")
		w.Agree(id, "041 111 222")
	}
	w.Eventually(func() error {
		if n := len(w.Letters(s)); n > 0 {
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
	w := world.New(t, sim.Options{ShowBuyer: true})
	w.Config.DeletePolicy = syncer.PolicyDeactivate
	s, stop := w.Start()
	ids := w.Persons(2)
	for _, id := range ids {
		w.Status(id, "synced")
	}
	retired := w.Partner(ids[1]).MKID
	require.NoError(t, w.ERP.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointAdd, metakocka.EndpointUpdate}}))
	w.Set(ids[0], mapping.FieldPhone, "041 111 222")
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[1])
	made := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	for _, id := range append(ids, made) {
		w.Status(id, "error")
	}

	// Each has one at least, and a partner that a poll saw meanwhile another.
	w.Eventually(func() error {
		letters, err := s.Bus.DeadLetters(t.Context())
		require.NoError(t, err)
		for _, l := range letters {
			if err := s.Bus.DiscardDeadLetter(t.Context(), l.ID); !errors.Is(err, bus.ErrNotFound) { // it is not replaced by a later one
				require.NoError(t, err)
			}
		}
		problems := strings.Join(s.Monitor().Status(t.Context()).Problems, "; ")
		if !strings.Contains(problems, "3 contacts could not be brought over") {
			return errors.New("problems are " + problems)
		}
		return nil
	})
	stop()

	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Up()
	w.Agree(ids[0], "041 111 222")
	w.Status(ids[0], "synced")
	w.Status(made, "synced")
	w.Status(ids[1], "deleted")
	p, there := w.ERP.Partner(retired)
	require.True(t, there)
	require.False(t, *p.Buyer)
}

// TestAnUpdateWhoseClearingIsRefusedHasTakenEffect: of two calls the first is taken, the
// second is refused as with a wrong key, and so is what is asked then. The first one's
// values are no edit made in the ERP.
func TestAnUpdateWhoseClearingIsRefusedHasTakenEffect(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.PollInterval = time.Hour
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "040 111 111"})
	w.Status(id, "synced")
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultRefused))
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointGet, sim.NoFault, sim.FaultRefused))
	w.Exec("UPDATE contacts SET email = NULL, phone = '040 222 222' WHERE id = $1", id)
	w.PartnerIs(id, "040222222", func(p metakocka.Partner) any { return strings.ReplaceAll(p.Contacts[0].GSM, " ", "") })
	w.Exec("UPDATE contacts SET phone = '040 333 333' WHERE id = $1", id)
	w.Agree(id, "040 333 333")
	w.PartnerIs(id, "", func(p metakocka.Partner) any { return p.Contacts[0].Email })
	w.Status(id, "synced")
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_conflicts"))
	require.Empty(t, w.Letters(s))
}

// TestAClearingThatIsRefused is tried again, for every write may have been refused just
// then; a second time it is said that the value stands.
func TestAClearingThatIsRefused(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	id, _ := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "040 111 111"})
	r := sim.FaultRefused
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.NoFault, r, r))
	h.Exec("UPDATE contacts SET email = NULL, phone = '040 222 222' WHERE id = $1", id)
	_, err := h.Push(id, false)
	require.Error(t, err)
	require.Contains(t, h.Mapping(id), "error: ")
	require.Equal(t, "040 222 222", h.Partner(id).Contacts[0].GSM)

	h.Exec("UPDATE contacts SET phone = '040 333 333' WHERE id = $1", id)
	h.Pushed(id, false)
	require.Equal(t, "synced: ", h.Mapping(id))
	require.Equal(t, []string{"", "040 333 333"}, []string{h.Partner(id).Contacts[0].Email, h.Partner(id).Contacts[0].GSM})
	require.Zero(t, h.Count("SELECT count(*) FROM mksync_conflicts"))

	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.NoFault, r, r, sim.NoFault, r, r))
	h.Exec("UPDATE contacts SET phone = NULL WHERE id = $1", id)
	_, err = h.Push(id, false)
	require.Error(t, err)
	h.Pushed(id, false)
	require.Contains(t, h.Mapping(id), "partial: ")
	require.Equal(t, "040 333 333", h.Partner(id).Contacts[0].GSM)
	require.Empty(t, h.Contact(id).Phone)
}

// TestNotesAreNotLostWhileWritesAreRefused: they alone are sent, and refused as each write
// is. That is no installation that keeps no notes.
func TestNotesAreNotLostWhileWritesAreRefused(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{Notes: sim.Kept}, nil)
	id, _ := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	require.NoError(t, h.ERP.SetFaults(sim.Faults{WrongKey: 1, Endpoints: []string{metakocka.EndpointUpdate}}))
	h.Exec("UPDATE contacts SET notes = 'Pays late' WHERE id = $1", id)
	_, err := h.Push(id, false)
	require.Error(t, err)
	require.NotContains(t, h.Mapping(id), "not kept")
	require.NoError(t, h.ERP.SetFaults(sim.Faults{}))
	h.Pushed(id, false)
	require.Equal(t, "Pays late", h.Partner(id).Notes)

	// It ends right before the write without the notes.
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultRefused, sim.FaultRefused))
	h.Exec("UPDATE contacts SET notes = 'Pays in time', phone = '041 222 333' WHERE id = $1", id)
	h.Pushed(id, false)
	require.Equal(t, "Pays in time", h.Partner(id).Notes)
	require.Equal(t, "synced: ", h.Mapping(id))
}

// TestNotesThatWereKeptAreNotTakenForUnkept: a refusal of every write ends right before the
// one write that goes without the notes, and begins again behind it. Where they were seen
// to be kept, there is no such write: the refusal is about the contact, which is tried again.
func TestNotesThatWereKeptAreNotTakenForUnkept(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{Notes: sim.Kept}, nil)
	id, _ := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: "Pays late"})
	r := sim.FaultRefused

	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, r, r, sim.NoFault, r, r))
	h.Exec("UPDATE contacts SET notes = 'Pays in time', phone = '041 222 333' WHERE id = $1", id)
	_, err := h.Push(id, false)
	require.Error(t, err)
	require.Contains(t, h.Mapping(id), "error: ")
	for range 2 { // of what is left to fail
		_, _ = h.Push(id, false)
	}
	h.Pushed(id, false)
	require.Equal(t, "Pays in time", h.Partner(id).Notes)
	require.Equal(t, "synced: ", h.Mapping(id))

	require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, r, r, sim.NoFault))
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, r, r))
	bor := h.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si", Notes: "A friend of Ana's"})
	_, err = h.Push(bor, false)
	require.Error(t, err)
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate))
	h.Pushed(bor, false)
	require.Equal(t, "A friend of Ana's", h.Partner(bor).Notes)
	require.Equal(t, "synced: ", h.Mapping(bor))
	require.Empty(t, h.Service.Monitor().Status(t.Context()).NotKept)
}

// TestNotesAreNotLostWhereARefusalEndsInACreation: every write is refused until right
// before the creation without the notes, which is answered, or whose answer is lost.
func TestNotesAreNotLostWhereARefusalEndsInACreation(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]sim.Fault{"answered": sim.NoFault, "answer lost": sim.FaultAfter, "not processed": sim.FaultBefore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := world.ByHand(t, sim.Options{Notes: sim.Kept}, nil)
			require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, sim.FaultRefused, sim.FaultRefused, last))
			id := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Notes: "Pays late"})
			h.Pushed(id, false)
			require.Equal(t, "Pays late", h.Partner(id).Notes)
			require.Equal(t, "synced: ", h.Mapping(id))
			require.Len(t, h.ERP.Partners(), 1)
			require.Empty(t, h.Service.Monitor().Status(t.Context()).NotKept)
		})
	}
}

// TestASyncByHandRemovesTheDeadLetter: also where the process consumes nothing.
func TestASyncByHandRemovesTheDeadLetter(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Sharing()
	_, stop := w.Start(service.RoleListener, service.RolePusher, service.RolePoller)
	s, c := w.API()
	id := w.Add(mapping.Contact{Name: "Ana"})
	w.Partner(id)
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultRefused, sim.FaultRefused))
	w.Set(id, mapping.FieldEmail, "ana@partner.si")
	w.Eventually(func() error {
		if len(w.Letters(s)) == 0 {
			return errors.New("nothing is put aside")
		}
		return nil
	})
	stop()
	require.Contains(t, w.Mapping(id), "error: ")
	c.Post("contacts/sync", `{"contactId":"`+id+`"}`).Data(&struct{}{})
	require.Equal(t, "synced: ", w.Mapping(id))
	require.Empty(t, w.Letters(s))
}
