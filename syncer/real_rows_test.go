package syncer_test

import (
	"strings"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/mapping"
)

// held is what a partner has of a contact, its country by the code.
type held struct {
	street, city, post, country string
	phone, gsm                  string
	email, tax                  string
	taxpayer                    bool
	notes, entry                string // entry: the name at its contact entry, where that is another one
}

// realValue is a contact with values as people write them, what its partner held before,
// and what it is to hold then. In e-mails @ stands for the contact's own address, in tax
// numbers # for a number that is valid.
type realValue struct {
	contact      mapping.Contact
	before, want held
	// typed is what the partner holds where the values are typed into a contact that is
	// linked already; nil: the same.
	typed *held
	says  string // of a mapping that is partial: the reason
	// refused is how many writes the ERP refuses before it gets the country's older name.
	refused int
	// disputed: both sides have a value of their own, so it is in the conflict journal.
	disputed bool
}

// realValues has a row for each kind of value that people write.
func realValues() []realValue {
	var all []realValue
	for _, rows := range [][]realValue{realAddresses(), realCountries(), realNumbers(), realTaxNumbers(), realFillers(), realTexts()} {
		all = append(all, rows...)
	}
	return all
}

// valuesOf are the rows that one of several ways takes: in the short form a twelfth, and
// each way another one.
func valuesOf(way int, rows []realValue) []realValue { return long.Share(3*way, 12, rows) }

// withEdit is a row whose values mean something else where they replace others.
func (v realValue) withEdit(typed held) realValue {
	v.typed = &typed
	return v
}

func realAddresses() []realValue {
	const stays = "address: shows no city and no postal code: MetaKocka's stays"
	address := func(v string, before, want held) realValue {
		return realValue{contact: mapping.Contact{Address: v}, before: before, want: want}
	}
	fresh := func(v, street, city, post string) realValue {
		return address(v, held{}, held{street: street, city: city, post: post})
	}
	ljubljana := held{street: "Celovška cesta 9", city: "Ljubljana", post: "1000"}
	leeds := held{street: "4 Low Street", city: "Leeds", post: "LS1 4DY"}
	zagreb := held{street: "Vlaška 12", city: "Zagreb", post: "10000"}

	alone := address("Celovška cesta 9", ljubljana, ljubljana)
	alone.says, alone.disputed = stays, true
	floor := address("Celovška cesta 9, pritličje", ljubljana, held{street: "Celovška cesta 9, pritličje", city: "Ljubljana", post: "1000"})
	floor.says, floor.disputed = stays, true
	abroad := fresh("Hauptstr. 5, 80331 München, Deutschland", "Hauptstr. 5", "München", "80331")
	abroad.want.country = "DE"
	british := fresh("4 Low Street, Leeds, LS1 4DY, UK", "4 Low Street", "Leeds", "LS1 4DY")
	british.want.country = "GB"
	home := fresh("Celovška cesta 9, Ljubljana, Slovenija", "Celovška cesta 9", "Ljubljana", "")
	home.want.country = "SI"
	homeCode := fresh("Celovška cesta 9, 1000 Ljubljana, SI", "Celovška cesta 9", "Ljubljana", "1000")
	homeCode.want.country = "SI"
	long := "Pri " + strings.Repeat("dolgi ", 27) + "vasi 5"
	cut := fresh(long+", Celje, 3000", strings.TrimSpace(long[:150]), "Celje", "3000")
	cut.says = "address: cut to "

	return []realValue{
		address("Celovška cesta 9 1000 Ljubljana", ljubljana, ljubljana),
		address("Celovška cesta 9, SI - 1000 Ljubljana", ljubljana, ljubljana),
		address("Celovška cesta 9, SI-1000 Ljubljana", ljubljana, ljubljana),
		address("Celovška cesta 9\n1000 Ljubljana", ljubljana, ljubljana),
		address("4 Low Street, Leeds LS1 4DY", leeds, leeds),
		address("Vlaška 12, 10 000 Zagreb", zagreb, zagreb),
		alone, floor, abroad, british, home, homeCode, cut,

		fresh("Celovška cesta 9 1000 Ljubljana", "Celovška cesta 9", "Ljubljana", "1000"),
		fresh("Celovška cesta 9, SI - 1000 Ljubljana", "Celovška cesta 9", "Ljubljana", "1000"),
		fresh("Celovška cesta 9, SI-1000 Ljubljana", "Celovška cesta 9", "Ljubljana", "1000"),
		fresh("4 Low Street, Leeds LS1 4DY", "4 Low Street", "Leeds", "LS1 4DY"),
		fresh("Vlaška 12, 10 000 Zagreb", "Vlaška 12", "Zagreb", "10000"),
		fresh("Via Dante 3, 34121 Trieste, TS", "Via Dante 3", "Trieste", "34121"),
		fresh("11 Main Street, New York, NY, 10118", "11 Main Street", "New York", "NY 10118"),
		fresh("Celovška cesta 9, pritličje", "Celovška cesta 9, pritličje", "", ""),
		fresh("Maribor, p.p. 7, 2001", "p.p. 7", "Maribor", "2001"),
		fresh("Cesta 1, Kranj 4000", "Cesta 1", "Kranj", "4000"),
		fresh("Ringstraße 1/4, A-1010 Wien", "Ringstraße 1/4", "Wien", "1010"),
		fresh("Ljubljana", "", "Ljubljana", ""),
	}
}

func realCountries() []realValue {
	var all []realValue
	for _, c := range [][2]string{
		{"ČR", "CZ"},
		{"Č.R.", "CZ"},
		{"ČG", "ME"},
		{"United Kingdom (UK)", "GB"},
		{"Republika Hrvaška", "HR"},
		{"Republika Avstrija", "AT"},
		{"Korea, Republic of", "KR"},
		{"XKX", "XK"},
		{"BiH", "BA"},
		{"ZDA", "US"},
		{"Njemačka", "DE"},
		{"Italia", "IT"},
		{"hrv", "HR"},
	} {
		all = append(all, realValue{contact: mapping.Contact{Country: c[0]}, want: held{country: c[1]}})
	}
	for _, code := range []string{"MK", "CI", "PS"} {
		all = append(all, realValue{contact: mapping.Contact{Country: code}, want: held{country: code}, refused: 2})
	}
	known := realValue{contact: mapping.Contact{Country: "Republika Hrvaška"}, before: held{country: "HR"}, want: held{country: "HR"}}
	return append(all, known)
}

func realNumbers() []realValue {
	fresh := func(v string, want held) realValue { return realValue{contact: mapping.Contact{Phone: v}, want: want} }
	both := held{phone: "01 234 56 78", gsm: "041 555 111"}
	german := fresh("040 123456", held{phone: "040 123456", country: "DE"})
	german.contact.Country = "DE"

	// Typed into a contact that got the landline, it is a new number for the attribute
	// that holds the landline.
	either := realValue{contact: mapping.Contact{Phone: "+386 41 555 111"}, before: both, want: both}.
		withEdit(held{phone: "+386 41 555 111", gsm: "041 555 111"})

	return []realValue{
		fresh("041 123 456, 051 234 567", held{phone: "041 123 456, 051 234 567"}),
		fresh("041 123 456 (Ana)", held{phone: "041 123 456 (Ana)"}),
		fresh("T: 01 234 56 78", held{phone: "T: 01 234 56 78"}),
		fresh("(01) 234 56 78", held{phone: "(01) 234 56 78"}),
		fresh("41123456.0", held{gsm: "41123456"}),
		german, either,
	}
}

func realTaxNumbers() []realValue {
	firm := func(v, before, want string, taxpayer bool) realValue {
		return realValue{
			contact: mapping.Contact{CompanyName: "d.o.o.", TaxNumber: v},
			before:  held{tax: before},
			want:    held{tax: want, taxpayer: taxpayer},
		}
	}
	// Letters on one side alone stay there; typed into a linked contact they are an edit.
	with := firm("SI#", "#", "#", false).withEdit(held{tax: "SI#", taxpayer: true})
	without := firm("#", "SI#", "SI#", false).withEdit(held{tax: "#"})

	return []realValue{
		with, without,
		firm("#.0", "SI#", "SI#", false).withEdit(held{tax: "#"}),
		firm("#.0", "", "#", false),
		firm("TAX123", "", "TAX123", false),
		firm("IDSI45678901", "", "IDSI45678901", false),
		firm("EU372012345", "", "EU372012345", false),
		firm("RSSMRA85T10A562S", "", "RSSMRA85T10A562S", false),
		firm("SI#", "", "SI#", true),
		firm("SI#", "/", "SI#", true),
		firm("HR33392005961", "", "HR33392005961", true),
	}
}

// realFillers say that there is no value: beside a partner's, at a first match, they are
// none; in place of it they empty it.
func realFillers() []realValue {
	var all []realValue
	for _, filler := range []string{"-", "/", "N/A", "ni"} {
		number := held{gsm: "041 555 111", country: "HR", tax: "SI#"}
		all = append(all,
			realValue{contact: mapping.Contact{Phone: filler, Country: filler, TaxNumber: filler}, before: number, want: number}.withEdit(held{}),
			realValue{contact: mapping.Contact{Phone: filler, Country: filler, TaxNumber: filler}},
			realValue{contact: mapping.Contact{Email: filler, TaxNumber: "SI#"}, before: held{email: filler, tax: "#"}, want: held{email: filler, tax: "#"}}.
				withEdit(held{email: filler, tax: "SI#"}))
	}
	return all
}

// realTexts are e-mails, names and notes.
func realTexts() []realValue {
	var all []realValue
	for _, email := range []string{"mailto:@", "@.", "@,", "@;", `"@"`, "<@>", " @ "} {
		all = append(all, realValue{contact: mapping.Contact{Email: email}})
	}
	another := held{entry: "Tajnica Maja"}
	lines := realValue{contact: mapping.Contact{Notes: "prva\ndruga"}, before: held{notes: "prva druga"}, want: held{notes: "prva druga"}}.
		withEdit(held{notes: "prva\ndruga"})
	return append(all, lines,
		realValue{contact: mapping.Contact{Phone: "041 555 111"}, before: another, want: held{entry: "Tajnica Maja", gsm: "041 555 111"}})
}
