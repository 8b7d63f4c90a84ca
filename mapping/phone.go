package mapping

import (
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// homeRegion is the country in whose plan a number without a country code is
// read, and outside of which a partner is foreign.
const homeRegion = "SI"

var (
	phoneExtension = regexp.MustCompile(`(?i)\s*[,;]?\s*(?:ext=|ext\.?|int\.?|interna|x|#)\s*(\d{1,8})$`)
	phoneLabel     = regexp.MustCompile(`(?i)^(?:tel|telefon|gsm|mob|mobitel|mobile|phone)\b[.:\s]*`)
	phoneShape     = regexp.MustCompile(`^[\s(]*\+?[\d\s()\[\]./\\‐-―−-]*\d[\d\s()\[\]./\\‐-―−-]*$`)
)

// dialled is a number as it is dialled: an optional + and digits, and the
// extension's digits.
type dialled struct{ number, ext string }

// dial reads what is dialled out of a number as written; false for text that is
// not one number (two numbers, words).
func dial(v string) (dialled, bool) {
	v = collapse(v)
	ext := ""
	if m := phoneExtension.FindStringSubmatchIndex(v); m != nil {
		v, ext = v[:m[0]], v[m[2]:m[3]]
	}
	v = phoneLabel.ReplaceAllString(v, "")
	if !phoneShape.MatchString(v) {
		return dialled{}, false
	}
	plus := strings.Contains(v, "+")
	number := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, v)
	if plus {
		number = "+" + number
	}
	return dialled{number, ext}, true
}

// String returns the number with its extension as RFC 3966 writes it.
func (d dialled) String() string {
	if d.ext == "" {
		return d.number
	}
	return d.number + ";ext=" + d.ext
}

// parse reads the number in its country's plan; false where the length fits no
// number there. Lengths are asked, not ranges: ranges are opened faster than
// anybody's tables.
func (d dialled) parse() (*phonenumbers.PhoneNumber, bool) { return d.in(homeRegion) }

// in is parse for a national number of some country.
func (d dialled) in(region string) (*phonenumbers.PhoneNumber, bool) {
	n, err := phonenumbers.Parse(d.number, region)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return nil, false
	}
	return n, true
}

// e164 returns the number with + and country code; false where it cannot be
// read, or reads differently a second time.
func (d dialled) e164() (string, bool) {
	n, ok := d.parse()
	if !ok {
		return "", false
	}
	out := phonenumbers.Format(n, phonenumbers.E164)
	again, ok := dialled{number: out}.parse()
	if !ok || phonenumbers.Format(again, phonenumbers.E164) != out {
		return "", false
	}
	return out, true
}

// canonicalPhone is Canonical for phones.
func canonicalPhone(v string) string {
	d, ok := dial(v)
	if !ok {
		return collapse(v)
	}
	if out, ok := d.e164(); ok {
		d.number = out
	}
	return d.String()
}

// isMobile reports whether the number is certainly a mobile one, a national one in
// the plan of a country ("": Slovenia).
func isMobile(v, country string) bool {
	d, ok := dial(v)
	if !ok {
		return false
	}
	n, ok := d.in(first(country, homeRegion))
	return ok && phonenumbers.GetNumberType(n) == phonenumbers.MOBILE
}
