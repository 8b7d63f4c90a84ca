// Package people makes the data of contacts as real people's is: typed by hand, copied
// from a spreadsheet, spelled in many ways, and often only there because a form asked
// for it. What is made with another number is never another person's by chance: names,
// e-mails, phones, streets and tax numbers that say whose they are hold the number.
package people

import (
	"fmt"
	"math/rand/v2"
)

// Value makes what somebody types into a field, named as in the contacts table, the
// n-th time that anybody does. A field that it does not know has notes.
func Value(r *rand.Rand, field string, n int) string {
	kinds := map[string][]func(r *rand.Rand, n int) string{
		"email":      {email, email, email, email, email, pick(fillers), pick(wordsForEmail)},
		"phone":      {phone, phone, phone, phone, phone, pick(fillers), pick(placeholders), pick(wordsForPhone)},
		"address":    {form(addresses), form(addresses), form(addresses), form(addresses), form(unreadAddresses), pick([]string{"", "Kranj"})},
		"country":    {pick(countries), pick(countries), pick(countries), pick(countries), pick(noCountries)},
		"tax_number": {homeTax, homeTax, homeTax, foreignTax, mistypedTax, pick(fillers), pick(placeholders), pick(wordsForTax)},
	}[field]
	if kinds == nil {
		kinds = []func(r *rand.Rand, n int) string{form([]string{"opomba %d", "prva vrstica %d\ndruga vrstica", "opomba %[1]d  \r\n\r\n z  razmiki", " "})}
	}
	return kinds[r.IntN(len(kinds))](r, n)
}

// pick takes one of some values.
func pick(values []string) func(*rand.Rand, int) string {
	return func(r *rand.Rand, _ int) string { return values[r.IntN(len(values))] }
}

// form writes the number into one of some forms.
func form(forms []string) func(*rand.Rand, int) string {
	return func(r *rand.Rand, n int) string {
		if v := forms[r.IntN(len(forms))]; v != " " {
			return fmt.Sprintf(v, n)
		}
		return ""
	}
}

var (
	// fillers say that there is no value; placeholders look like one.
	fillers      = []string{"", "", "-", "/", "ni", "N/A", " -- "}
	placeholders = []string{"00000000", "99999999", "12345678", "11111111"}

	// What stands in place of a value and cannot be sent.
	wordsForEmail = []string{"nima maila", "kliči po 16h", "ana@"}
	wordsForPhone = []string{"pokliči tajnico", "12", "4,1123E+07"}
	wordsForTax   = []string{"v postopku", "fizična oseba", "SI1234567"}
	noCountries   = []string{"Nikjer", "Kranjska"}
)

// countries in several languages, as codes, and with labels.
var countries = []string{
	"SI", "SI", "Slovenija", "Slovenia", "SVN", "Republika Slovenija", "HR", "Hrvatska", "Republika Hrvaška", "Croazia", "AT", "Avstrija", "Österreich",
	"DE", "Nemčija", "Deutschland", "Njemačka", "Italia", "ČR", "Č.R.", "BiH", "ZDA", "United Kingdom (UK)", "madžarska", " Francija ",
}

// addresses are written in the ways that are read.
var addresses = []string{
	"Dunajska cesta %d, Ljubljana, 1000", "Trubarjeva %d, 2000 Maribor", "Celovška cesta %d 1000 Ljubljana", "Glavni trg %da, SI - 4000 Kranj",
	"Pri vodnjaku %d\n6000 Koper", "Ob Savi %d,\r\n4000 Kranj,\r\nSlovenija", "Stritarjeva  %d ,  3000   Celje ", "Ilica %d, 10 000 Zagreb",
	"Vlaška %d, 10000 Zagreb, Hrvatska", "Ringstraße %d/4, A-1010 Wien, Österreich", "Hauptstr. %d, 80331 München, Deutschland",
	"Via Roma %d, 34121 Trieste, TS", "%d High Street, London SW1A 2AA", "%d Fifth Avenue, New York, NY, 10118", "Maribor, p.p. %d, 2001",
	"c/o Novak, Kersnikova %d, Ljubljana, 1000", "1000 Ljubljana, Slovenska cesta %d",
}

// unreadAddresses show no city, or no postal code.
var unreadAddresses = []string{
	"Dunajska cesta %d", "Cesta %d, pritličje", "Trg %d, Celje", "pri cerkvi %d", "Zgornji Kašelj %d, stopnišče 2", "Obala %d, 6320",
}

func email(r *rand.Rand, n int) string {
	return form([]string{
		"posta%d@primer.si", "Posta.%d@Primer.SI", "ana+erp%d@podjetje.si", "mailto:ana%d@podjetje.si", " bor%d@primer.si. ", "\"cene%d@primer.si\"",
		"dan%d@primer.si\u00a0", "info@podjetje%d.si", "racuni@podjetje%d.si", "eva%[1]d@primer.si; racuni%[1]d@primer.si", "fani%[1]d@primer.si, gal%[1]d@primer.si", "hana%d@primer.si (zasebno)",
	})(r, n)
}

// phone is a number of one of several countries, for a mobile or on land; national ones are
// read as Slovenian.
func phone(r *rand.Rand, n int) string {
	n %= 1_000_000
	a, b := n/1000, n%1000
	forms := []string{
		"041 %03d %03d", "+386 31 %03d %03d", "00386/40-%03d-%03d", "(01) 4%03d %03d", "+386 (0)2 2%03d %03d", "+385 91 %03d 0%03d", "+385 1 4%03d%03d",
		"+43 664 1%03d%03d", "+43 1 5%03d%03d", "+49 30 2%03d%03d", "+39 06 6%03d%03d", "051 %03d %03d (Ana)", "T: 01 4%03d %03d", "01 4%03d %03d int. 12",
		"41%03d%03d.0", "gsm 070 %03d %03d\u00a0", "041 %03d %03d, 051 234 567",
	}
	return fmt.Sprintf(forms[r.IntN(len(forms))], a, b)
}

// homeTax is a Slovenian number in one of its spellings.
func homeTax(r *rand.Rand, n int) string {
	v := TaxNumber(n)
	forms := []string{"SI%s%s%s", "%s%s%s", "SI %s %s %s", "si%s%s%s", "SI-%s%s%s", "%s %s %s", "%s%s%s.0"}
	return fmt.Sprintf(forms[r.IntN(len(forms))], v[:3], v[3:6], v[6:])
}

func foreignTax(r *rand.Rand, n int) string {
	return form([]string{
		"HR7%010d", "DE7%08d", "ATU7%07d", "EL7%08d", "GR7%08d", "CHE-7%08d MWST", "CHE-7%08d", "HU7%07d", "GB7%08d", "XI7%08d", "RSSMRA85T%07dS",
	})(r, n)
}

// mistypedTax is a Slovenian number whose check digit is wrong.
func mistypedTax(r *rand.Rand, n int) string {
	return pick([]string{"SI", ""})(r, n) + MistypedTaxNumber(n)
}

// TaxNumber is the n-th Slovenian tax number that is valid, without its letters.
func TaxNumber(n int) string {
	for n = 11 * n % 9_000_000; ; n++ {
		seven, sum := fmt.Sprintf("%07d", 1_000_000+n), 0
		for i, r := range seven {
			sum += (8 - i) * int(r-'0')
		}
		if check := 11 - sum%11; check != 11 {
			return seven + fmt.Sprint(check%10)
		}
	}
}

// MistypedTaxNumber is a TaxNumber whose last digit is another one.
func MistypedTaxNumber(n int) string {
	v := TaxNumber(n)
	return v[:7] + string('0'+(v[7]-'0'+1)%10)
}

var (
	givenNames = []string{
		"Ana", "Bor", "Cirila", "Žiga", "Štefan", "Đorđe", "Eva-Marija", "Franc", "Gašper", "Hans", "Iva", "José", "Katarina", "Ľubica", "Mòrag", "Nuša", "Øyvind",
		"Petra", "Seán", "Tjaša", "Ümit", "Vid", "Zoë",
	}
	familyNames = []string{
		"Novak", "Kovač", "Zupančič", "de la Cruz", "van der Berg", "O'Brien", "O’Neill", "d'Annunzio", "von Trapp", "Hren-Kos", "Šćepanović", "Müller", "Dalla Costa",
		"Żółkiewski", "Al-Khatib", "Björnsdóttir", "Le Goff", "Mlakar ml.", "Golob", "Ćosić", "Lačen", "Škrjanec", "Vrhovnik", "Jevšček", "ter Braak", "Ñíguez", "Zajc", "Bizjak", "Turk",
	}
)

// Name is the n-th person's; of persons near each other no name is like another.
func Name(n int) string {
	return fmt.Sprintf("%s %s %d", givenNames[n%len(givenNames)], familyNames[n%len(familyNames)], n)
}

// AnotherName is one that the n-th person takes, or another spelling.
func AnotherName(r *rand.Rand, n, version int) string {
	given, family := givenNames[r.IntN(len(givenNames))], familyNames[r.IntN(len(familyNames))]
	forms := []string{"%s %s %d roj. %d", " %s  %s %d/%d ", "%[2]s, %[1]s %d-%d", "%s %s\u00a0%d %d", "%s\t%s %d (%d)"}
	return fmt.Sprintf(forms[r.IntN(len(forms))], given, family, n, version)
}

// Company is the name of the n-th person's company.
func Company(r *rand.Rand, n, version int) string {
	forms := []string{"Žagar & sinovi %d/%d, d.o.o.", "Müller %d Söhne %d GmbH", "„Pri Kovaču“ %d %d s.p.", "L'Oréal %d %d S.p.A.", " Kmetija  %d %d "}
	return fmt.Sprintf(forms[r.IntN(len(forms))], n, version)
}
