package mapping

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// anyParts draws the columns that a field may be kept in; nil: one.
func anyParts(f Field) *rapid.Generator[[]Part] {
	all := PartsOf(f)
	if all == nil {
		return rapid.Just(all)
	}
	return rapid.Custom(func(t *rapid.T) []Part {
		switch {
		case rapid.Bool().Draw(t, "one column"):
			return nil
		case f == FieldName:
			return all
		}
		kept := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID[Part]).Draw(t, "columns")
		return slices.DeleteFunc(all, func(p Part) bool { return !slices.Contains(kept, p) })
	})
}

// anyWords draws the words of a name or a part of one.
func anyWords() *rapid.Generator[string] {
	word := rapid.SampledFrom([]string{"Ana", "ANA", "Marija", "Novak", "NOVAK", "Kos", "van", "der", "Berg", "d'Angelo", "Žagar", "ml.", "S\u030ctefan", "Ana-Marija"})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(word, 0, 3).Draw(t, "words"), rapid.SampledFrom([]string{" ", "  ", "\u00a0"}).Draw(t, "space"))
	})
}

// anyPartedName and anyPartedAddress draw what the columns of a row hold.
func anyPartedName() *rapid.Generator[Parted] {
	return rapid.Custom(func(t *rapid.T) Parted {
		return Parted{PartGiven: anyWords().Draw(t, "given"), PartFamily: anyWords().Draw(t, "family")}
	})
}

func anyPartedAddress() *rapid.Generator[Parted] {
	values := map[Part][]string{
		PartStreet:     {"", "Slovenska cesta 1", "Trg republike 3", "Vodičkova 5", "Pri Marku  3", "Test, 4", "Via Roma 5", "Prešernova", "p.p. 7"},
		PartCity:       {"", "Ljubljana", "Praha 1", "Trieste TS", "London", "Šentjur pri Celju", "Ljubljana, Slovenija"},
		PartPostalCode: {"", "1000", "SI-1000", "110 00", "SW1A 2AA", "34121", "101", " 2000 "},
	}
	return rapid.Custom(func(t *rapid.T) Parted {
		parts := anyParts(FieldAddress).Draw(t, "parts")
		if parts == nil {
			parts = PartsOf(FieldAddress)
		}
		p := Parted{}
		for _, part := range parts {
			p[part] = rapid.SampledFrom(values[part]).Draw(t, string(part))
		}
		return p
	})
}

// What was joined splits into what it was joined of, whatever that is: nothing is written
// to a contact that nobody edited.
func TestLawSplitOfJoined(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := anyPartedName().Draw(t, "name")
		require.Equal(t, name, Split(FieldName, Contact{Name: Join(FieldName, name)}, name))
		address := anyPartedAddress().Draw(t, "address")
		require.Equal(t, address, Split(FieldAddress, Contact{Address: Join(FieldAddress, address)}, address))
	})
}

// A name that is split and joined is the same name, in the CRM's order; split again it has
// the same parts, whatever the columns held before.
func TestLawSplitNameIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		had, name := anyPartedName().Draw(t, "had"), collapse(anyWords().Draw(t, "one")+" "+anyWords().Draw(t, "other"))
		was := Join(FieldName, had)
		if rapid.Bool().Draw(t, "as the merge writes it") {
			name = nameAs(was, name)
		}
		parts := Split(FieldName, Contact{Name: name}, had)
		joined := Join(FieldName, parts)
		require.True(t, sameBag(joined, name), "%q of %q", joined, name)
		require.Equal(t, parts, Split(FieldName, Contact{Name: joined}, parts))
		require.Equal(t, parts, Split(FieldName, Contact{Name: name}, parts))
		require.True(t, joined == name || joined == was || turned(joined, name), "%q is written as %q", name, joined)
	})
}

// sameBag reports whether two names have the same words.
func sameBag(a, b string) bool {
	sorted := func(v string) []string { return slices.Sorted(slices.Values(strings.Fields(lowerNFC(v)))) }
	return slices.Equal(sorted(a), sorted(b))
}

// An address that is split and joined is the same address, whichever columns there are, and
// split again has the same parts.
func TestLawSplitAddressIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		had := anyPartedAddress().Draw(t, "had")
		v := rapid.OneOf(anyTyped(FieldAddress), scrambled(FieldAddress)).Draw(t, "address")
		parts := Split(FieldAddress, Contact{Address: v}, had)
		require.ElementsMatch(t, slices.Collect(maps.Keys(had)), slices.Collect(maps.Keys(parts)))
		require.True(t, Equal(FieldAddress, v, Join(FieldAddress, parts)), "%q as %q", v, parts)
		require.Equal(t, parts, Split(FieldAddress, Contact{Address: Join(FieldAddress, parts)}, parts))
		require.Equal(t, parts, Split(FieldAddress, Contact{Address: v}, parts))
	})
}

// inParts is the policy for a table that keeps fields in several columns.
func inParts(t *rapid.T, p Policy) Policy {
	for f, fp := range p.Fields {
		fp.Parts = anyParts(f).Draw(t, "columns of "+string(f))
		p.Fields[f] = fp
	}
	return p
}

// Once the writes took, a merge of fields in parts has nothing to do, and the sides agree
// as far as there are columns.
func TestLawMergeOfPartsSettles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := inParts(t, anyPolicy(DirectionBoth).Draw(t, "policy"))
		in := anyInput().Draw(t, "in")
		in.Base.CRM, in.CRM = p.Held(in.Base.CRM), p.Held(in.CRM)
		in.Unreadable, in.Overrides = nil, nil
		for _, name := range []*string{&in.CRM.Name, &in.Partner.Name} {
			*name = anyWords().Draw(t, "name")
		}
		r := Merge(in, p)
		again := Merge(apply(in, r), p)
		require.Empty(t, again.ToCRM)
		require.Empty(t, again.ToPartner)
		require.Equal(t, r.Base, again.Base)
		for _, f := range slices.Concat(r.ToCRM, r.ToPartner) {
			require.True(t, p.Agree(f, r.CRM, r.Partner), "%s: %q and %q", f, r.CRM.Get(f), r.Partner.Get(f))
		}
	})
}

// Only what differs is written: a part that stays has its column as it is.
func TestWhatStaysKeepsItsColumn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ given, family, name, wantGiven, wantFamily string }{
		{"Ana", "Novak", "Ana Kos", "Ana", "Kos"},
		{"Ana", "Novak", "Metka Novak", "Metka", "Novak"},
		{"Ana", "Novak", "NOVAK ANA", "Ana", "Novak"},
		{"Ana", "Novak", "KOS ANA", "Ana", "KOS"},
		{"Ana", "Novak", "NOVAK METKA", "METKA", "Novak"},
		{"Ana", "Novak", "ANA NOVAK", "ANA", "NOVAK"},
		{"Ana", "Novak", "Metka Kos", "Metka", "Kos"},
		{"Ana", "Novak", "Ana Marija Novak", "Ana", "Marija Novak"},
		{"Ana", "Novak", "Ana", "Ana", ""},
		{"Ana", "Novak", "Cher", "", "Cher"},
		{"", "Novak", "Metka Kos", "Metka", "Kos"},
		{"", "", "Cher", "", "Cher"},
		{"Cher", "", "Cher", "Cher", ""},
		{"", "", "Ana Marija Novak", "Ana Marija", "Novak"},
		{"Ana Marija", "Novak Kos", "Ana Marija Novak", "Ana Marija", "Novak"},
		{"Ana Marija", "Novak Kos", "Novak Kos Ana Marija", "Ana Marija", "Novak Kos"},
		{"Ana Marija", "Novak Kos", "Eva Novak Kos", "Eva", "Novak Kos"},
		{"Ana  Marija", "Novak", "Ana Marija Kos", "Ana  Marija", "Kos"},
		{"Jan", "van der Berg", "Piet van der Berg", "Piet", "van der Berg"},
		{"Jan", "van der Berg", "van der Berg Jan", "Jan", "van der Berg"},
		{"Luca", "d'Angelo", "Luca D'Angelo", "Luca", "D'Angelo"},
		{"Ana", "Novak", "", "", ""},
	} {
		got := Split(FieldName, Contact{Name: tc.name}, Parted{PartGiven: tc.given, PartFamily: tc.family})
		require.Equal(t, Parted{PartGiven: tc.wantGiven, PartFamily: tc.wantFamily}, got, "%s %s, now %s", tc.given, tc.family, tc.name)
	}
	company := Split(FieldName, Contact{Name: "Žagar d.o.o.", CompanyName: "Žagar d.o.o."}, Parted{PartGiven: "", PartFamily: ""})
	require.Equal(t, Parted{PartGiven: "", PartFamily: "Žagar d.o.o."}, company)
	parted := Parted{PartGiven: "Žagar", PartFamily: "d.o.o."}
	require.Equal(t, parted, Split(FieldName, Contact{Name: "Žagar d.o.o.", CompanyName: "Žagar d.o.o."}, parted))
	require.Equal(t, Parted{PartGiven: "", PartFamily: ""}, Split(FieldName, Contact{CompanyName: "Žagar d.o.o."}, parted))

	had := Parted{PartStreet: "Slovenska  cesta 1", PartCity: "Ljubljana", PartPostalCode: "SI-1000"}
	for v, want := range map[string]Parted{
		"Slovenska cesta 1, 1000 Ljubljana":    had,
		"Slovenska cesta 2, Ljubljana, 1000":   {PartStreet: "Slovenska cesta 2", PartCity: "Ljubljana", PartPostalCode: "SI-1000"},
		"Slovenska cesta 1, Maribor, 2000":     {PartStreet: "Slovenska  cesta 1", PartCity: "Maribor", PartPostalCode: "2000"},
		"Slovenska cesta 1":                    {PartStreet: "Slovenska  cesta 1", PartCity: "", PartPostalCode: ""},
		"":                                     {PartStreet: "", PartCity: "", PartPostalCode: ""},
		"Trubarjeva 5, SI-1000 Ljubljana, SLO": {PartStreet: "Trubarjeva 5", PartCity: "Ljubljana", PartPostalCode: "SI-1000"},
	} {
		require.Equal(t, want, Split(FieldAddress, Contact{Address: v}, had), v)
	}
}

// Whatever columns there are, nothing of an address is lost, and a column that says the
// same is left as it is written.
func TestAnAddressGoesIntoTheColumnsThatThereAre(t *testing.T) {
	t.Parallel()
	for v, tc := range map[string]struct{ had, want Parted }{
		"1000":                        {Parted{PartCity: "", PartPostalCode: ""}, Parted{PartCity: "", PartPostalCode: "1000"}},
		"Cesta 1, Kranj, 4000":        {Parted{PartCity: "", PartPostalCode: ""}, Parted{PartCity: "Cesta 1, Kranj", PartPostalCode: "4000"}},
		"Cesta 2, Kranj, 4000":        {Parted{PartStreet: ""}, Parted{PartStreet: "Cesta 2, Kranj, 4000"}},
		"Hiša 2, Naselje 5, 4000":     {Parted{PartStreet: "Hiša 1", PartCity: "Naselje 5", PartPostalCode: "4000"}, Parted{PartStreet: "Hiša 2", PartCity: "Naselje 5", PartPostalCode: "4000"}},
		"Cesta 2, Novo mesto, 8000":   {Parted{PartStreet: "Cesta 1", PartCity: "Novo  mesto", PartPostalCode: "8000"}, Parted{PartStreet: "Cesta 2", PartCity: "Novo  mesto", PartPostalCode: "8000"}},
		"Cesta 3, 1000 Ljubljana, SI": {Parted{PartStreet: "Cesta 1", PartCity: "Kranj"}, Parted{PartStreet: "Cesta 3", PartCity: "Ljubljana, 1000"}},
	} {
		require.Equal(t, tc.want, Split(FieldAddress, Contact{Address: v}, tc.had), v)
	}

	p := Policy{Fields: map[Field]FieldPolicy{FieldName: {Parts: PartsOf(FieldName)}, FieldAddress: {Parts: []Part{PartStreet, PartCity}}}}
	c := Contact{Name: "Ana Novak", Address: "Cesta 1, Kranj, 4000", Phone: "041 123 456"}
	require.Equal(t, Contact{Name: "Ana Novak", Address: "Cesta 1, Kranj", Phone: "041 123 456"}, p.Held(c))
	for _, tc := range []struct {
		other Contact
		agree bool
	}{
		{Contact{Name: "NOVAK ANA", Address: "Cesta 1, Kranj"}, true},
		{Contact{Name: "Metka Kos", Address: "Cesta 1, Celje"}, false},
	} {
		require.Equal(t, tc.agree, p.Agree(FieldName, c, tc.other), tc.other.Name)
		require.Equal(t, tc.agree, p.Agree(FieldAddress, tc.other, c), tc.other.Address)
		require.False(t, Policy{}.Agree(FieldName, c, tc.other), "in one column the order is the name")
	}
}

// A partner's name is written into two columns in the CRM's order, as far as it tells one.
func TestANameKeepsItsOrder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ crm, partner, want string }{
		{"Ana Novak", "NOVAK ANA", "Ana Novak"},
		{"Ana Novak", "Ana Kos", "Ana Kos"},
		{"Ana Novak", "KOS ANA", "Ana KOS"},
		{"Ana Novak", "NOVAK METKA", "METKA Novak"},
		{"Ana Novak", "Metka Kos", "Metka Kos"},
		{"Ana Marija Novak", "Kos Ana Marija", "Ana Marija Kos"},
		{"Ana Novak Kos", "Novak Kos Metka", "Metka Novak Kos"},
		{"Ana Novak", "Novak Kos Ana", "Ana Novak Kos"},
		{"Ana Novak", "Ana Kos Ana", "Ana Kos Ana"},
		{"Ana Novak", "Novak Metka Novak", "Novak Metka Novak"},
		{"", "Metka Kos", "Metka Kos"},
		{"Ana Novak", "", ""},
	} {
		require.Equal(t, tc.want, nameAs(tc.crm, tc.partner), "%s, now %s", tc.crm, tc.partner)
	}
}

// The order in which the ERP writes a name, and a part of an address that the CRM has no
// column for, are no edits: neither is written, and a later edit of either side is.
func TestMergeOfFieldsInParts(t *testing.T) {
	t.Parallel()
	p := Policy{Fields: map[Field]FieldPolicy{FieldName: {Parts: PartsOf(FieldName)}, FieldAddress: {Parts: []Part{PartStreet, PartCity}}}}
	both := Contact{Name: "Ana Novak", Address: "Slovenska cesta 1, Ljubljana"}
	in := MergeInput{Base: Base{CRM: both, Partner: both}, CRM: both, Partner: Contact{Name: "NOVAK ANA", Address: "Slovenska cesta 1, Ljubljana, 1000"}}
	for _, base := range []Base{in.Base, {}} { // an edit in the ERP; a first match
		in.Base = base
		r := Merge(in, p)
		require.Empty(t, r.ToCRM)
		require.Empty(t, r.ToPartner)
		require.Empty(t, r.Conflicts)
		require.Equal(t, Base{CRM: in.CRM, Partner: in.Partner}, r.Base)
		require.True(t, p.Agree(FieldName, r.CRM, r.Partner) && p.Agree(FieldAddress, r.CRM, r.Partner))
	}

	in.Base = Base{CRM: in.CRM, Partner: in.Partner}
	in.Partner.Name, in.Partner.Address = "KOS ANA", "Koroška cesta 2, Maribor, 2000"
	r := Merge(in, p)
	require.Equal(t, []Field{FieldName, FieldAddress}, r.ToCRM)
	require.Equal(t, Contact{Name: "Ana KOS", Address: "Koroška cesta 2, Maribor"}, r.CRM)
	require.Empty(t, r.Conflicts)

	require.Equal(t, "KOS ANA", Merge(in, Policy{}).CRM.Name, "in one column it stands as it was written")

	in = apply(in, r)
	in.CRM.Name = "Ana Kos"
	r = Merge(in, p)
	require.Equal(t, []Field{FieldName}, r.ToPartner)
	require.Equal(t, "Ana Kos", r.Partner.Name)
}
