package syncer_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// openPoint is one MetaKocka that might be: answers to questions that its
// documentation leaves open, and what of the story does not come over then.
type openPoint struct {
	opts    sim.Options
	differs []mapping.Field // in the end
}

var notCleared = []mapping.Field{mapping.FieldEmail, mapping.FieldPhone, mapping.FieldAddress, mapping.FieldTaxNumber}

// openPoints have every value of every option that is not the default, as many
// at once as go together.
func openPoints() map[string]openPoint {
	return map[string]openPoint{
		"default": {sim.Options{}, nil},
		"lists all, keeps notes, clears": {sim.Options{
			Paging: sim.OffsetIsPage, AnswerCap: 10, ShowBuyer: true, Numbers: true, Country: sim.CountryAsSent, Notes: sim.Kept,
			LeftOut: sim.Cleared, EmptyValue: sim.Cleared, UpdateAnswer: sim.AnswerPartner,
		}, nil},
		"lists nothing, refuses notes, clears nothing": {sim.Options{
			ListAll: sim.ListsNothing, AnswerCap: 10, CountCapped: sim.CountsReturned, BareLists: true, UnknownCountry: sim.Dropped,
			Notes: sim.Refused, RemoveMarker: sim.Ignored, UnknownEntry: sim.Ignored, UpdateAnswer: sim.AnswerCode,
		}, notCleared},
		"refuses what is too long, keeps markers": {sim.Options{
			ListAll: sim.Refused, EmptyName: sim.ListsAll, Slovenian: true, ErrorApp: true, Provice: true,
			EmailHeedsCase: true, ShowEmpty: true, UnknownCountry: sim.Kept, TooLong: sim.Refused, Website: sim.Kept,
			RemoveMarker: sim.Kept, UnknownEntry: sim.Added,
		}, notCleared},
		"refuses websites and markers, needs an address": {sim.Options{
			Paging: sim.OffsetIgnored, ShowTimes: true, LooseTaxSearch: true, ShowCode: true, ErrorDesc: true, EchoSecret: true, Website: sim.Refused, RemoveMarker: sim.Refused,
			TopLevelAddress: true, AcceptSingleEntry: true, ShowRegistration: true,
			RequiredValues: []string{"customer", "street", "post_number", "place", "country"},
		}, notCleared},
	}
}

// TestOpenPoints plays one story against every MetaKocka that might be, in the short form
// against two that are unlike the one of all other tests: a contact is made, edited, edited
// in the ERP, cleared, and deleted.
func TestOpenPoints(t *testing.T) {
	t.Parallel()
	points := openPoints()
	for _, name := range long.Share(2, 2, slices.Sorted(maps.Keys(points))) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points[name].play(t)
		})
	}
}

// play tells the story.
func (o openPoint) play(t *testing.T) {
	t.Helper()
	o.opts.Partners = []metakocka.Partner{
		{MKID: "7001", Customer: "Stari Partner", Contacts: []metakocka.Contact{{Email: "stari@partner.si"}}},
		{MKID: "7002", Customer: "Drugi d.o.o.", BusinessEntity: true, TaxIDNumber: "SI87654326"},
	}
	for i := range o.opts.AnswerCap {
		o.opts.Partners = append(o.opts.Partners, metakocka.Partner{Customer: fmt.Sprintf("%c a", 'D'+i)})
	}
	partners := len(o.opts.Partners)
	w := world.NewAudited(t, o.opts)
	w.Config.AutoImport = true
	s := w.Up()
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n != partners {
			return fmt.Errorf("%d of %d partners were imported", n, partners)
		}
		return nil
	})
	id := w.Add(world.Company())
	p := w.Partner(id)
	require.Equal(t, []string{"Kovač d.o.o.", "SI12345679", "ziga@kovac.si", "Slovenska cesta 1"},
		[]string{p.Customer, p.TaxIDNumber, p.Contacts[0].Email, p.Addresses[0].Street})
	w.Idle(s)

	w.Exec(`UPDATE contacts SET email = 'nov@kovac.si', address = 'Nova ulica 2, Celje, 3000', country = 'HR', notes = 'Other', company_name = 'Kovač d.d.'
		WHERE id = $1`, id)
	w.PartnerIs(id, []string{"nov@kovac.si", "Nova ulica 2", "Kovač d.d."}, func(p metakocka.Partner) any {
		return []string{p.Contacts[0].Email, p.Addresses[0].Street, p.Customer}
	})
	w.Idle(s) // where an update answers a code only, an edit made before the read-back is not told from it
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM, p.Customer = "041 777 666", "Kovač Group d.d." })
	w.ContactIs(id, mapping.FieldPhone, "041 777 666")
	w.ContactIs(id, mapping.FieldCompanyName, "Kovač Group d.d.")
	w.Quiet(s)
	require.Equal(t, mapping.Contact{
		Name: "Žiga Kovač", CompanyName: "Kovač Group d.d.", Email: "nov@kovac.si", Phone: "041 777 666", Country: "HR",
		Address: "Nova ulica 2, Celje, 3000", TaxNumber: "SI12345679", Notes: "Other", Website: "https://kovac.si",
	}, w.Contact(id))

	w.Exec("UPDATE contacts SET email = NULL, phone = NULL, address = NULL, tax_number = NULL WHERE id = $1", id)
	o.verdict(w, id)
	n := w.Quiet(s)
	require.LessOrEqual(t, n.Adds, 3)    // refused, refused again to prove it (once), and without what is refused
	require.LessOrEqual(t, n.Updates, 8) // a clearing that is refused is tried once more, in case that was about every write
	require.Equal(t, partners, w.Count("SELECT count(*) FROM audit WHERE app = 'mksync' AND op = 'INSERT'"))
	require.Equal(t, n.Contacts, partners+w.Count("SELECT count(*) FROM audit WHERE app = 'mksync' AND op = 'UPDATE'"))
	require.Equal(t, mapping.Contact{
		Name: "Žiga Kovač", CompanyName: "Kovač Group d.d.", Country: "HR", Notes: "Other", Website: "https://kovac.si",
	}, w.Contact(id))
	for _, p := range w.ERP.Partners() {
		data, err := p.MarshalJSON()
		require.NoError(t, err)
		require.NotContains(t, string(data), "$REMOVE")
	}
	require.Empty(t, w.Letters(s))

	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Status(id, "deleted")
	require.Equal(t, n, w.Quiet(s))
	require.Equal(t, partners, w.Count("SELECT count(*) FROM contacts"))
	require.Len(t, w.ERP.Partners(), partners+1)
}

// verdict waits until the mapping names the fields that differ, and no others.
func (o openPoint) verdict(w *world.World, id string) {
	w.T.Helper()
	want := map[string]bool{}
	for _, f := range o.differs {
		want[string(f)] = true
	}
	w.Eventually(func() error {
		status, reason, _ := strings.Cut(w.Mapping(id), ": ")
		if len(want) == 0 && status == "synced" {
			return nil
		}
		got := map[string]bool{}
		for _, note := range strings.Split(reason, "; ") {
			field, _, _ := strings.Cut(note, ":")
			got[field] = true
		}
		if status != "partial" {
			return errors.New("mapping is " + status + ": " + reason)
		}
		for _, f := range mapping.Fields() {
			if got[string(f)] != want[string(f)] {
				return fmt.Errorf("%s: named %v, differs %v: %s", f, got[string(f)], want[string(f)], reason)
			}
		}
		return nil
	})
}
