package main

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestUpdateWithoutAnswer loses the answer of an update while the contact is
// edited again. What the update wrote is no edit made in the ERP: there is no
// conflict, and the newer value arrives, also when the update takes effect only
// later, after a second one could have been sent.
func TestUpdateWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, fault := range []sim.Fault{sim.FaultAfter, sim.FaultHalf, sim.FaultGarbage, sim.Fault504, sim.FaultBefore, sim.Fault5xx, sim.FaultLate} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{})
			w.cfg.ConflictRule, w.cfg.MetaKockaTimeout = mapping.RuleManual, time.Second
			w.start()
			id := w.insert("Eva Bukev", "eva@primer.si")
			w.status(id, "synced")
			partner := w.partner(id).MKID

			var once sync.Once
			w.erp.OnCall(func(c sim.Call) {
				if c.Endpoint == metakocka.EndpointUpdate {
					once.Do(func() { w.exec("UPDATE contacts SET phone = '041 222 222' WHERE id = $1", id) })
				}
			})
			require.NoError(t, w.erp.SetFaults(sim.Faults{LateBy: 600 * time.Millisecond}))
			require.NoError(t, w.erp.FailNext(metakocka.EndpointUpdate, fault))
			w.exec("UPDATE contacts SET phone = '041 111 111' WHERE id = $1", id)

			w.eventually(func() error {
				calls := w.erp.Calls()
				p, _ := w.erp.Partner(partner)
				done := calls.Received[metakocka.EndpointUpdate] >= 2
				if fault == sim.FaultLate {
					done = calls.Processed[metakocka.EndpointUpdate] >= 2
				}
				if phone := mapping.Canonical(mapping.FieldPhone, p.Contacts[0].GSM); phone != "+38641222222" || !done {
					return fmt.Errorf("partner has %s after %+v", phone, calls)
				}
				return nil
			})
			w.agree(id, "041 222 222")
			w.status(id, "synced")
			require.Equal(t, "0", w.one("SELECT count(*)::text FROM mksync_conflicts"))
		})
	}
}

// TestEditInTheERPAfterAnUpdateWithoutAnswer: the update took effect, and an ERP
// user changed the same field since.
func TestEditInTheERPAfterAnUpdateWithoutAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.ConflictRule = mapping.RuleManual
	_, stop := w.start()
	id := w.insert("Eva Bukev", "eva@primer.si")
	w.status(id, "synced")
	partner := w.partner(id).MKID
	require.NoError(t, w.erp.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	down := make(chan struct{})
	w.erp.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointUpdate {
			require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
			close(down)
		}
	})
	w.exec("UPDATE contacts SET phone = '041 111 111', address = 'Nova 1, Ljubljana, 1000' WHERE id = $1", id)
	<-down
	w.eventually(func() error {
		if p, _ := w.erp.Partner(partner); p.Contacts[0].GSM == "" {
			return errors.New("the update has not taken effect yet")
		}
		return nil
	})
	stop()
	require.NoError(t, w.erp.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 333 333" }))
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	w.start()
	w.agree(id, "041 333 333")
	w.status(id, "synced")
	require.Equal(t, "0", w.one("SELECT count(*)::text FROM mksync_conflicts"))
}

// TestAnonymizeAfterAnUpdateWithoutAnswer: the contact is deleted while an update
// may still take effect. What it writes does not stay in the partner.
func TestAnonymizeAfterAnUpdateWithoutAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy, w.cfg.MetaKockaTimeout = "anonymize", time.Second
	w.start()
	id := w.insert("Eva Bukev", "eva@primer.si")
	w.status(id, "synced")
	partner := w.partner(id).MKID
	require.NoError(t, w.erp.SetFaults(sim.Faults{LateBy: 800 * time.Millisecond}))
	require.NoError(t, w.erp.FailNext(metakocka.EndpointUpdate, sim.FaultLate))
	w.exec("UPDATE contacts SET email = 'nova@primer.si' WHERE id = $1", id)
	w.eventually(func() error {
		if w.erp.Calls().Received[metakocka.EndpointUpdate] == 0 {
			return errors.New("the update was not sent yet")
		}
		return nil
	})
	w.exec("DELETE FROM contacts WHERE id = $1", id)
	w.status(id, "deleted")
	w.eventually(func() error {
		if c := w.erp.Calls(); c.Processed[metakocka.EndpointUpdate] < c.Received[metakocka.EndpointUpdate] {
			return errors.New("the first update has not taken effect yet")
		}
		return nil
	})
	p, _ := w.erp.Partner(partner)
	require.Equal(t, "Anonymized "+partner, p.Customer)
	require.Empty(t, p.Contacts[0].Email)
}

// TestAConflictOfALostAnswerIsWrittenDown: the CRM wins, and the answer to the update that
// replaces the ERP's value is lost. So is the whole process after an answer that came.
func TestAConflictOfALostAnswerIsWrittenDown(t *testing.T) {
	t.Parallel()
	h := byHand(t, sim.Options{}, func(w *world) { w.cfg.ConflictRule = mapping.RuleCRM })
	for i, fault := range []sim.Fault{sim.NoFault, sim.FaultAfter, sim.Fault504, sim.FaultGarbage, sim.FaultBefore} {
		t.Log(string(fault))
		id, p := h.linked(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Email: fmt.Sprintf("oseba%d@primer.si", i), Phone: "041 111 111"})
		h.edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 999" })
		h.exec("UPDATE contacts SET phone = '041 222 222', address = 'Nova 1, Ljubljana, 1000' WHERE id = $1", id)
		require.NoError(t, h.erp.FailNext(metakocka.EndpointUpdate, fault))
		_, _ = h.push(id, false) // how it ends is what the fault is about
		h.pushed(id, false)
		require.Equal(t, "synced: ", h.mapping(id))
		require.Equal(t, "phone: 041 222 222 over 041 999 999, crm decided", h.one(`
			SELECT string_agg(format('%s: %s over %s, %s %s', field, crm_value, partner_value, winner, status), '; ')
			FROM mksync_conflicts c JOIN metakocka_contact_mappings m ON m.id = c.link_id WHERE m.contact_id = $1`, id))
	}
}
