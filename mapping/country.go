package mapping

import (
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
	"golang.org/x/text/unicode/norm"
)

// ParseCountry returns the ISO 3166-1 alpha-2 code of a country given by code
// (alpha-2 or alpha-3) or by name, in any language known, any case, with or
// without diacritics; false where it is unknown or means two countries.
func ParseCountry(v string) (string, bool) {
	if code, ok := nearCountry(v); ok {
		return code, true
	}
	folded := foldCountry(v)
	if code, found := roadCodes[folded]; found {
		return code, true
	}
	code, found := allNames()[folded]
	return code, found && code != ""
}

// roadCodes are the letters on cars that are no ISO code, where a country is asked
// for; at the end of an address they are a house's.
var roadCodes = map[string]string{
	"a": "AT", "b": "BE", "d": "DE", "e": "ES", "f": "FR", "h": "HU", "i": "IT", "p": "PT", "rh": "HR", "srb": "RS",
}

// nearCountry is ParseCountry for codes, abbreviations, and names in the languages
// that are met most.
func nearCountry(v string) (string, bool) {
	if code, found := accentedCodes[strings.ReplaceAll(strings.ToLower(collapse(v)), ".", "")]; found {
		return code, true
	}
	folded := foldCountry(v)
	if code, ok := plainCountry(folded); ok {
		return code, true
	}
	return labelledCountry(folded)
}

// plainCountry looks a folded code or name up.
func plainCountry(folded string) (string, bool) {
	if code, found := countryAliases[folded]; found {
		return code, true
	}
	if code, ok := regionCode(folded); ok {
		return code, true
	}
	return nearName(folded)
}

// accentedCodes are abbreviations that without their accents are other countries'
// codes: Česka republika is not Costa Rica.
var accentedCodes = map[string]string{"čr": "CZ", "čg": "ME", "črg": "ME"}

// countryLabels are words that stand beside a country's name and say what kind of
// state it is.
var countryLabels = setOf("republika", "republic", "republik", "repubblica", "republique", "of", "the", "di", "d'", "della", "delle", "kingdom", "kraljevina",
	"konigreich", "regno", "drzava", "state", "states", "stato", "land", "federal", "federated", "federative", "zvezna", "savezna", "bundesrepublik", "federalna",
	"islamic", "islamska", "bolivarian", "bolivarska", "plurinational", "united", "arab", "socialist", "former", "yugoslav", "french", "dutch", "part",
	"principality", "knezevina", "furstentum", "grand", "duchy", "velika", "vojvodina", "veliko", "vojvodstvo")

// withoutParentheses sets apart what stands in parentheses.
var withoutParentheses = strings.NewReplacer("(", ",", ")", "")

// labelledCountry finds a name among labels: Republika Hrvaška, "Moldova, Republic
// of", "United Kingdom (UK)".
func labelledCountry(folded string) (string, bool) {
	// A code behind a name that has parentheses or commas of its own.
	if at := strings.LastIndex(folded, "("); at > 0 {
		code, ok := plainCountry(collapse(folded[:at]))
		if again, _ := plainCountry(strings.Trim(folded[at:], "()")); ok && again == code {
			return code, true
		}
	}

	name, rest, found := strings.Cut(withoutParentheses.Replace(folded), ",")
	if found {
		name, rest = collapse(name), collapse(strings.ReplaceAll(rest, ",", " "))
		if code, ok := plainCountry(collapse(rest + " " + name)); ok { // "Korea, Republic of"
			return code, true
		}
		code, ok := plainCountry(name)
		again, twice := plainCountry(rest)
		return code, ok && (twice && again == code || onlyLabels(rest))
	}

	words := strings.Fields(strings.ReplaceAll(folded, "d'", "d' "))
	labels := 0
	for labels < len(words) && countryLabels[words[labels]] {
		labels++
	}

	if labels == 0 || labels == len(words) {
		return "", false
	}

	// Where two states share a name, the label is what tells them apart.
	if code, ambiguous := plainCountry(strings.Join(words[labels:], " ")); ambiguous && !twoStates[code] {
		return code, true
	}
	return "", false
}

// twoStates are names that more than one state has, told apart by the labels.
var twoStates = setOf("CN", "KR", "KP", "CG", "CD")

func onlyLabels(v string) bool {
	for w := range strings.FieldsSeq(v) {
		if !countryLabels[w] {
			return false
		}
	}
	return v != ""
}

// CountryName returns the English name of a country's code, as MetaKocka is
// sent it; "" for an unknown code.
func CountryName(code string) string {
	code = upperASCII(collapse(code))
	if name, found := countryNames[code]; found {
		return name
	}
	region, ok := parseRegion(code)
	if !ok {
		return ""
	}
	return strings.ReplaceAll(display.English.Regions().Name(region), " & ", " and ")
}

// OtherCountryName returns another English name of the country that a name is of, for
// an ERP that does not know the one; "" where there is none.
func OtherCountryName(name string) string {
	code, ok := ParseCountry(name)
	if !ok || name != CountryName(code) {
		return ""
	}
	region, _ := parseRegion(code)
	if other := display.English.Regions().Name(region); other != name {
		return other
	}
	return ""
}

// countryNames are English names that differ from those of the language tables
// (CLDR 32), which are older than the renaming or longer than people write.
var countryNames = map[string]string{
	"CI": "Ivory Coast", "HK": "Hong Kong", "MK": "North Macedonia", "MM": "Myanmar",
	"MO": "Macao", "PS": "Palestine", "SZ": "Eswatini",
}

// countryAliases are names that people and programs write and that no language
// table has, folded.
var countryAliases = map[string]string{
	"uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
	"northern ireland": "GB", "anglija": "GB", "skotska": "GB",
	"united kingdom of great britain and northern ireland": "GB",
	"zda": "US", "zdruzene drzave": "US", "amerika": "US", "america": "US",
	"united states of america": "US", "sad": "US",
	"slo": "SI", "xkx": "XK", "republika slovenija": "SI", "republic of slovenia": "SI",
	"cro": "HR", "republika hrvatska": "HR", "republic of croatia": "HR",
	"el": "GR", "hellas": "GR", "bosna": "BA", "bosnia": "BA",
	"czech republic": "CZ", "ceska republika": "CZ", "republika ceska": "CZ",
	"slovak republic": "SK", "slovaska republika": "SK", "slovenska republika": "SK",
	"severna makedonija": "MK", "north macedonia": "MK", "republic of north macedonia": "MK", "fyrom": "MK",
	"republika srbija": "RS", "holland": "NL", "the netherlands": "NL",
	"bundesrepublik deutschland": "DE", "federal republic of germany": "DE", "zvezna republika nemcija": "DE",
	"russian federation": "RU", "ruska federacija": "RU", "turkiye": "TR", "ivory coast": "CI", "eswatini": "SZ",
	"hong kong": "HK", "hongkong": "HK", "macao": "MO", "macau": "MO", "burma": "MM",
	"palestine": "PS", "palestina": "PS", "korea": "KR", "republic of korea": "KR",
	"viet nam": "VN", "republic of moldova": "MD", "uae": "AE", "zae": "AE", "emirati": "AE",
	"vatican": "VA", "republika kosovo": "XK", "people's republic of china": "CN", "prc": "CN",
	"irska republika": "IE", "republic of ireland": "IE",
}

// sameSigns are those that are written in several ways.
var sameSigns = strings.NewReplacer("&", " and ", "’", "'", ".", "")

// foldCountry is the form in which names of countries are looked up: lower case,
// no diacritics, one kind of apostrophe, "and" for "&", no dots.
func foldCountry(v string) string {
	v = sameSigns.Replace(v)
	v = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(v))
	return collapse(v)
}

// regionCode reads a folded alpha-2 or alpha-3 code.
func regionCode(folded string) (string, bool) {
	if len(folded) != 2 && len(folded) != 3 {
		return "", false
	}
	region, ok := parseRegion(upperASCII(folded))
	return region.String(), ok
}

// parseRegion reads the code of a country that exists today.
func parseRegion(code string) (language.Region, bool) {
	for _, r := range code {
		if r < 'A' || r > 'Z' {
			return language.Region{}, false
		}
	}
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() || region.Canonicalize() != region || notCountries[region.String()] {
		return language.Region{}, false
	}
	return region, len(region.String()) == 2
}

// notCountries are codes that the tables take for countries and that ISO 3166-1
// never had or has withdrawn. XK stays: it is what everybody writes for Kosovo.
var notCountries = map[string]bool{
	"AC": true, "CP": true, "DG": true, "EA": true, "IC": true, "TA": true, "ZZ": true,
	"EZ": true, "UN": true,
	"AN": true, "CQ": true, "CS": true, "FQ": true, "NT": true, "PC": true, "SU": true, "YU": true,
}

// nearNames are the names of countries in the languages that are met most, a table for
// each: the first one that has a name has it. To make one takes milliseconds, so a name
// of the first languages does not ask for those of the others.
var nearNames = tables("en", "sl", "de", "it", "hr", "hu", "fr", "es", "bs", "sr-Latn")

func tables(languages ...string) (all []func() map[string]string) {
	for _, lang := range languages {
		all = append(all, sync.OnceValue(func() map[string]string {
			names := map[string]string{}
			addNames(names, language.MustParse(lang), func(have, _ string) string { return have })
			return names
		}))
	}
	return all
}

// nearName looks a folded name up in the languages that are met most.
func nearName(folded string) (code string, found bool) {
	for _, names := range nearNames {
		if code, found = names()[folded]; found {
			return code, true
		}
	}
	return "", false
}

// allNames are the names in every language there is a table for. A name that
// means two countries in two languages maps to "".
var allNames = sync.OnceValue(func() map[string]string {
	names := map[string]string{}
	for _, tag := range display.Supported.Tags() {
		addNames(names, tag, func(have, code string) string {
			if have != code {
				return ""
			}
			return have
		})
	}
	return names
})

// addNames adds the names of all countries in one language; clash decides what a
// name that is taken maps to.
func addNames(names map[string]string, tag language.Tag, clash func(have, code string) string) {
	namer := display.Regions(tag)
	if namer == nil {
		return
	}
	for _, region := range regions() {
		code := region.String()
		name := foldCountry(namer.Name(region))
		if name == "" {
			continue
		}
		if have, found := names[name]; found {
			code = clash(have, code)
		}
		names[name] = code
	}
}

// regions lists all countries.
var regions = sync.OnceValue(func() []language.Region {
	var out []language.Region
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if region, ok := parseRegion(string([]rune{a, b})); ok {
				out = append(out, region)
			}
		}
	}
	return out
})
