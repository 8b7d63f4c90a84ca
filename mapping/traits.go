package mapping

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// traits are what a contact is compared by: canonical values, and names without
// case, diacritics, order of words and legal forms.
type traits struct {
	tax, email, phone, street, city, country string // tax: without letters; a placeholder is none

	mailbox         bool // the e-mail is nobody's in particular
	person, company name

	emails, phones int // how many share them
}

// name is a folded name, its words in order, and the trigrams it is made of.
type name struct {
	text  string
	grams []uint64
}

func traitsOf(c Contact) *traits {
	c = c.Clean()
	address := ParseAddress(Canonical(FieldAddress, c.Address))

	t := &traits{
		email: Canonical(FieldEmail, c.Email), phone: Canonical(FieldPhone, c.Phone),
		street: folded(address.Street), city: folded(address.City), country: c.Country,
		person: nameOf(c.Name), company: nameOf(c.CompanyName),
	}

	if t.city == "" {
		t.city = folded(address.PostNumber)
	}

	if tax := ReadTax(c.TaxNumber, c.Country); !tax.Placeholder() {
		t.tax = tax.Number
	}

	if len(Emails(c.Email)) == 0 {
		t.email = "" // words in place of one
	}

	t.mailbox = SharedMailbox(t.email)
	if d, ok := dial(c.Phone); ok && d.number != "" && patterned(strings.TrimPrefix(d.number, "+")) {
		t.phone = "" // 00000000 is nobody's
	}
	return t
}

// mailboxes are e-mail addresses, before the @, that several people of a company
// share.
var mailboxes = []string{
	"info", "office", "mail", "email", "post", "posta", "kontakt", "contact", "hello", "pozdravljeni", "admin", "sales", "prodaja",
	"nabava", "narocila", "orders", "racuni", "racunovodstvo", "invoice", "invoices", "billing", "accounting", "finance",
	"support", "podpora", "service", "servis", "tajnistvo", "uprava", "pisarna", "recepcija", "reception", "team", "noreply", "no-reply",
}

// keyKind says what two contacts have in common that have a key in common.
type keyKind uint8

const (
	keyTax keyKind = iota
	keyEmail
	keyPhone
	keyStreet
	keyName
)

// keySeed makes keys of texts; two texts with one key are compared for nothing.
var keySeed = maphash.MakeSeed()

// keys adds what a contact is found by: who has none of them in common with
// another is not its duplicate.
func (t *traits) keys(keys []keyed, at int32) []keyed {
	add := func(kind keyKind, value, more string) {
		if value != "" {
			keys = append(keys, keyed{maphash.String(keySeed, value+"|"+more), kind, at})
		}
	}
	add(keyTax, t.tax, "")
	add(keyEmail, t.email, "")
	add(keyPhone, t.phone, "")
	if t.city == "" {
		return keys
	}
	add(keyStreet, t.street, t.city)
	add(keyName, t.person.initials(), t.city)
	if t.company.text != t.person.text {
		add(keyName, t.company.initials(), t.city)
	}
	return keys
}

// compare puts contacts in the order of their names.
func (t *traits) compare(other *traits) int {
	return cmp.Or(strings.Compare(t.company.text, other.company.text), strings.Compare(t.person.text, other.person.text))
}

// nameLike is how alike two contacts' names are, from 0 to 1. Two people of one
// company are two; a person may be written as a company or the other way round.
func (t *traits) nameLike(other *traits) float64 {
	people := t.person.like(other.person)
	switch companies := t.company.text != "" && other.company.text != ""; {
	case companies && (t.person.text == "" || other.person.text == ""):
		return t.company.like(other.company)
	case companies:
		return (people + t.company.like(other.company)) / 2
	case t.company.text != "":
		return max(people, t.company.like(other.person))
	case other.company.text != "":
		return max(people, t.person.like(other.company))
	}
	return people
}

func nameOf(v string) name {
	n := name{text: foldedName(v)}
	const letter = 21 // bits
	for word := range strings.SplitSeq(n.text, " ") {
		gram := uint64(' ')<<letter | ' '
		for _, r := range word {
			gram = (gram<<letter | uint64(r)) & (1<<(3*letter) - 1)
			n.grams = append(n.grams, gram)
		}
		if word != "" {
			n.grams = append(n.grams, (gram<<letter|' ')&(1<<(3*letter)-1))
		}
	}
	slices.Sort(n.grams)
	n.grams = slices.Compact(n.grams)
	return n
}

// like is how many trigrams two names share, of all they have.
func (n name) like(other name) float64 {
	if n.text == "" || other.text == "" {
		return 0
	}
	if n.text == other.text {
		return 1
	}
	both := 0
	for i, j := 0, 0; i < len(n.grams) && j < len(other.grams); {
		switch cmp.Compare(n.grams[i], other.grams[j]) {
		case 0:
			both, i, j = both+1, i+1, j+1
		case -1:
			i++
		default:
			j++
		}
	}
	return min(2*float64(both)/float64(len(n.grams)+len(other.grams)), 0.99)
}

// initials are the first two letters of each word.
func (n name) initials() string {
	if n.text == "" {
		return ""
	}
	var b strings.Builder
	for word := range strings.SplitSeq(n.text, " ") {
		r := []rune(word)
		b.WriteString(string(r[:min(len(r), 2)]) + " ")
	}
	return b.String()
}

// plainLetters are letters that are no base letter with a mark.
var plainLetters = strings.NewReplacer("đ", "d", "ł", "l", "ø", "o", "ß", "ss", "æ", "ae", "œ", "oe", "ı", "i")

// folded is a text in lower case, without diacritics and punctuation.
func folded(v string) string {
	v = plainLetters.Replace(strings.ToLower(norm.NFKC.String(v)))
	v = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r) || r == '.' || r == '\'' || r == '’':
			return -1
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return r
		}
		return ' '
	}, norm.NFKD.String(v))
	return collapse(v)
}

// legalForms say what kind of company it is, and are left out as often as not.
var legalForms = map[string]bool{
	"doo": true, "dd": true, "sp": true, "dno": true, "zoo": true, "jdoo": true, "gmbh": true, "ag": true, "kg": true, "ohg": true,
	"ltd": true, "llc": true, "inc": true, "plc": true, "srl": true, "spa": true, "sas": true, "sro": true, "bv": true, "nv": true, "kft": true,
}

// foldedName is a folded name with its words in order, without legal forms where
// something is left: "d. o. o." is one of them, too.
func foldedName(v string) string {
	var words []string
	letters := ""
	flush := func() {
		if letters != "" {
			words = append(words, letters)
		}
		letters = ""
	}

	for word := range strings.SplitSeq(folded(v), " ") {
		if len([]rune(word)) == 1 {
			letters += word
			continue
		}
		flush()
		words = append(words, word)
	}
	flush()

	// Without its legal form, unless that is all there is.
	named := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" || legalForms[w] })
	if len(named) > 0 {
		words = named
	}

	slices.Sort(words)
	return strings.Join(words, " ")
}
