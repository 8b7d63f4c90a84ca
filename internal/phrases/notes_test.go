package phrases

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/syncer"
)

// TestWhatEarlierVersionsStoredIsSaid: the words of mksync that are alone are read back and
// said in Slovenian; what others say stays.
func TestWhatEarlierVersionsStoredIsSaid(t *testing.T) {
	t.Parallel()
	for noted, want := range map[string]string{
		"": "", "Napaka 12: customer; missing": "Napaka 12: customer; missing",
		"phone: is not a phone number: it has no digits":                                    "telefon: to ni telefonska številka: nima števk",
		"email: is not an e-mail address; address: shows no postal code: MetaKocka's stays": "e-naslov: to ni e-naslov; naslov: ni poštne številke: v MetaKocki ostane prejšnji naslov",
		"name: cut to 100 characters by MetaKocka; notes: Napaka 12":                        "ime: MetaKocka je vrednost skrajšala (število znakov: 100); opombe: Napaka 12",
		`"Narnia" is no known country`:                                                      `"Narnia" ni znana država`,
		match.Taken("7001", "c-1").String():                                                 "ujema se s partnerjem 7001, s katerim je povezan stik c-1: če sta stika ista stranka, ju združite; sodelavec dobi svojega partnerja ali pa ga izločite",
		"the partner is gone from MetaKocka; deleting the contact waits for approval; rows of a, b refer to the contact, and the database would delete them with it, cut them off or keep it": "partnerja ni več v MetaKocki; izbris stika čaka na odobritev; na stik se sklicujejo vrstice tabel a, b; baza bi jih izbrisala, odrezala ali stik zadržala",
		"contact 5: a replay works on it; the CRM refused the contact: a value is too long for its column":                                                                                    "stik 5: obdeluje ga ponovitev dogodkov; CRM je stik zavrnil: vrednost je predolga za stolpec",
	} {
		require.Equal(t, want, Slovenian.Said(coded.Earlier(noted)))
		require.Equal(t, noted, English.Said(coded.Earlier(noted)))
	}
	require.Equal(t, Kind(match.Taken("1", "2")), Kind(coded.Earlier(match.Taken("3", "4").String())), "an earlier one is of the same reason")
}

// TestWhatIsStoredIsSaid in each language, without a look at its words.
func TestWhatIsStoredIsSaid(t *testing.T) {
	t.Parallel()
	several := match.Choice{Candidates: []string{"1", "2", "3", "4", "5", "6"}, Pair: match.Pair{Key: mapping.FieldTaxNumber}}.Reason()
	lacks := mapping.FieldErrors{{Field: mapping.FieldEmail, Reason: mapping.Withheld(mapping.FieldEmail, "x", "")}, {Field: mapping.FieldPhone, Reason: mapping.Withheld(mapping.FieldPhone, "doma", "")}}
	for said, want := range map[*coded.Text]string{
		&several:                              "isto davčno številko ima več partnerjev (1, 2, 3, 4, 5 in še 1): kateri je pravi?",
		ptr(lacks.Said()):                     "e-naslov: to ni e-naslov; telefon: to ni telefonska številka: nima števk",
		ptr(coded.Words("name: is required")): "name: is required",
		ptr(coded.Say("note.refused.unique", "another contact has the same {about} (constraint {constraint})", "company name and value in column code", `"u"`)): `drug stik ima isto vrednost: ime podjetja, vrednost v stolpcu code (omejitev "u")`,
	} {
		require.Equal(t, want, Slovenian.Said(*said))
		require.Equal(t, said.String(), English.Said(*said))
	}
	require.NotEqual(t, Kind(lacks.Said()), Kind(lacks[1:].Said()))

	r := syncer.Reason{Code: syncer.StandsHeldMatch}.Saying(several)
	require.Equal(t, "Povedati je treba, kateri partner je pravi: isto davčno številko ima več partnerjev (1, 2, 3, 4, 5 in še 1): kateri je pravi?", Slovenian.Sentence(r, time.UTC))
}

func ptr(t coded.Text) *coded.Text { return &t }
