package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// documented is the partner of MetaKocka's own documentation.
var documented = Partner{
	Customer: "Test Uporabnik", TaxID: "SI12345678", ContactName: "Test Kontakt",
	GSM: "54367865463", Email: "test@test.com",
	Street: "Test, 4", PostNumber: "54375", City: "Test", Country: "Slovenija",
}

func TestFromPartner(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		in   Partner
		want Contact
	}{
		{"documented person", documented, Contact{
			Name: "Test Uporabnik", Email: "test@test.com", Phone: "54367865463",
			Address: "Test, 4, Test, 54375", Country: "SI", TaxNumber: "SI12345678",
		}},
		{"company", Partner{
			Customer: "Žagar d.o.o.", BusinessEntity: true, Taxpayer: true, TaxID: "SI87654321", ContactName: "Štefan Žagar",
			Phone: "01 234 56 78", GSM: "041 123 456", Street: "Ob železnici 14", City: "Ljubljana", PostNumber: "1110",
			Country: "Slovenia", Notes: "plačuje redno", Website: "www.zagar.si",
		}, Contact{
			Name: "Štefan Žagar", CompanyName: "Žagar d.o.o.", Phone: "01 234 56 78", Address: "Ob železnici 14, Ljubljana, 1110",
			Country: "SI", TaxNumber: "SI87654321", Notes: "plačuje redno", Website: "www.zagar.si",
		}},
		{"company without a contact person", Partner{Customer: "Žagar d.o.o.", BusinessEntity: true}, Contact{CompanyName: "Žagar d.o.o."}},
		{"person known by the contact entry alone", Partner{ContactName: "Ana Kralj"}, Contact{Name: "Ana Kralj"}},
		{"blank phone", Partner{Customer: "Ana", Phone: " ", GSM: "041 123 456"}, Contact{Name: "Ana", Phone: "041 123 456"}},
		{"untidy", Partner{Customer: " Ana\u00a0Kralj ", Street: "Cesta 1,", City: " Kranj", PostNumber: "4000\n"}, Contact{Name: "Ana\u00a0Kralj", Address: "Cesta 1, Kranj, 4000"}},
		{"empty", Partner{}, Contact{}},
	} {
		got, unreadable := FromPartner(tc.in)
		require.Empty(t, unreadable, tc.name)
		require.Equal(t, tc.want, got, tc.name)
	}
}

func TestFromPartnerNamesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	c, unreadable := FromPartner(Partner{Customer: "Ana", Country: "Atlantis"})
	require.Equal(t, Contact{Name: "Ana"}, c)
	require.True(t, unreadable.Has(FieldCountry))
	require.Equal(t, []Field{FieldCountry}, unreadable.Fields())
	require.EqualError(t, unreadable, `country: "Atlantis" is no known country`)
}

func TestNewPartner(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		in   Contact
		want Partner
	}{
		{"person", Contact{
			Name: " Ana Kralj", Email: "ana@kralj.si", Phone: "041 123 456", Address: "Slovenska cesta 1\n1000 Ljubljana",
			Country: "SI", TaxNumber: "12345678", Notes: "kliči po 16h", Website: "kralj.si",
		}, Partner{
			Customer: "Ana Kralj", ContactName: "Ana Kralj", Email: "ana@kralj.si", GSM: "041 123 456", PhoneIn: inGSM,
			Street: "Slovenska cesta 1", City: "Ljubljana", PostNumber: "1000", Country: "Slovenia",
			TaxID: "12345678", Notes: "kliči po 16h", Website: "kralj.si",
		}},
		{
			"taxable company",
			Contact{Name: "Štefan Žagar", CompanyName: "Žagar d.o.o.", TaxNumber: "SI 87654321", Phone: "01 234 56 78"},
			Partner{Customer: "Žagar d.o.o.", BusinessEntity: true, Taxpayer: true, TaxID: "SI 87654321", ContactName: "Štefan Žagar", Phone: "01 234 56 78", PhoneIn: inPhone},
		},
		{
			"company that is not liable for VAT",
			Contact{Name: "Marko Novak", CompanyName: "Novak s.p.", TaxNumber: "87654321"},
			Partner{Customer: "Novak s.p.", BusinessEntity: true, TaxID: "87654321", ContactName: "Marko Novak"},
		},
		{
			"person with a VAT number",
			Contact{Name: "Ana", TaxNumber: "SI12345678"},
			Partner{Customer: "Ana", ContactName: "Ana", TaxID: "SI12345678"},
		},
		{
			"foreign company",
			Contact{Name: "Hans Müller", CompanyName: "Müller GmbH", Country: "Nemčija", TaxNumber: "DE123456789", Address: "Hauptstr. 5, 80331 München"},
			Partner{
				Customer: "Müller GmbH", BusinessEntity: true, Taxpayer: true, Foreign: true, TaxID: "DE123456789", ContactName: "Hans Müller",
				Street: "Hauptstr. 5", City: "München", PostNumber: "80331", Country: "Germany",
			},
		},
		{
			"company without a person",
			Contact{CompanyName: "Žagar d.o.o."},
			Partner{Customer: "Žagar d.o.o.", BusinessEntity: true, ContactName: "Žagar d.o.o."},
		},
	} {
		require.Equal(t, tc.want, NewPartner(tc.in), tc.name)
	}
}

func TestToPartnerChangesOnlyWhatBelongsToTheFields(t *testing.T) {
	t.Parallel()
	person, secretary := documented, documented
	person.ContactName, secretary.ContactName = person.Customer, "Tajnica Sonja"
	company := Partner{
		Customer: "Žagar d.o.o.", BusinessEntity: true, Taxpayer: true, TaxID: "87654321",
		ContactName: "Štefan Žagar", Phone: "01 234 56 78", Country: "Slovenija",
	}
	other := Contact{
		Name: "Nova Oseba", CompanyName: "Drugo d.o.o.", Email: "x@y.si", Phone: "031 111 222", Address: "Trg 1, Celje, 3000",
		Country: "AT", TaxNumber: "SI11111111", Notes: "x", Website: "y.si",
	}
	for _, tc := range []struct {
		name    string
		old     Partner
		edit    func(*Contact)
		changed []Field
		want    func(*Partner)
	}{
		{"nothing", person, func(*Contact) {}, nil, func(*Partner) {}},
		{"email", person, func(c *Contact) { c.Email = "nov@test.com" }, []Field{FieldEmail}, func(p *Partner) { p.Email = "nov@test.com" }},
		{
			"a person's name, in both places", person, func(c *Contact) { c.Name = "Nova Oseba" },
			[]Field{FieldName},
			func(p *Partner) { p.Customer, p.ContactName = "Nova Oseba", "Nova Oseba" },
		},
		{
			"a person's name leaves somebody else's at the contact entry", secretary, func(c *Contact) { c.Name = "Nova Oseba" },
			[]Field{FieldName},
			func(p *Partner) { p.Customer = "Nova Oseba" },
		},
		{
			"a company's contact person", company, func(c *Contact) { c.Name = "Nova Oseba" },
			[]Field{FieldName},
			func(p *Partner) { p.ContactName = "Nova Oseba" },
		},
		{
			"a company's name leaves the ERP's flags", company, func(c *Contact) { c.CompanyName = "Žagar in sin d.o.o." },
			[]Field{FieldCompanyName},
			func(p *Partner) { p.Customer = "Žagar in sin d.o.o." },
		},
		{
			"a person becomes a company", person, func(c *Contact) { c.CompanyName = "Test d.o.o." },
			[]Field{FieldCompanyName},
			func(p *Partner) {
				p.Customer, p.ContactName, p.BusinessEntity, p.Taxpayer = "Test d.o.o.", "Test Uporabnik", true, true
			},
		},
		{
			"a company becomes a person", company, func(c *Contact) { c.CompanyName = "" },
			[]Field{FieldCompanyName},
			func(p *Partner) { p.Customer, p.BusinessEntity, p.Taxpayer = "Štefan Žagar", false, false },
		},
		{
			"a tax number decides about VAT", company, func(c *Contact) { c.TaxNumber = "11111111" },
			[]Field{FieldTaxNumber},
			func(p *Partner) { p.TaxID, p.Taxpayer = "11111111", false },
		},
		{
			"moved abroad", company, func(c *Contact) { c.Country = "AT" },
			[]Field{FieldCountry},
			func(p *Partner) { p.Country, p.Foreign = "Austria", true },
		},
		{
			"a company's fields that are not named stay", company, func(c *Contact) { *c = other },
			[]Field{FieldNotes},
			func(p *Partner) { p.Notes = other.Notes },
		},
		{
			"a person's fields that are not named stay", person, func(c *Contact) { *c = other },
			[]Field{FieldNotes},
			func(p *Partner) { p.Notes = other.Notes },
		},
		{
			"without a name the customer stays", company, func(c *Contact) { c.CompanyName, c.Name = "", "" },
			[]Field{FieldCompanyName, FieldName},
			func(p *Partner) { p.BusinessEntity, p.Taxpayer, p.ContactName = false, false, "" },
		},
	} {
		target, _ := FromPartner(tc.old)
		tc.edit(&target)
		want := tc.old
		tc.want(&want)
		require.Equal(t, want, ToPartner(target, tc.old, tc.changed, DefaultPolicy()), tc.name)
	}
}

// TestAPartnersAddressAndCountry: a country may stand in the address alone, where a user of
// the ERP wrote all of it into the street; it is read, and contradicts no attribute.
func TestAPartnersAddressAndCountry(t *testing.T) {
	t.Parallel()
	zagreb := Address{Street: "Ilica 5, 10000 Zagreb, Hrvatska"}
	parted, kranj := Address{"Ilica 5", "Zagreb", "10000"}, Address{"Cesta 1", "Kranj", "4000"}
	partner := func(a Address, country string, foreign bool) Partner {
		return Partner{Customer: "Ana", Street: a.Street, City: a.City, PostNumber: a.PostNumber, Country: country, Foreign: foreign}
	}
	off := func(f Field) Policy { return Policy{Fields: map[Field]FieldPolicy{f: {Direction: DirectionToCRM}}} }
	country, address := []Field{FieldCountry}, []Field{FieldAddress}

	read, _ := FromPartner(partner(zagreb, "", false))
	require.Equal(t, Contact{Name: "Ana", Address: parted.String(), Country: "HR"}, read)
	read, _ = FromPartner(partner(zagreb, "Slovenija", false))
	require.Equal(t, Contact{Name: "Ana", Address: zagreb.Street, Country: "SI"}, read)

	for name, tc := range map[string]struct {
		old     Partner
		target  Contact
		changed []Field
		policy  Policy
		want    Partner
	}{
		"another country":                   {partner(zagreb, "", false), Contact{Country: "SI"}, country, Policy{}, partner(parted, "Slovenia", false)},
		"and the address is not written":    {partner(zagreb, "", false), Contact{Country: "SI"}, country, off(FieldAddress), partner(zagreb, "Slovenia", false)},
		"the country that the address says": {partner(zagreb, "", false), Contact{Country: "HR"}, country, Policy{}, partner(zagreb, "Croatia", true)},
		"none, and the address said none":   {partner(Address{Street: "Ilica 5, 10000 Zagreb"}, "Slovenija", false), Contact{}, country, Policy{}, partner(Address{Street: "Ilica 5, 10000 Zagreb"}, "", false)},
		"another country and address":       {partner(zagreb, "", false), Contact{Country: "SI", Address: kranj.String()}, []Field{FieldCountry, FieldAddress}, Policy{}, partner(kranj, "Slovenia", false)},
		"another address":                   {partner(zagreb, "", false), Contact{Country: "HR", Address: kranj.String()}, address, Policy{}, partner(kranj, "Croatia", true)},
		"and the country is not written":    {partner(zagreb, "", false), Contact{Country: "HR", Address: kranj.String()}, address, off(FieldCountry), partner(kranj, "", false)},
		"another address, and an attribute": {partner(zagreb, "Slovenija", true), Contact{Country: "SI", Address: kranj.String()}, address, Policy{}, partner(kranj, "Slovenija", true)},
		"another address, and no country":   {partner(parted, "", true), Contact{Address: kranj.String()}, address, Policy{}, partner(kranj, "", true)},
		"something else":                    {partner(zagreb, "", false), Contact{Country: "SI", Address: kranj.String()}, nil, Policy{}, partner(zagreb, "", false)},
	} {
		require.Equal(t, tc.want, ToPartner(tc.target, tc.old, tc.changed, tc.policy), name)
	}

	for name, tc := range map[string]struct {
		old     Partner
		changed []Field
		policy  Policy
		want    string // what the base says of the partner's country
	}{
		"it went with the address":      {partner(zagreb, "", false), address, off(FieldCountry), ""},
		"it is written elsewhere":       {partner(zagreb, "", false), address, Policy{}, "HR"},
		"the address stayed":            {partner(zagreb, "", false), nil, off(FieldCountry), "HR"},
		"an attribute said it":          {partner(parted, "Hrvaška", true), address, off(FieldCountry), "HR"},
		"an attribute says another one": {partner(zagreb, "Slovenija", false), address, off(FieldCountry), "HR"},
		"nothing said it":               {partner(parted, "", false), address, off(FieldCountry), "HR"},
	} {
		b := Base{Partner: Contact{Country: "HR"}}
		b.CountryGone(tc.old, tc.changed, Contact{}, tc.policy)
		require.Equal(t, tc.want, b.Partner.Country, name)
	}
}

// What is created reads back as the contact it was made from.
func TestNewPartnerRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := anyContact().Draw(t, "contact")
		require.Empty(t, Validate(c))
		back, unreadable := FromPartner(NewPartner(c))
		require.Empty(t, unreadable)
		require.Empty(t, Diff(c, back), "%+v %+v", c, back)
	})
}

// Writing any fields of any contact to any partner makes exactly these fields
// read as the contact has them, writing them again changes nothing more, and
// writing back what was read changes nothing a person would see.
func TestToPartnerRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		old := NewPartner(anyContact().Draw(t, "partner"))
		target, _ := FromPartner(old)
		source := anyContact().Draw(t, "contact")
		changed := rapid.SliceOfDistinct(rapid.SampledFrom(Fields()), func(f Field) Field { return f }).Draw(t, "changed")
		for _, f := range changed {
			target.Set(f, source.Get(f))
		}
		p := ToPartner(target, old, changed, DefaultPolicy())
		back, _ := FromPartner(p)
		before, _ := FromPartner(old)
		for _, f := range Diff(target, back) { // what an address does not show stays
			require.Equal(t, FieldAddress, f)
			require.False(t, addressLack(target.Address, before.Address).IsZero())
		}
		require.Equal(t, p, ToPartner(target, p, changed, DefaultPolicy()))

		same, _ := FromPartner(ToPartner(back, p, Fields(), DefaultPolicy()))
		require.Empty(t, Diff(back, same))
	})
}
