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
			"a field that is not named stays", company, func(c *Contact) { c.Email, c.Notes = "x@y.si", "x" },
			[]Field{FieldNotes},
			func(p *Partner) { p.Notes = "x" },
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
