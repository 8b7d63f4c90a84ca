package main

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/metakocka"
)

// person is one contact and the partner that is its like.
type person struct {
	id      string // of the contact
	name    string
	email   string
	phone   string
	street  string
	tax     string
	partner string // its id
}

var (
	firstNames = []string{"Ana", "Janez", "Marija", "Franc", "Maja", "Luka", "Nina", "Gregor", "Petra", "Žiga", "Jožica", "Boštjan", "Špela", "Uroš", "Tjaša", "Rok"}
	lastNames  = []string{"Novak", "Horvat", "Kovačič", "Krajnc", "Zupančič", "Potočnik", "Mlakar", "Kos", "Vidmar", "Golob", "Turk", "Božič", "Kralj", "Hribar"}
	streets    = []string{"Slovenska cesta", "Celovška cesta", "Trubarjeva ulica", "Glavni trg", "Ob potoku", "Pod gozdom"}
)

// people makes n of them, the same each time.
func people(n int) []person {
	all := make([]person, n)
	for i := range all {
		all[i] = person{
			id:      uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "person %d", i)).String(),
			name:    fmt.Sprintf("%s %s %d", firstNames[i%len(firstNames)], lastNames[i/len(firstNames)%len(lastNames)], i),
			email:   fmt.Sprintf("oseba%d@primer.si", i),
			phone:   fmt.Sprintf("041 %03d %03d", i/1000%1000, i%1000),
			street:  fmt.Sprintf("%s %d", streets[i%len(streets)], i%200+1),
			tax:     fmt.Sprintf("%08d", 10000000+i),
			partner: fmt.Sprint(228000000000 + 10*i),
		}
	}
	return all
}

// erpPartner is the partner as the ERP holds it.
func (p person) erpPartner() metakocka.Partner {
	return metakocka.Partner{
		MKID: p.partner, Customer: p.name, TaxIDNumber: "SI" + p.tax,
		Contacts:  []metakocka.Contact{{MKID: p.partner + "1", AddressID: p.partner + "2", Name: p.name, Email: p.email, GSM: p.phone}},
		Addresses: []metakocka.Address{{MKID: p.partner + "2", Type: metakocka.AddressBilling, Street: p.street, City: "Ljubljana", PostNumber: "1000", Country: "Slovenija"}},
	}
}

func erpPartners(all []person) []metakocka.Partner {
	partners := make([]metakocka.Partner, len(all))
	for i, p := range all {
		partners[i] = p.erpPartner()
	}
	return partners
}

var contactColumns = []string{"id", "name", "email", "phone", "address", "country", "tax_number"}

func (p person) contactRow() []any {
	return []any{p.id, p.name, p.email, p.phone, p.street + ", Ljubljana, 1000", "SI", p.tax}
}

// insertContacts adds the contacts in one transaction.
func (w *world) insertContacts(ctx context.Context, all []person) error {
	return w.copyIn(ctx, "contacts", contactColumns, len(all), func(i int) ([]any, error) { return all[i].contactRow(), nil })
}

func (w *world) copyIn(ctx context.Context, table string, columns []string, n int, row func(i int) ([]any, error)) error {
	if _, err := w.db.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromSlice(n, row)); err != nil {
		return fmt.Errorf("fill table %s: %w", table, err)
	}
	return nil
}
