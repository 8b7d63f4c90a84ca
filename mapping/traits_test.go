package mapping

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDuplicatesAreFoundByEachKey: only those are compared that have one in common.
func TestDuplicatesAreFoundByEachKey(t *testing.T) {
	t.Parallel()
	type c = Contact
	const home, away = "Glavni trg 1, Kranj, 4000", "Savska 9, Kranj, 4000"
	for name, tc := range map[string]struct {
		a, b  c
		found int
	}{
		"the tax number":                  {c{Name: "Ana", TaxNumber: "SI12345679"}, c{Name: "Bor", TaxNumber: "12345679"}, 1},
		"the e-mail":                      {c{Name: "Ana", Email: "a@b.si"}, c{Name: "Bor", Email: "A@b.si"}, 1},
		"the phone":                       {c{Name: "Ana", Phone: "040 111 222"}, c{Name: "Bor", Phone: "+38640111222"}, 1},
		"the street":                      {c{Name: "Aleksander Novak", Address: home}, c{Name: "Eleksander Novak", Address: home}, 1},
		"a person's name in a city":       {c{Name: "Ana Novak", Address: home}, c{Name: "Novak Ana", Address: away}, 1},
		"a company's name in a city":      {c{CompanyName: "Kos Transport d.o.o.", Address: home}, c{CompanyName: "Kos transport", Address: away}, 1},
		"one beside a person's":           {c{Name: "Bor", CompanyName: "Kos Transport", Address: home}, c{CompanyName: "Kos transport", Address: home}, 1},
		"a postal code for the city":      {c{Name: "Ana Novak", Address: "Glavni trg 1, 4000"}, c{Name: "Ana Novak", Address: "Glavni trg 1, 4000"}, 1},
		"no name, in one city":            {c{Email: "a@b.si", Address: home}, c{Email: "c@b.si", Address: home}, 0},
		"a name, and nobody knows whence": {c{Name: "Ana Novak"}, c{Name: "Ana Novak"}, 0},
	} {
		_, total := Duplicates([]Party{{ID: "1", Contact: tc.a}, {ID: "2", Contact: tc.b}}, 9, nil)
		require.Equal(t, tc.found, total, name)
	}
}

// TestNamesAreComparedWithoutTheirForm.
func TestNamesAreComparedWithoutTheirForm(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]string{
		"Ana Novak": "ana novak", "Novak, Ana": "ana novak", "Kos, d. o. o.": "kos", "KOS D.O.O.": "kos", "Kos s. p.": "kos", "d.o.o.": "doo",
		"D'Angelo": "dangelo", "D’Angelo": "dangelo", "J. R. Kos": "jr kos", "Kos J": "j kos", "A B C d.o.o.": "abc", "": "", "- / -": "",
	} {
		require.Equal(t, want, foldedName(v), v)
	}
	for name, tc := range map[string]struct {
		a, b        Contact
		least, most float64
	}{
		"one written as a company":      {Contact{Name: "Ana Novak"}, Contact{CompanyName: "Ana Novak, s.p."}, 1, 1},
		"a company and its person":      {Contact{CompanyName: "Kos"}, Contact{Name: "Bor Zajc", CompanyName: "Kos d.o.o."}, 1, 1},
		"two people of one company":     {Contact{Name: "Ana Novak", CompanyName: "Kos"}, Contact{Name: "Bor Zajc", CompanyName: "Kos"}, 0.4, 0.6},
		"one of a company, and another": {Contact{Name: "Ana Novak", CompanyName: "Kos"}, Contact{Name: "Ana Novak"}, 1, 1},
		"nobody":                        {Contact{}, Contact{}, 0, 0},
		"one letter":                    {Contact{Name: "Ana Novak"}, Contact{Name: "Ana Nowak"}, 0.7, 0.99},
	} {
		for _, like := range []float64{Liken(tc.a, tc.b).Name, Liken(tc.b, tc.a).Name} {
			require.True(t, like >= tc.least && like <= tc.most, "%s: %v", name, like)
		}
	}
}
