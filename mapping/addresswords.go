package mapping

import "regexp"

// What the parts of an address are told by.

const (
	// sharedPost are the shapes of postal codes that are plain both alone and
	// before a city.
	sharedPost = `\d{4} ?[A-Z]{2}|` + // NL
		`(?:[A-Z]{1,3} ?[-–] ?)?\d{4,7}|[A-Z]{1,2}-\d{3}|` + // 1000, SI-1000, SI - 1000, IS-101
		`\d{3} \d{2}|\d{2}-\d{3}|` + // 110 00 (CZ, SK, SE, GR), 00-950 (PL)
		`(?:[A-Z]{1,3} ?[-–]? ?)?\d{2} \d{3}|` + // 10 000 (HR)
		`\d{4}-\d{3}|\d{5}-\d{3,4}|\d{3}-\d{4}` // PT, BR and US, JP
	british = `(?i:[a-z]{1,2}\d[a-z\d]? ?\d[a-z]{2})`
	// lonePost are those that only a part of its own shows.
	lonePost = `[A-Z]{1,3} ?\d{4,7}|[A-Z]{2} \d{5}-\d{4}|` + // DC 20500, VLT 1117
		british + `|(?i:[a-z]\d[a-z] ?\d[a-z]\d)|` + // GB, CA
		`[A-Z]\d[\dW] ?[A-Z\d]{4}` // IE
	// housePost are those that may stand behind a house number, letters of a
	// country before them included.
	housePost = `(?:[A-Z]{1,3} ?[-–] ?)?\d{4,5}|\d{2} \d{3}|\d{3} \d{2}`
)

var (
	postAlone    = regexp.MustCompile(`^(?:` + sharedPost + `|` + lonePost + `)$`)
	postShort    = regexp.MustCompile(`^\d{3}$`)
	postAmerican = regexp.MustCompile(`^\d{5}(?:-\d{4})?$`)
	postBritish  = regexp.MustCompile(`^` + british + `$`)
	postItalian  = regexp.MustCompile(`^\d{5}$`)

	postThenCity = regexp.MustCompile(`^(` + sharedPost + `|(?:SI|SLO|HR|A|AT|D|I|IT|CH|H|HU) \d{4,5}) (\p{L}.*)$`)
	cityThenPost = regexp.MustCompile(`^(\p{L}\D*?) ((?:[A-Z]{2} )?\d{5}(?:-\d{4})?|(?:[A-Z]{1,3} ?[-–] ?)?\d{4}|` + british + `)$`)
	// streetThenPost is a street with its house number (or without one: b.b.), a
	// postal code and a city in one part.
	streetThenPost = regexp.MustCompile(`^(\p{L}.*? (?:\d+ ?[A-Za-z]?(?: ?[/-] ?\d+ ?[A-Za-z]?)*|b\. ?b\.|bb|n\. ?h\.))` +
		`(?: [-–])? (` + housePost + `) (\p{L}\D*)$`)
)

// looksLikeCity reports whether a part can be a city by itself: it begins with a
// letter and has no house number.
func looksLikeCity(p string) bool {
	return startsWithLetter(p) && !hasDigit(p) && !noCity.MatchString(p)
}

// noCity is a part that says where in a house, or in which box, instead of where.
var noCity = regexp.MustCompile(`(?i)^(?:c/o|p\. ?p\.|pp|poštni predal|p\. ?o\. ?box|po box|postfach|pf\.?|casella postale|c\.p\.|pretinac|p\. ?pr\.)(?:$|[ \d.:])` +
	`|^(?:pritličje|medetaža|klet|mansarda|prizemlje|potkrovlje|erdgeschoss|dachgeschoss|piano terra|ground floor|basement|eg|og|dg)$` +
	`|^(?:stanovanje|stan\.?|apartma|apartman|ap\.|apt\.?|apartment|suite|ste\.|flat|unit|room|soba|blok|objekt|lamela|stopnišče|vhod|ulaz|hala|stiege|top|tür|interno|int\.|scala|kat|nadstropje|etaža|floor)(?: ?[\d#]| ?\pL?$)` +
	`|(?:^| )(?:nadstropje|nadstr\.|nad\.|etaža|kat|floor|stock|obergeschoss|piano)$`)

// streetWord are words for streets, in whole and as ends.
var streetWord = regexp.MustCompile(`(?i)(?:^|[ .])(?:ulica|ul|cesta|c|trg|pot|naselje|drevored|nabrežje|steza|klanec|put|prilaz|avenija` +
	`|street|road|rd|avenue|ave|boulevard|blvd|drive|lane|way|court|square|via|viale|piazza|corso|vicolo|rue|straße|strasse|str|gasse|weg|platz|allee)(?:$|[ .])` +
	`|(?:straße|strasse|str\.|gasse|weg|platz|allee)(?:$| )|(?:^| )st\.?$`)

// streetEnd are the endings of streets that are named without a word for one:
// Slovenska, Prešernova.
var streetEnd = regexp.MustCompile(`(?i)(?:ska|ška|ova|eva)$`)

// isStreet reports whether a text without a house number is a street.
func isStreet(v string) bool { return streetWord.MatchString(v) || streetEnd.MatchString(v) }

func setOf(words ...string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}

// postLetters stand before postal codes for a country.
var postLetters = setOf("SI", "SLO", "HR", "CRO", "A", "AT", "D", "DE", "I", "IT", "CH", "FL", "H", "HU", "F", "FR", "B", "BE", "L", "LU", "NL",
	"E", "ES", "P", "PT", "DK", "S", "SE", "N", "NO", "FI", "FIN", "CZ", "SK", "PL", "RS", "SRB", "BA", "BIH", "ME", "MNE", "MK", "NMK", "XK", "AL",
	"BG", "RO", "GR", "EL", "CY", "MT", "EE", "EST", "LV", "LT", "UA", "MD", "TR", "GB", "US", "USA")

// americanStates are what stands between an American city and its postal code.
var americanStates = setOf("AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS", "KY", "LA", "ME",
	"MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX",
	"UT", "VT", "VA", "WA", "WV", "WI", "WY", "PR")

// italianProvinces stand behind an Italian city.
var italianProvinces = setOf("AG", "AL", "AN", "AO", "AP", "AQ", "AR", "AT", "AV", "BA", "BG", "BI", "BL", "BN", "BO", "BR", "BS", "BT", "BZ", "CA",
	"CB", "CE", "CH", "CL", "CN", "CO", "CR", "CS", "CT", "CZ", "EN", "FC", "FE", "FG", "FI", "FM", "FR", "GE", "GO", "GR", "IM", "IS", "KR", "LC",
	"LE", "LI", "LO", "LT", "LU", "MB", "MC", "ME", "MI", "MN", "MO", "MS", "MT", "NA", "NO", "NU", "OR", "PA", "PC", "PD", "PE", "PG", "PI", "PN",
	"PO", "PR", "PT", "PU", "PV", "PZ", "RA", "RC", "RE", "RG", "RI", "RM", "RN", "RO", "SA", "SI", "SO", "SP", "SR", "SS", "SU", "SV", "TA", "TE",
	"TN", "TO", "TP", "TR", "TS", "TV", "UD", "VA", "VB", "VC", "VE", "VI", "VR", "VT", "VV")

// cityStates are countries that a city is called like.
var cityStates = setOf("LU", "SG", "MC", "SM", "VA", "GI", "DJ", "KW", "PA", "GT", "HK", "MO", "MX")
