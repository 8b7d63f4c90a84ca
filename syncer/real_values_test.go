package syncer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// realValue is a contact with a value as people write it, what its partner held before,
// and what it is to hold then.
type realValue struct {
	contact      mapping.Contact
	before, want held
}

// held is a partner's address, the country by its code, and its two numbers.
type held struct{ street, city, post, country, phone, gsm string }

func heldBy(p metakocka.Partner) any {
	a, _ := p.Billing()
	code, _ := mapping.ParseCountry(a.Country)
	return held{a.Street, a.City, a.PostNumber, code, p.Contacts[0].Phone, p.Contacts[0].GSM}
}

func realValues() []realValue {
	address := func(v string, before, want held) realValue {
		return realValue{mapping.Contact{Address: v}, before, want}
	}
	ljubljana := held{street: "Celovška cesta 9", city: "Ljubljana", post: "1000"}
	leeds := held{street: "4 Low Street", city: "Leeds", post: "LS1 4DY"}
	number := held{gsm: "041 555 111"}
	return []realValue{
		address("Celovška cesta 9 1000 Ljubljana", ljubljana, ljubljana),
		address("Celovška cesta 9, SI - 1000 Ljubljana", ljubljana, ljubljana),
		address("Celovška cesta 9", ljubljana, ljubljana), // MetaKocka's city and postal code stay
		address("4 Low Street, Leeds LS1 4DY", leeds, leeds),
		address("Vlaška 12, 10 000 Zagreb", held{}, held{street: "Vlaška 12", city: "Zagreb", post: "10000"}),
		address("Cesta 2, Jesenice 4270", held{}, held{street: "Cesta 2", city: "Jesenice", post: "4270"}),
		address("Celje, p.p. 12, 3001", held{}, held{street: "p.p. 12", city: "Celje", post: "3001"}),
		address("11 Main Street, Albany, NY, 12207", held{}, held{street: "11 Main Street", city: "Albany", post: "NY 12207"}),
		address("Celovška cesta 9, pritličje", held{}, held{street: "Celovška cesta 9, pritličje"}),
		address("4 Low Street, Leeds, LS1 4DY, UK", held{}, held{"4 Low Street", "Leeds", "LS1 4DY", "GB", "", ""}),
		{mapping.Contact{Phone: "041 123 456, 051 234 567"}, held{}, held{phone: "041 123 456, 051 234 567"}},
		{mapping.Contact{Phone: "040 123456", Country: "DE"}, held{}, held{country: "DE", phone: "040 123456"}},
		{mapping.Contact{Phone: "-", Country: "/"}, number, number},
		{mapping.Contact{Phone: "+386 41 555 111"}, held{phone: "01 234 56 78", gsm: "041 555 111"}, held{phone: "01 234 56 78", gsm: "041 555 111"}},
		{mapping.Contact{Country: "ČR"}, held{}, held{country: "CZ"}},
		{mapping.Contact{Country: "Republika Hrvaška"}, held{country: "Croatia"}, held{country: "HR"}},
	}
}

// TestRealValuesArriveAlike in a live event and in a first sync, where the partner is
// there before and where it is not; and an edit in MetaKocka comes back without undoing
// anything else.
func TestRealValuesArriveAlike(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"live", "first sync", "new"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			values := realValues()
			var opts sim.Options
			for i := range values {
				v := &values[i]
				v.contact.Name, v.contact.Email = fmt.Sprintf("Oseba %c", 'A'+i), fmt.Sprintf("mailto:oseba%d@values-test.si", i)
				id := fmt.Sprint(7401 + i)
				p := world.Person(id, v.contact.Name, "", fmt.Sprintf("oseba%d@values-test.si", i))
				p.Contacts[0].Phone, p.Contacts[0].GSM = v.before.phone, v.before.gsm
				p.Addresses = []metakocka.Address{{
					MKID: id + "2", Type: metakocka.AddressBilling,
					Street: v.before.street, City: v.before.city, PostNumber: v.before.post, Country: v.before.country,
				}}
				if way != "new" {
					opts.Partners = append(opts.Partners, p)
				}
			}
			w := world.NewAudited(t, opts)
			w.Exec("ALTER TABLE contacts ALTER country TYPE text")
			ids := make([]string, len(values))
			add := func() {
				for i, v := range values {
					ids[i] = w.Add(v.contact)
				}
			}
			if way == "first sync" {
				add()
			}
			s := w.Up()
			if way != "first sync" {
				w.Polls(1)
				add()
			}
			w.Idle(s)
			require.Len(t, w.ERP.Partners(), len(values))
			for i, v := range values {
				if way == "new" && v.before != (held{}) { // what only the partner held is not there
					continue
				}
				require.Equal(t, v.want, heldBy(w.Partner(ids[i])), "%+v: %s", v.contact, w.Mapping(ids[i]))
			}

			streets := map[string]string{}
			for _, id := range ids {
				streets[id] = w.Partner(id).Addresses[0].Street
				w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Addresses[0].City, p.Addresses[0].PostNumber = "Velenje", "3320" })
			}
			for _, id := range ids {
				w.Eventually(func() error {
					if got := w.Contact(id).Address; !strings.Contains(got, "Velenje, 3320") || !strings.HasPrefix(got, streets[id]) {
						return fmt.Errorf("the contact's address is %q; mapping: %s", got, w.Mapping(id))
					}
					return nil
				})
				w.Status(id, "synced")
			}
			w.Quiet(s)
			require.Empty(t, w.Letters(s))
		})
	}
}

// TestStrangersWithOnePlaceholder are as many partners, before anybody and beside each
// other.
func TestStrangersWithOnePlaceholder(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"live", "first sync"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			w := world.NewAudited(t, sim.Options{})
			strangers := []string{"Ciril Hočevar", "Tjaša Mlakar", "Rok Bizjak"}
			add := func() {
				for _, name := range strangers {
					w.Add(mapping.Contact{Name: name, TaxNumber: "99999999"})
				}
			}
			if way == "first sync" {
				add()
			}
			s := w.Up()
			if way == "live" {
				add()
			}
			w.Quiet(s)
			require.Len(t, w.ERP.Partners(), 3)
			require.Equal(t, 3, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
		})
	}
}
