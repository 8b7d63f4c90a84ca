package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestBadInputLeavesOutItsFieldOnly: a value that cannot be sent leaves its field as
// it is on both sides and says so; everything else goes on, both ways.
func TestBadInputLeavesOutItsFieldOnly(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	s := w.up()
	good := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	w.partner(good)
	cases := []struct {
		field     mapping.Field
		bad, good string
		reason    string
	}{
		{mapping.FieldEmail, "not an address", "bor@partner.si", "email: is not an e-mail address"},
		{mapping.FieldPhone, "call me", "041 111 222", "phone: is not a phone number: it has no digits"},
		{mapping.FieldCountry, "XX", "SI", `country: "XX" is no known country`},
		{mapping.FieldTaxNumber, "SI123", "SI10101010", "tax_number: is not a Slovenian tax number: SI and eight digits"},
	}
	for i, c := range cases {
		fresh := mapping.Contact{Name: "Bor"}
		fresh.Set(c.field, c.bad)
		ids := []string{w.add(fresh)} // left out when it is made
		w.set(good, c.field, c.bad)   // and when it is edited
		ids = append(ids, good)
		for _, id := range ids {
			w.status(id, "partial")
			require.Equal(t, "partial: "+c.reason, w.mapping(id))
			w.set(id, mapping.FieldName, "Cene "+strconv.Itoa(i)) // the rest goes on, there
			w.partnerIs(id, "Cene "+strconv.Itoa(i), func(p metakocka.Partner) any { return p.Customer })
			w.edit(w.partner(id), func(p *metakocka.Partner) { p.Notes = "note " + strconv.Itoa(i) }) // and back
			w.contactIs(id, mapping.FieldNotes, "note "+strconv.Itoa(i))
			w.idle(s)
			require.Equal(t, "partial: "+c.reason, w.mapping(id))
			w.contactIs(id, c.field, c.bad)
			w.set(id, c.field, c.good)
			w.status(id, "synced")
		}
		w.exec("DELETE FROM contacts WHERE id = $1", ids[0]) // or it would match the next one
		w.status(ids[0], "deleted")
		w.set(good, c.field, "")
		w.idle(s)
	}
	require.Empty(t, w.letters(s))
	require.Len(t, w.erp.Partners(), 1+len(cases))

	// An edit in the ERP replaces what never reached it, and the journal has that.
	w.set(good, mapping.FieldEmail, "ana at partner")
	w.status(good, "partial")
	w.edit(w.partner(good), func(p *metakocka.Partner) { p.Contacts[0].Email = "nova@partner.si" })
	w.contactIs(good, mapping.FieldEmail, "nova@partner.si")
	require.Equal(t, "ana at partner metakocka", w.one("SELECT crm_value || ' ' || winner FROM mksync_conflicts WHERE field = 'email'"))

	w.exec("UPDATE contacts SET name = ' ' WHERE id = $1", good)
	w.status(good, "error")
	require.Equal(t, "error: name: is required", w.mapping(good))
	w.letter(s, "pusher "+good, "name: is required")
}

// letter waits until the dead letter has the reason; "": until there is none.
func (w *world) letter(s *service.Service, key, reason string) {
	w.t.Helper()
	w.eventually(func() error {
		if got := w.letters(s)[key]; got != reason {
			return errors.New("dead letter says: " + got)
		}
		return nil
	})
}

// TestWhatTheERPHoldsIsNotChecked: a value that MetaKocka holds and nobody
// edits keeps nothing back.
func TestWhatTheERPHoldsIsNotChecked(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	s := w.up()
	id := w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 222"})
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email, p.Contacts[0].GSM = "ana(at)partner", "ask Bor" })
	w.contactIs(id, mapping.FieldPhone, "ask Bor")
	w.contactIs(id, mapping.FieldEmail, "ana(at)partner")
	w.set(id, mapping.FieldAddress, "Dunajska 5, Maribor, 2000")
	w.partnerIs(id, "Maribor", func(p metakocka.Partner) any { return p.Addresses[0].City })
	require.Equal(t, written{Adds: 1, Updates: 1, Contacts: 1}, w.quiet(s))
	require.Equal(t, "synced: ", w.mapping(id))
	w.edit(w.partner(id), func(p *metakocka.Partner) { p.Addresses[0].Country = "Atlantida" })
	w.status(id, "partial")
	w.set(id, mapping.FieldEmail, "ana@partner.si")
	w.partnerIs(id, "ana@partner.si", func(p metakocka.Partner) any { return p.Contacts[0].Email })
	require.Equal(t, written{Adds: 1, Updates: 2, Contacts: 1}, w.quiet(s))
	require.Equal(t, `partial: country: "Atlantida" is no known country`, w.mapping(id))
	w.set(id, mapping.FieldCountry, "HR")
	w.partnerIs(id, "Atlantida", func(p metakocka.Partner) any { return p.Addresses[0].Country })
	w.quiet(s)
}

func TestMetaKockaRefusesOneContact(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{TooLong: sim.Refused})
	s := w.up()
	long := strings.Repeat("Zelo dolgo ime ", 10)
	bad, good := w.add(mapping.Contact{Name: "Ana", CompanyName: long}), w.add(mapping.Contact{Name: "Bor"})
	w.partner(good)
	w.set(good, mapping.FieldCompanyName, long)
	for _, id := range []string{bad, good} {
		w.status(id, "error")
		require.Contains(t, w.mapping(id), "partner.customer is longer than 100 characters.")
		w.eventually(func() error {
			letters := w.letters(s)
			if reason := letters["pusher "+id] + letters["pusher-bulk "+id]; !strings.Contains(reason, "longer than 100") {
				return errors.New("dead letter says: " + reason)
			}
			return nil
		})
	}
	other := w.add(mapping.Contact{Name: "Cene"})
	w.status(other, "synced")
	require.Empty(t, s.Monitor().Status(t.Context()).NotReady)
	for _, id := range []string{bad, good} {
		w.set(id, mapping.FieldCompanyName, "Kratko d.o.o.")
		w.status(id, "synced")
	}
	w.quiet(s)
	require.Empty(t, w.letters(s))
	require.Len(t, w.erp.Partners(), 3)
}

// paused waits until sending is: readiness says so, and the problems say why in words.
func (w *world) paused(s *service.Service, words string) {
	w.t.Helper()
	w.eventually(func() error {
		status := s.Monitor().Status(w.t.Context())
		if !status.Pusher.Paused || !slices.Contains(status.NotReady, "sending is paused") || !strings.Contains(strings.Join(status.Problems, " "), words) {
			return errors.New("not paused: " + strings.Join(status.Problems, "; "))
		}
		return nil
	})
}

func TestAWrongKeyPausesAndPutsNothingAside(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	require.NoError(t, w.erp.SetFaults(sim.Faults{RefuseAll: "Wrong secret key."}))
	s := w.up()
	ids := []string{w.add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"}), w.add(mapping.Contact{Name: "Bor"})}
	w.paused(s, "Wrong secret key.")
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.status(id, "synced")
	}
	w.idle(s)

	require.NoError(t, w.erp.SetFaults(sim.Faults{RefuseAll: "Wrong secret key."}))
	for _, id := range ids {
		w.set(id, mapping.FieldPhone, "041 111 222")
	}
	w.paused(s, "Wrong secret key.")
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.partnerIs(id, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	}
	w.quiet(s)
	require.Empty(t, w.letters(s))
	require.Len(t, w.erp.Partners(), 2)
}
