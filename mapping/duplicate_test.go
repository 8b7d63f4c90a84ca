package mapping

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/internal/testenv/long"
)

// pairLikeness judges two contacts by themselves: nobody else shares what they share.
func pairLikeness(a, b Contact) (score int, reasons []string) {
	return likeness(traitsOf(a), traitsOf(b), 2, 2)
}

func TestLikenessOfPairs(t *testing.T) {
	t.Parallel()
	type c = Contact
	const home, away = "Glavni trg 1, Kranj, 4000", "Trubarjeva 5, Celje, 3000"
	for name, pair := range map[string]struct {
		a, b        c
		least, most int
		reason      string
	}{
		"tax number, SI or not":       {c{Name: "Ana", TaxNumber: "SI12345679"}, c{Name: "Bor", TaxNumber: "12345679"}, 80, 90, "same tax number"},
		"tax number and name":         {c{Name: "Ana", TaxNumber: "SI12345679"}, c{Name: "ANA", TaxNumber: "12345679"}, 95, 100, "same name"},
		"two tax numbers":             {c{Name: "Ana", Email: "a@b.si", Phone: "040111222", TaxNumber: "12345679"}, c{Name: "Ana", Email: "a@b.si", Phone: "040111222", TaxNumber: "87654326"}, 0, 0, ""},
		"e-mail":                      {c{Name: "Ana Novak", Email: "a@b.si"}, c{Name: "Bor Kos", Email: "A@b.si"}, 60, 70, "same e-mail"},
		"e-mail and the order":        {c{Name: "Ana Novak", Email: "a@b.si"}, c{Name: "Novak, Ana", Email: "a@b.si"}, 85, 95, "same name"},
		"a mailbox and another name":  {c{Name: "Ana Novak", Email: "info@b.si"}, c{Name: "Bor Kos", Email: "info@b.si"}, 0, 0, ""},
		"a mailbox and its phone":     {c{Name: "Ana Novak", Email: "info@b.si", Phone: "01 256 31 78"}, c{Name: "Bor Kos", Email: "info@b.si", Phone: "(01) 256-3178"}, 50, 60, "same e-mail"},
		"a country's letters":         {c{Name: "Ana", TaxNumber: "HR33392005961"}, c{Name: "Ana", TaxNumber: "33392005961", Country: "HR"}, 95, 100, "same tax number"},
		"a mailbox and the same name": {c{Name: "Ana Novak", Email: "info@b.si"}, c{Name: "Anna Novak", Email: "info@b.si"}, 75, 95, "similar name"},
		"phone":                       {c{Name: "Ana Novak", Phone: "040 111 222"}, c{Name: "Bor Kos", Phone: "+386 40 111 222"}, 40, 50, "same phone"},
		"phone and a typo":            {c{Name: "Špela Črnigoj", Phone: "040 111 222"}, c{Name: "Spela Crnigoi", Phone: "+38640111222"}, 70, 90, "similar name"},
		"name and address":            {c{Name: "Ana Novak", Address: home}, c{Name: "Ana Novak", Address: "Glavni trg 1, 4000 Kranj"}, 70, 85, "same address"},
		"name and city":               {c{Name: "Ana Novak", Address: home}, c{Name: "Ana Novak", Address: "Savska 9, Kranj, 4000"}, 35, 50, "same city"},
		"a similar name and city":     {c{Name: "Ana Novak", Address: home}, c{Name: "Anna Novak", Address: "Savska 9, Kranj, 4000"}, 0, 0, ""},
		"phone, name and city":        {c{Name: "Ana Novak", Phone: "040111222", Address: home}, c{Name: "Ana Novak", Phone: "040111222", Address: "Savska 9, Kranj, 4000"}, 80, 90, "same city"},
		"name alone":                  {c{Name: "Ana Novak", Address: home}, c{Name: "Ana Novak", Address: away}, 0, 0, ""},
		"address alone":               {c{Name: "Ana Novak", Address: home}, c{Name: "Bor Kos", Address: home}, 0, 0, ""},
		"two people of a company":     {c{Name: "Ana Novak", CompanyName: "Kos d.o.o.", Address: home}, c{Name: "Bor Zajc", CompanyName: "Kos d. o. o.", Address: home}, 0, 0, ""},
		"legal forms":                 {c{CompanyName: "Kos d.o.o.", Address: home}, c{Name: "Kos", CompanyName: "KOS, d. o. o.", Address: home}, 70, 90, "same name"},
		"another country":             {c{Name: "Ana", Email: "a@b.si", Country: "SI"}, c{Name: "Ana", Email: "a@b.si", Country: "AT"}, 55, 70, "same e-mail"},
		"nothing":                     {c{}, c{}, 0, 0, ""},
	} {
		score, reasons := pairLikeness(pair.a, pair.b)
		require.True(t, score >= pair.least && score <= pair.most, "%s: %d %v", name, score, reasons)
		if pair.reason != "" {
			require.Contains(t, reasons, pair.reason, name)
		}
	}
}

// TestReasonsAreWhatIsShared: one that says nothing, or is not so, is not named.
func TestReasonsAreWhatIsShared(t *testing.T) {
	t.Parallel()
	one := Contact{Name: "Ana Novak", Email: "ana@b.si", Phone: "040 111 222", Address: "Glavni trg 1, Kranj, 4000"}
	other := one
	other.Address = "Trubarjeva 5, Celje, 3000"
	_, reasons := likeness(traitsOf(one), traitsOf(other), 2, crowd+1)
	require.Equal(t, []string{"same e-mail", "same name"}, reasons)
	for n, want := range map[int]float64{1: 0.6, 2: 0.6, 3: 0.4, crowd: 0.12, crowd + 1: 0} {
		require.InDelta(t, want, shared(0.6, n), 1e-9, n)
	}
}

// Strangers who have only the same fillers in common have nothing in common, and a
// filler on one side tells nobody apart.
func TestFillersMakeNoDuplicates(t *testing.T) {
	t.Parallel()
	fillers := map[Field][]string{
		FieldTaxNumber: {"00000000", "99999999", "SI11111111", "-", "/", "ni", "N/A", "12345678", "v postopku"},
		FieldEmail:     {"-", "n/a", "ni", "info@skupni-test.si", "nima maila"},
		FieldPhone:     {"-", "/", "000", "000 000 000", "ni", "111111"},
	}
	for f, values := range fillers {
		for _, v := range values {
			one, other := Contact{Name: "Ana Novak"}, Contact{Name: "Bor Kos"}
			one.Set(f, v)
			other.Set(f, v)
			found, _ := Duplicates([]Party{{ID: "1", Contact: one}, {ID: "2", Contact: other}}, 9, nil)
			require.Empty(t, found, "%s %q", f, v)
		}
	}
	known, filled := Contact{Name: "Ana Novak", Email: "ana@b.si", TaxNumber: "12345679"}, Contact{Name: "Ana Novak", Email: "ana@b.si", TaxNumber: "00000000"}
	score, _ := pairLikeness(known, filled)
	require.Greater(t, score, 80)
}

// similarContacts draws contacts of few values, so that they often share some.
func similarContacts(t *rapid.T, label string) Contact {
	pick := func(f Field, values ...string) string { return rapid.SampledFrom(values).Draw(t, label+string(f)) }
	return Contact{
		Name:        pick(FieldName, "", "Ana Novak", "Novak Ana", "Anna Novak", "Bor Kos", "Žan Črnič"),
		CompanyName: pick(FieldCompanyName, "", "", "Kos d.o.o.", "Kos", "Novak s.p."),
		Email:       pick(FieldEmail, "", "ana@novak.si", "info@kos.si", "bor@kos.si"),
		Phone:       pick(FieldPhone, "", "+38640111222", "+3861234567"),
		Address:     pick(FieldAddress, "", "Glavni trg 1, Kranj, 4000", "Savska 9, Kranj, 4000"),
		Country:     pick(FieldCountry, "", "SI", "AT"),
		TaxNumber:   pick(FieldTaxNumber, "", "", "12345679", "87654326"),
	}
}

// reformatted is the contact as another person would write it.
func reformatted(t *rapid.T, c Contact) Contact {
	forms := map[string][]string{
		"Ana Novak": {"ana  novak", " Ana NOVAK ", "Novak, Ana"}, "Žan Črnič": {"ŽAN ČRNIČ", "Zan Crnic"}, "Kos d.o.o.": {"KOS, d. o. o.", "Kos d.o.o"},
		"ana@novak.si": {" Ana@Novak.SI "}, "+38640111222": {"040 111 222", "(040) 111-222", "0038640111222"},
		"Glavni trg 1, Kranj, 4000": {"Glavni trg 1, 4000 Kranj", "glavni trg 1\n4000 Kranj"}, "SI": {"Slovenia", "slovenija"}, "12345679": {"SI12345679", "SI 123 45 679"},
	}
	for _, f := range Fields() {
		if all := forms[c.Get(f)]; all != nil {
			c.Set(f, rapid.SampledFrom(all).Draw(t, "form of "+string(f)))
		}
	}
	return c
}

func TestLawsOfLikeness(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := similarContacts(t, "a"), similarContacts(t, "b")
		score, reasons := pairLikeness(a, b)
		swapped, itsReasons := pairLikeness(b, a)
		require.Equal(t, score, swapped, "not symmetric")
		require.Equal(t, reasons, itsReasons)

		own, _ := pairLikeness(a, a)
		require.GreaterOrEqual(t, own, score, "more like another than like itself")
		if a.Email != "" && !SharedMailbox(a.Email) || a.Phone != "" || a.TaxNumber != "" {
			require.GreaterOrEqual(t, own, LeastScore)
		}

		formatted, _ := pairLikeness(reformatted(t, a), reformatted(t, b))
		require.Equal(t, score, formatted, "formatting matters")

		require.True(t, score == 0 || score >= LeastScore && score <= 100)
		require.Equal(t, score == 0, len(reasons) == 0)
		if a.TaxNumber != "" && b.TaxNumber != "" && a.TaxNumber != b.TaxNumber {
			require.Zero(t, score)
		}
	})
}

func TestLawsOfDuplicates(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var parties []Party
		for i := range rapid.IntRange(0, 9).Draw(t, "parties") {
			parties = append(parties, Party{ID: fmt.Sprint(i), Contact: similarContacts(t, fmt.Sprint(i))})
		}
		found, total := Duplicates(parties, 1000, nil)
		require.Len(t, found, total)
		shuffled := rapid.Permutation(parties).Draw(t, "shuffled")
		again, _ := Duplicates(shuffled, 1000, nil)
		require.Equal(t, found, again, "the order matters")
		first, _ := Duplicates(parties, 1, nil)
		require.Equal(t, found[:min(1, len(found))], first)
		scores := map[string]int{}
		for i, d := range found {
			require.Less(t, d.ID, d.Other)
			scores[d.ID+d.Other] = d.Score
			require.True(t, i == 0 || found[i-1].Score >= d.Score, "not ranked")
		}
		for i, a := range parties { // nobody is overlooked whom nothing but two share
			for _, b := range parties[i+1:] {
				score, _ := pairLikeness(a.Contact, b.Contact)
				require.LessOrEqual(t, scores[a.ID+b.ID], score)
				if a.Contact.TaxNumber == b.Contact.TaxNumber && a.Contact.TaxNumber != "" {
					require.NotZero(t, scores[a.ID+b.ID], "%v %v", a, b)
				}
			}
		}
	})
}

func TestWhatManyShareIsNoEvidence(t *testing.T) {
	t.Parallel()
	for _, f := range []Field{FieldEmail, FieldPhone} {
		var parties []Party
		for i := range 11 {
			c := Contact{Name: fmt.Sprintf("%c%c%c Kos", 'a'+i, 'k'+i, 'c'+i)}
			c.Set(f, map[Field]string{FieldEmail: "agency@example.si", FieldPhone: "+38640111222"}[f])
			parties = append(parties, Party{ID: fmt.Sprintf("%02d", i), Contact: c})
		}
		many, _ := Duplicates(parties, 100, nil)
		require.Empty(t, many)
		few, _ := Duplicates(parties[:3], 100, nil)
		two, _ := Duplicates(parties[:2], 100, nil)
		require.Len(t, few, 3)
		require.Less(t, few[0].Score, two[0].Score, f)
	}
}

func TestDuplicatesAmongManyAreFound(t *testing.T) {
	t.Parallel()
	n := long.Or(400, 10_000)
	found, _ := Duplicates(crowdOf(n), n, nil)
	likely := slices.DeleteFunc(found, func(d Duplicate) bool { return d.Score < 90 })
	require.Len(t, likely, n/20)
}

// crowdOf are so many contacts of a city, one of twenty of them twice.
func crowdOf(n int) []Party {
	first := []string{"Ana", "Bor", "Cene", "Darja", "Eva", "Franc", "Gal", "Hana", "Ivan", "Jana", "Katja", "Luka"}
	parties := make([]Party, 0, n)
	for i := range n {
		of := i
		if i%20 == 19 {
			of = i - 1
		}
		parties = append(parties, Party{ID: fmt.Sprintf("%07d", i), Contact: Contact{
			Name: fmt.Sprintf("%s %s", first[of%len(first)], word(of/7)), Email: fmt.Sprintf("p%d@example.si", of), Phone: fmt.Sprintf("+38640%06d", of),
			Address: fmt.Sprintf("%s ulica %d, Ljubljana, 1000", word(of%500), of%90), Country: "SI",
		}})
	}
	return parties
}

// word is a made-up surname.
func word(n int) string {
	syllables := []string{"ko", "va", "ri", "be", "no", "zu", "mi", "ta", "lo", "se"}
	w := ""
	for ; n > 0 || w == ""; n /= 10 {
		w += syllables[n%10]
	}
	return w
}

func BenchmarkDuplicates(b *testing.B) {
	parties := crowdOf(100_000)
	b.ReportAllocs()
	for b.Loop() {
		Duplicates(parties, 1000, nil)
	}
}
