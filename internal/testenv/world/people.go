package world

import (
	"encoding/json"

	"github.com/crmmind/mksync/internal/testenv/people"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// Person is a partner with one contact entry.
func Person(id, name, tax, email string) metakocka.Partner {
	return metakocka.Partner{MKID: id, Customer: name, TaxIDNumber: tax, Contacts: []metakocka.Contact{{MKID: id + "1", Name: name, Email: email}}}
}

// Company is a contact with every field.
func Company() mapping.Contact {
	return mapping.Contact{
		Name: "Žiga Kovač", CompanyName: "Kovač d.o.o.", Email: "ziga@kovac.si", Phone: "040 123 456",
		Address: "Slovenska cesta 1, Ljubljana, 1000", Country: "SI", TaxNumber: "SI12345679",
		Notes: "Pays late", Website: "https://kovac.si",
	}
}

// KeepsAll is an installation that keeps notes and websites.
var KeepsAll = sim.Options{Notes: sim.Kept, Website: sim.Kept}

// TaxNumber is a valid one, another for each n.
func TaxNumber(n int) string { return people.TaxNumber(n) }

// Twins are two contacts of one person; the winner lacks the phone and the notes.
func Twins() (loser, winner mapping.Contact) {
	return mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "+38640111222", Country: "SI"},
		mapping.Contact{Name: "Novak Ana", Email: "ana.novak@example.si", Address: "Glavni trg 1, Kranj, 4000"}
}

// Rich is a partner with much that is not ours.
func Rich() metakocka.Partner {
	yes := true
	extra := func(days string) map[string]json.RawMessage {
		return map[string]json.RawMessage{
			"payment_due_days": json.RawMessage(`"` + days + `"`), "language": json.RawMessage(`"Nemški"`), "currency": json.RawMessage(`"USD"`),
		}
	}

	return metakocka.Partner{
		MKID: "7001", Customer: "Kovač d.o.o.", BusinessEntity: true, Taxpayer: true, TaxIDNumber: "SI12345679",
		RegistrationNumber: "1234567000", Buyer: &yes, Supplier: &yes, Notes: "Old notes",
		Contacts: []metakocka.Contact{
			{MKID: "7101", AddressID: "7201", Name: "Žiga Kovač", GSM: "040 123 456", Phone: "01 234 56 78", Email: "ziga@kovac.si", Fax: "01 999 99 99"},
			{MKID: "7102", AddressID: "7202", Name: "Skladišče", Phone: "02 222 22 22", Email: "skladisce@kovac.si", Fax: "02 999 99 99"},
		},
		Addresses: []metakocka.Address{
			{MKID: "7202", Type: "Dobava", Street: "Skladiščna 9", PostNumber: "3000", City: "Celje", Country: "Slovenija", Extra: extra("8")},
			{
				MKID: "7201", Type: metakocka.AddressBilling, Street: "Slovenska cesta 1", PostNumber: "1000", City: "Ljubljana",
				Country: "Slovenija", Province: "Osrednja", Extra: extra("30"),
			},
		},
	}
}

// Buyer reports whether a partner is a buyer.
func Buyer(p metakocka.Partner) any { return p.Buyer != nil && *p.Buyer }

// EnterField types a value into the ERP's screen of a partner.
func EnterField(p *metakocka.Partner, f mapping.Field, v string) {
	entry := &p.Contacts[0]

	switch f {
	case mapping.FieldEmail:
		entry.Email = v
	case mapping.FieldPhone:
		if mapping.Canonical(f, entry.Phone) != "" {
			entry.Phone = v
		} else {
			entry.GSM = v
		}
	case mapping.FieldName:
		entry.Name = v
		if !p.BusinessEntity {
			p.Customer = v
		}
	case mapping.FieldAddress:
		a := mapping.ParseAddress(v)
		p.Addresses[0].Street, p.Addresses[0].City, p.Addresses[0].PostNumber = a.Street, a.City, a.PostNumber
	case mapping.FieldCountry:
		p.Addresses[0].Country = v
	case mapping.FieldCompanyName, mapping.FieldTaxNumber, mapping.FieldNotes, mapping.FieldWebsite:
	}
}
