package syncer_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestBadInputLeavesOutItsFieldOnly: a value that cannot be sent leaves its field as
// it is on both sides and says so; everything else goes on, both ways.
func TestBadInputLeavesOutItsFieldOnly(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	good := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	w.Partner(good)
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
		ids := []string{w.Add(fresh)} // left out when it is made
		w.Set(good, c.field, c.bad)   // and when it is edited
		ids = append(ids, good)
		for _, id := range ids {
			w.Status(id, "partial")
			require.Equal(t, "partial: "+c.reason, w.Mapping(id))
			w.Set(id, mapping.FieldName, "Cene "+strconv.Itoa(i)) // the rest goes on, there
			w.PartnerIs(id, "Cene "+strconv.Itoa(i), func(p metakocka.Partner) any { return p.Customer })
			w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Notes = "note " + strconv.Itoa(i) }) // and back
			w.ContactIs(id, mapping.FieldNotes, "note "+strconv.Itoa(i))
			w.Idle(s)
			require.Equal(t, "partial: "+c.reason, w.Mapping(id))
			w.ContactIs(id, c.field, c.bad)
			w.Set(id, c.field, c.good)
			w.Status(id, "synced")
		}
		w.Exec("DELETE FROM contacts WHERE id = $1", ids[0]) // or it would match the next one
		w.Status(ids[0], "deleted")
		w.Set(good, c.field, "")
		w.Idle(s)
	}
	require.Empty(t, w.Letters(s))
	require.Len(t, w.ERP.Partners(), 1+len(cases))

	// An edit in the ERP replaces what never reached it, and the journal has that.
	w.Set(good, mapping.FieldEmail, "ana at partner")
	w.Status(good, "partial")
	w.Edit(w.Partner(good), func(p *metakocka.Partner) { p.Contacts[0].Email = "nova@partner.si" })
	w.ContactIs(good, mapping.FieldEmail, "nova@partner.si")
	require.Equal(t, "ana at partner metakocka", w.One("SELECT crm_value || ' ' || winner FROM mksync_conflicts WHERE field = 'email'"))

	w.Exec("UPDATE contacts SET name = ' ' WHERE id = $1", good)
	w.Status(good, "error")
	require.Equal(t, "error: name: is required", w.Mapping(good))
	w.Letter(s, "pusher "+good, "name: is required")
}

// TestWhatTheERPHoldsIsNotChecked: a value that MetaKocka holds and nobody
// edits keeps nothing back.
func TestWhatTheERPHoldsIsNotChecked(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 222"})
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].Email, p.Contacts[0].GSM = "ana(at)partner", "ask Bor" })
	w.ContactIs(id, mapping.FieldPhone, "ask Bor")
	w.ContactIs(id, mapping.FieldEmail, "ana(at)partner")
	w.Set(id, mapping.FieldAddress, "Dunajska 5, Maribor, 2000")
	w.PartnerIs(id, "Maribor", func(p metakocka.Partner) any { return p.Addresses[0].City })
	require.Equal(t, world.Written{Adds: 1, Updates: 1, Contacts: 1}, w.Quiet(s))
	require.Equal(t, "synced: ", w.Mapping(id))
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Addresses[0].Country = "Atlantida" })
	w.Status(id, "partial")
	w.Set(id, mapping.FieldEmail, "ana@partner.si")
	w.PartnerIs(id, "ana@partner.si", func(p metakocka.Partner) any { return p.Contacts[0].Email })
	require.Equal(t, world.Written{Adds: 1, Updates: 2, Contacts: 1}, w.Quiet(s))
	require.Equal(t, `partial: country: "Atlantida" is no known country`, w.Mapping(id))
	w.Set(id, mapping.FieldCountry, "HR")
	w.PartnerIs(id, "Atlantida", func(p metakocka.Partner) any { return p.Addresses[0].Country })
	w.Quiet(s)
}

func TestMetaKockaRefusesOneContact(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{TooLong: sim.Refused})
	s := w.Up()
	long := strings.Repeat("Zelo dolgo ime ", 10)
	bad, good := w.Add(mapping.Contact{Name: "Ana", CompanyName: long}), w.Add(mapping.Contact{Name: "Bor"})
	w.Partner(good)
	w.Set(good, mapping.FieldCompanyName, long)
	for _, id := range []string{bad, good} {
		w.Status(id, "error")
		require.Contains(t, w.Mapping(id), "partner.customer is longer than 100 characters.")
		w.Eventually(func() error {
			letters := w.Letters(s)
			if reason := letters["pusher "+id] + letters["pusher-bulk "+id]; !strings.Contains(reason, "longer than 100") {
				return errors.New("dead letter says: " + reason)
			}
			return nil
		})
	}
	other := w.Add(mapping.Contact{Name: "Cene"})
	w.Status(other, "synced")
	require.Empty(t, s.Monitor().Status(t.Context()).NotReady)
	for _, id := range []string{bad, good} {
		w.Set(id, mapping.FieldCompanyName, "Kratko d.o.o.")
		w.Status(id, "synced")
	}
	w.Quiet(s)
	require.Empty(t, w.Letters(s))
	require.Len(t, w.ERP.Partners(), 3)
}

// paused waits until sending is: readiness says so, and the problems say why in words.
func paused(w *world.World, s *service.Service, words string) {
	w.T.Helper()
	w.Eventually(func() error {
		status := s.Monitor().Status(w.T.Context())
		if !status.Pusher.Paused || !slices.Contains(status.NotReady, "sending is paused") || !strings.Contains(strings.Join(status.Problems, " "), words) {
			return errors.New("not paused: " + strings.Join(status.Problems, "; "))
		}
		return nil
	})
}

func TestAWrongKeyPausesAndPutsNothingAside(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	require.NoError(t, w.ERP.SetFaults(sim.Faults{RefuseAll: "Wrong secret key."}))
	s := w.Up()
	ids := []string{w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"}), w.Add(mapping.Contact{Name: "Bor"})}
	paused(w, s, "Wrong secret key.")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.Status(id, "synced")
	}
	w.Idle(s)

	require.NoError(t, w.ERP.SetFaults(sim.Faults{RefuseAll: "Wrong secret key."}))
	for _, id := range ids {
		w.Set(id, mapping.FieldPhone, "041 111 222")
	}
	paused(w, s, "Wrong secret key.")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	for _, id := range ids {
		w.PartnerIs(id, "041 111 222", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
	}
	w.Quiet(s)
	require.Empty(t, w.Letters(s))
	require.Len(t, w.ERP.Partners(), 2)
}
