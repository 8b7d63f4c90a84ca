package phrases

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/syncer"
)

// TestNotesAreSaid: what mksync says of a mapping in English is read back and said in
// Slovenian; what others say stays.
func TestNotesAreSaid(t *testing.T) {
	t.Parallel()
	for noted, want := range map[string]string{
		"": "", "Napaka 12: customer; missing": "Napaka 12: customer; missing",
		"phone: " + mapping.Withheld(mapping.FieldPhone, "doma", ""):                        "telefon: to ni telefonska številka: nima števk",
		"email: is not an e-mail address; address: shows no postal code: MetaKocka's stays": "e-naslov: to ni e-naslov; naslov: ni poštne številke: v MetaKocki ostane prejšnji naslov",
		"name: cut to 100 characters by MetaKocka; notes: Napaka 12":                        "ime: MetaKocka je vrednost skrajšala (število znakov: 100); opombe: Napaka 12",
		mapping.Withheld(mapping.FieldCountry, "Narnia", ""):                                `"Narnia" ni znana država`,
		match.Taken("7001", "c-1"):                                                          "ujema se s partnerjem 7001, s katerim je povezan stik c-1: če sta stika ista stranka, ju združite; sodelavec dobi svojega partnerja ali pa ga izločite",
		"the partner is gone from MetaKocka; deleting the contact waits for approval; rows of a, b refer to the contact, and the database would delete them with it, cut them off or keep it": "partnerja ni več v MetaKocki; izbris stika čaka na odobritev; na stik se sklicujejo vrstice tabel a, b; baza bi jih izbrisala, odrezala ali stik zadržala",
	} {
		require.Equal(t, want, Slovenian.Words(noted))
		require.Equal(t, noted, English.Words(noted))
	}
	r := syncer.Reason{Code: syncer.StandsHeldMatch, Words: match.Choice{Candidates: []string{"1", "2"}, Pair: match.Pair{Key: mapping.FieldTaxNumber}}.Reason()}
	require.Equal(t, "Povedati je treba, kateri partner je pravi: isto davčno številko ima več partnerjev (1, 2): kateri je pravi?", Slovenian.Sentence(r, time.UTC))
}

// TestNotesAreOfTheCode: what the English texts say of matches, values and sides is what the
// code says, so that it is read back.
func TestNotesAreOfTheCode(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	say := func(text string) {
		for _, n := range notes() {
			if n.of.MatchString(text) {
				said[n.id] = true
				return
			}
		}
		require.Fail(t, "no note is of the words", text)
	}

	for _, key := range []mapping.Field{mapping.FieldTaxNumber, mapping.FieldEmail} {
		say(match.Choice{Candidates: []string{"1", "2", "3", "4", "5", "6"}, Pair: match.Pair{Key: key}}.Reason())
	}
	for _, why := range []match.Why{match.WhyCountry, match.WhyCheckDigit, match.WhyNumbers, match.WhyMailbox, match.WhyFurther, match.WhyName} {
		say(match.Choice{Candidates: []string{"1"}, Pair: match.Pair{Why: why}}.Reason())
	}
	say(match.Taken("1", "2"))
	for f, values := range map[mapping.Field][]string{
		mapping.FieldEmail: {"x"}, mapping.FieldPhone: {"doma", "1,5E+10", "12"}, mapping.FieldTaxNumber: {"SI1", "xx"}, mapping.FieldCountry: {"Narnia"},
	} {
		for _, v := range values {
			say(mapping.Withheld(f, v, ""))
		}
	}
	for _, crm := range []string{"Ulica 1", "Ulica 1, Kranj", "Ulica 1, 4000", "Ulica 2, Celje", "Ulica 2, 3000"} {
		if lack := mapping.Withheld(mapping.FieldAddress, crm, "Ulica 1, Kranj, 4000"); lack != "" {
			say(lack)
		}
	}
	for _, by := range []string{" by MetaKocka", " by the CRM"} {
		for _, got := range []string{"", "else", strings.Repeat("x", 100)} {
			_, why := mapping.Kept(mapping.FieldName, strings.Repeat("x", 120), got)
			say(why + by)
		}
		_, why := mapping.Kept(mapping.FieldName, "", "x")
		say(why + by)
	}

	// The others are texts of the code, each as a whole between its parameters.
	source := sourceOf(t, "../../syncer", "../../syncer/operations", "../../syncer/check", "../../mapping/pgstore", "../../mapping/match", "../../mapping", "../console", "../doctor", "../../cdc")
	for _, section := range []string{"notes"} {
		for id, forms := range readTexts(t)[section][English] {
			if said[id] {
				continue
			}
			for _, piece := range strings.FieldsFunc(strings.NewReplacer("{{.", "\x00", "}}", "\x00", "same tax number", "same \x00", "same e-mail", "same \x00").Replace(forms["other"]), func(r rune) bool { return r == 0 }) {
				if strings.Contains(piece, " ") {
					require.Contains(t, source, strings.TrimSpace(strings.Trim(piece, "():;")), "%s is not what the code says: %s", id, piece)
				}
			}
		}
	}
}

// sourceOf is the text of the Go files of folders, without their tests.
func sourceOf(t *testing.T, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.go")
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			all.Write(content)
		}
	}
	return all.String()
}
