package syncer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// What is right for a partner and a contact of real data.
const (
	same  = "one"   // linked
	near  = "near"  // linked, or a person is asked: never doubled
	apart = "apart" // two records, or a person is asked
)

// realMatch is a partner and a contact as real data has them.
type realMatch struct {
	name, tax, email, country string
	contact                   mapping.Contact
	right                     string
}

func (m realMatch) partner(id string) metakocka.Partner {
	p := world.Person(id, m.name, m.tax, m.email)
	p.BusinessEntity = true
	p.Addresses = []metakocka.Address{{MKID: id + "2", Type: metakocka.AddressBilling, Country: m.country}}
	return p
}

// realMatches: fillers and placeholders, shared mailboxes, spellings of one number and
// of one e-mail.
func realMatches() []realMatch {
	all := []realMatch{
		{"Kranjc Peter", "00000000", "peter@kranjc-test.si", "", mapping.Contact{Name: "Jure Lisjak", TaxNumber: "00000000"}, apart},
		{"Delta d.o.o.", "", "info@delta-test.si", "", mapping.Contact{Name: "Nace Brest", Email: "info@delta-test.si", Address: "Doma 9, 5000 Nova Gorica"}, apart},
		{"Rezka Oblak", "v postopku", "nima maila", "Germany", mapping.Contact{Name: "Tone Hribar", TaxNumber: "v postopku", Email: "nima maila", Country: "DE"}, apart},
		{"Urban Hren", "", "urban@hren-test.si; racuni@hren-test.si", "", mapping.Contact{Name: "Urban Hren", Email: "urban@hren-test.si"}, near},
		{"Sara Gaber", "", "sara@gaber-test.si", "", mapping.Contact{Name: "Sara Gaber", Email: "sara@gaber-test.si\u00a0"}, same},
		{"Lara Gaber", "", "lara@gaber-test.si", "", mapping.Contact{Name: "Lara Gaber", Email: "lara@gaber-test.si\n"}, same},
	}
	for i, filler := range []string{"/", "-", " ", "ni"} {
		name, email := fmt.Sprintf("Epsilon %c d.o.o.", 'P'+i), fmt.Sprintf("info@epsilon%d-test.si", i)
		c := mapping.Contact{Name: name, CompanyName: name, Email: email, TaxNumber: "SI" + world.TaxNumber(900+i)}
		all = append(all, realMatch{name, filler, email, "", c, same})
	}
	for i, n := range []struct{ partner, contact, code, country string }{
		{"HR33392005961", "33392005961", "HR", "Croatia"},
		{"136695976", "DE136695976", "DE", "Germany"},
		{"EL094259216", "GR094259216", "GR", "Greece"},
		{"CHE-116.281.710 MWST", "CHE-116.281.710", "CH", "Switzerland"},
		{"GB980780684", "XI980780684", "GB", "United Kingdom"},
		{"HU12892312", "12892312-2-41", "HU", "Hungary"},
	} {
		name, email := fmt.Sprintf("Zunaj %c", 'P'+i), fmt.Sprintf("ana%d@zunaj-test.com", i)
		all = append(all, realMatch{name, n.partner, email, n.country, mapping.Contact{Name: name, Email: email, TaxNumber: n.contact, Country: n.code}, near})
	}
	for i, spelling := range []string{"SI %s %s %s", "si%s%s%s", "%s %s %s", "SI-%s%s%s"} {
		n := world.TaxNumber(950 + i)
		number, name := fmt.Sprintf(spelling, n[:3], n[3:6], n[6:]), fmt.Sprintf("Tretji %c", 'P'+i)
		all = append(all, realMatch{name, number, "", "", mapping.Contact{Name: name, TaxNumber: number}, same})
	}
	return all
}

// TestRealDataIsMatchedAlike in a live event, a first sync and an import: nobody gets a
// stranger's partner, and nobody is doubled.
func TestRealDataIsMatchedAlike(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"live", "first sync", "import"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			matches := realMatches()
			id := func(i int) string { return fmt.Sprint(7001 + i) }
			var opts sim.Options
			for i, m := range matches {
				opts.Partners = append(opts.Partners, m.partner(id(i)))
			}
			w := world.NewAudited(t, opts)
			contacts := make([]string, len(matches))
			add := func() {
				for i, m := range matches {
					contacts[i] = w.Add(m.contact)
				}
			}
			switch way {
			case "live":
				s := w.Up()
				w.Polls(1)
				add()
				w.Idle(s)
			case "first sync":
				add()
				w.Idle(w.Up())
			case "import":
				add()
				_, c := w.API()
				for i := range matches {
					c.Post("contacts/import", `{"metakockaId":"`+id(i)+`"}`)
				}
			}
			for i, m := range matches {
				m.check(w, contacts[i], id(i))
			}
		})
	}
}

func (m realMatch) check(w *world.World, contact, partner string) {
	w.T.Helper()
	holder := w.One("SELECT coalesce((SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = $1), '')", partner)
	own := w.One("SELECT coalesce((SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1), '')", contact)
	what := fmt.Sprintf("%s and %+v: %s", m.name, m.contact, w.Mapping(contact))
	switch m.right {
	case same:
		require.Equal(w.T, contact, holder, what)
	case near:
		require.Contains(w.T, []string{contact, ""}, holder, what)
		require.Contains(w.T, []string{partner, ""}, own, what)
	case apart:
		require.NotEqual(w.T, partner, own, what)
	}
}
