package syncer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestALateClearingDoesNotWipeANewerEdit: one of an intent's updates took effect, another one is on its way.
func TestALateClearingDoesNotWipeANewerEdit(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	id, p := h.Linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"})
	require.NoError(t, h.ERP.SetFaults(sim.Faults{LateBy: 400 * time.Millisecond}))
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultLate))
	h.Exec("UPDATE contacts SET email = NULL, phone = '041 222 222' WHERE id = $1", id)
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Exec("UPDATE contacts SET email = 'nova@primer.si' WHERE id = $1", id)
	h.Pushed(id, false)
	h.ERP.AwaitLate()
	h.Pull(p.MKID)
	h.Pushed(id, false)
	now, _ := h.ERP.Partner(p.MKID)
	require.Equal(t, "nova@primer.si", h.Contact(id).Email, "the user's edit is lost; partner: %+v", now.Contacts)
}

// TestALateEntryIsNotAddedTwice: as before, of entries.
func TestALateEntryIsNotAddedTwice(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{Partners: []metakocka.Partner{{MKID: "7001", Customer: "Ana", TaxIDNumber: "SI12345679"}}}, nil)
	if p, _ := h.ERP.Partner("7001"); len(p.Addresses)+len(p.Contacts) > 0 {
		t.Skip("has entries")
	}
	require.NoError(t, h.ERP.SetFaults(sim.Faults{LateBy: 400 * time.Millisecond}))
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.NoFault, sim.FaultLate))
	id := h.Add(mapping.Contact{Name: "Ana", TaxNumber: "SI12345679", Email: "ana@partner.si", Address: "Cesta 1, Ljubljana, 1000"})
	_, err := h.Push(id, false)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Pushed(id, false)
	h.ERP.AwaitLate()
	p, _ := h.ERP.Partner("7001")
	data, _ := json.Marshal(p)
	require.Len(t, p.Contacts, 1, string(data))
}

// TestUpdateWithoutAnswer loses the answer of an update while the contact is
// edited again. What the update wrote is no edit made in the ERP: there is no
// conflict, and the newer value arrives, also when the update takes effect only
// later, after a second one could have been sent.
func TestUpdateWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, fault := range long.Every(2, []sim.Fault{sim.FaultAfter, sim.FaultHalf, sim.FaultGarbage, sim.Fault504, sim.FaultBefore, sim.Fault5xx, sim.FaultLate}) {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{})
			w.Config.ConflictRule = mapping.RuleManual
			w.Start()
			id := w.Insert("Eva Bukev", "eva@primer.si")
			w.Status(id, "synced")
			partner := w.Partner(id).MKID

			var once sync.Once
			w.ERP.OnCall(func(c sim.Call) {
				if c.Endpoint == metakocka.EndpointUpdate {
					once.Do(func() { w.Exec("UPDATE contacts SET phone = '041 222 222' WHERE id = $1", id) })
				}
			})
			require.NoError(t, w.ERP.SetFaults(sim.Faults{LateBy: 600 * time.Millisecond}))
			require.NoError(t, w.ERP.FailNext(metakocka.EndpointUpdate, fault))
			w.Exec("UPDATE contacts SET phone = '041 111 111' WHERE id = $1", id)

			w.Eventually(func() error {
				calls := w.ERP.Calls()
				p, _ := w.ERP.Partner(partner)
				done := calls.Received[metakocka.EndpointUpdate] >= 2
				if fault == sim.FaultLate {
					done = calls.Processed[metakocka.EndpointUpdate] >= 2
				}
				if phone := mapping.Canonical(mapping.FieldPhone, p.Contacts[0].GSM); phone != "+38641222222" || !done {
					return fmt.Errorf("partner has %s after %+v", phone, calls)
				}
				return nil
			})
			w.Agree(id, "041 222 222")
			w.Status(id, "synced")
			require.Equal(t, "0", w.One("SELECT count(*)::text FROM mksync_conflicts"))
		})
	}
}

// TestEditInTheERPAfterAnUpdateWithoutAnswer: the update took effect, and an ERP
// user changed the same field since.
func TestEditInTheERPAfterAnUpdateWithoutAnswer(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	_, stop := w.Start()
	id := w.Insert("Eva Bukev", "eva@primer.si")
	w.Status(id, "synced")
	partner := w.Partner(id).MKID
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	var once sync.Once
	down := make(chan struct{})
	w.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointUpdate {
			once.Do(func() {
				require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
				close(down)
			})
		}
	})
	w.Exec("UPDATE contacts SET phone = '041 111 111', address = 'Nova 1, Ljubljana, 1000' WHERE id = $1", id)
	<-down
	w.Eventually(func() error {
		if p, _ := w.ERP.Partner(partner); p.Contacts[0].GSM == "" {
			return errors.New("the update has not taken effect yet")
		}
		return nil
	})
	stop()
	require.NoError(t, w.ERP.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 333 333" }))
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Start()
	w.Agree(id, "041 333 333")
	w.Status(id, "synced")
	require.Equal(t, "0", w.One("SELECT count(*)::text FROM mksync_conflicts"))
}

// TestAnonymizeAfterAnUpdateWithoutAnswer: the contact is deleted while an update
// may still take effect. What it writes does not stay in the partner.
func TestAnonymizeAfterAnUpdateWithoutAnswer(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = "anonymize"
	w.Start()
	id := w.Insert("Eva Bukev", "eva@primer.si")
	w.Status(id, "synced")
	partner := w.Partner(id).MKID
	require.NoError(t, w.ERP.SetFaults(sim.Faults{LateBy: 800 * time.Millisecond}))
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultLate))
	w.Exec("UPDATE contacts SET email = 'nova@primer.si' WHERE id = $1", id)
	w.Eventually(func() error {
		if w.ERP.Calls().Received[metakocka.EndpointUpdate] == 0 {
			return errors.New("the update was not sent yet")
		}
		return nil
	})
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Status(id, "deleted")
	w.Eventually(func() error {
		if c := w.ERP.Calls(); c.Processed[metakocka.EndpointUpdate] < c.Received[metakocka.EndpointUpdate] {
			return errors.New("the first update has not taken effect yet")
		}
		return nil
	})
	p, _ := w.ERP.Partner(partner)
	require.Equal(t, "Anonymized "+partner, p.Customer)
	require.Empty(t, p.Contacts[0].Email)
}

// TestAConflictOfALostAnswerIsWrittenDown: the CRM wins, and the answer to the update that
// replaces the ERP's value is lost. So is the whole process after an answer that came.
func TestAConflictOfALostAnswerIsWrittenDown(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleCRM })
	for i, fault := range []sim.Fault{sim.NoFault, sim.FaultAfter, sim.Fault504, sim.FaultGarbage, sim.FaultBefore} {
		t.Log(string(fault))
		id, p := h.Linked(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Email: fmt.Sprintf("oseba%d@primer.si", i), Phone: "041 111 111"})
		h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 999" })
		h.Exec("UPDATE contacts SET phone = '041 222 222', address = 'Nova 1, Ljubljana, 1000' WHERE id = $1", id)
		require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, fault))
		_, _ = h.Push(id, false) // how it ends is what the fault is about
		h.Pushed(id, false)
		require.Equal(t, "synced: ", h.Mapping(id))
		require.Equal(t, "phone: 041 222 222 over 041 999 999, crm decided", h.One(`
			SELECT string_agg(format('%s: %s over %s, %s %s', field, crm_value, partner_value, winner, status), '; ')
			FROM mksync_conflicts c JOIN metakocka_contact_mappings m ON m.id = c.link_id WHERE m.contact_id = $1`, id))
	}
}

// TestAColleagueIsNotGivenThePartnerOfACreationWithoutAnswer: that can take no effect any
// more, and nobody has looked yet what became of it, when a contact with the same number
// comes. The partner stays the first one's, where it was made; else the second gets one.
func TestAColleagueIsNotGivenThePartnerOfACreationWithoutAnswer(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	for fault, number := range map[sim.Fault]string{sim.FaultAfter: "SI12345679", sim.FaultBefore: "SI10168087"} {
		first := h.Add(mapping.Contact{Name: "Petra Bizjak", TaxNumber: number})
		require.NoError(t, h.ERP.FailNext(metakocka.EndpointAdd, fault))
		_, err := h.Push(first, false)
		require.True(t, metakocka.Uncertain(err), "%v", err)
		h.Exec(`UPDATE metakocka_contact_mappings SET intent = intent || jsonb_build_object(
			'sent_at', (intent->>'sent_at')::timestamptz - interval '1 hour',
			'deadline', (intent->>'deadline')::timestamptz - interval '1 hour',
			'sent_here', (intent->>'sent_here')::timestamptz - interval '1 hour') WHERE intent IS NOT NULL`)

		second := h.Add(mapping.Contact{Name: "Oskar Turk", TaxNumber: number})
		h.Pushed(second, false)
		h.Pushed(first, false)
		owner, held, name := first, second, "Petra Bizjak"
		if fault == sim.FaultBefore {
			owner, held, name = second, first, "Oskar Turk"
		}
		require.Equal(t, name, h.Partner(owner).Customer)
		require.Contains(t, h.Mapping(held), "held: ")
		require.Equal(t, "0", h.One("SELECT count(*)::text FROM mksync_conflicts"))
	}
}
