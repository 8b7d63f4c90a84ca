package match

import (
	"slices"

	"github.com/crmmind/mksync/mapping"
)

// Grade is how much says that two are one.
type Grade int

// The grades, from the weakest. Only the last two link.
const (
	Strangers Grade = iota // nothing does
	Proposed               // name and address do
	Doubtful               // a key does that says little, or keys disagree
	ByEmail
	ByTax
)

// Why says what is doubtful about a pair, or what proposes it.
type Why string

// Reasons of doubt and of a proposal.
const (
	WhyCountry    Why = "country"     // one number, and perhaps of two countries
	WhyCheckDigit Why = "check digit" // the number's is wrong, and nothing else agrees
	WhyNumbers    Why = "numbers"     // one e-mail or name, and two numbers
	WhyMailbox    Why = "mailbox"     // a shared one, and nothing else agrees
	WhyFurther    Why = "further"     // the e-mail of a further contact person
	WhyParted     Why = "parted"      // a partner that a person parted from another contact
	WhyName       Why = "name"        // name and address, or phone
)

// Party is one of those who are matched.
type Party struct {
	ID string
	Is mapping.Contact
	// Others are the e-mails of a partner's further contact persons, as written.
	Others []string
	// Parted: a partner that a person parted from the contact it was linked with, whose
	// data it may hold.
	Parted bool
}

// Pair is what two have in common.
type Pair struct {
	Grade Grade
	Why   Why // of Doubtful and Proposed
	// Key is the tax number or the e-mail that they share; "" where neither is.
	Key mapping.Field
}

// nearlyEqual is how alike names have to be to propose, with an address.
const nearlyEqual = 0.9

// Compare says what a contact and a partner, or two contacts, have in common. It
// is symmetric but for a partner's further persons.
func Compare(one, other Party) Pair {
	a, b := number(one.Is), number(other.Is)
	same, sure := a.Same(b)
	mistyped := a.Number != "" && a.Doubtful() || b.Number != "" && b.Doubtful()

	// A number says who it is, unless it may be mistyped or of another country.
	const key = mapping.FieldTaxNumber
	switch {
	case same && !sure:
		return Pair{Doubtful, WhyCountry, key}
	case same && !mistyped:
		return Pair{Grade: ByTax, Key: key}
	}
	own, further := sharedEmail(one, other)
	like := mapping.Liken(one.Is, other.Is)
	switch {
	case same && own == "" && !like.Alike():
		return Pair{Doubtful, WhyCheckDigit, key}
	case same:
		return Pair{Grade: ByTax, Key: key}
	}

	// Two numbers are two subjects, whatever their e-mail; but a mistyped one is
	// perhaps the other.
	two := a.Number != "" && b.Number != ""
	if two && !mistyped {
		if like.Name >= nearlyEqual && (own != "" || like.Street && like.City) {
			return Pair{Grade: Proposed, Why: WhyNumbers}
		}
		return Pair{}
	}
	return byEmail(own, further, two, like, named(one.Is, other.Is, like))
}

// byEmail judges what the numbers do not say; name is what the rest proposes.
func byEmail(own string, further, two bool, like mapping.Likeness, name Pair) Pair {
	const key = mapping.FieldEmail
	switch {
	case own == "" && !further:
		return name
	case two:
		return Pair{Doubtful, WhyNumbers, key}
	case own == "":
		return Pair{Doubtful, WhyFurther, key}
	case mapping.SharedMailbox(own) && !like.Alike():
		return Pair{Doubtful, WhyMailbox, key}
	}
	return Pair{Grade: ByEmail, Key: key}
}

// named proposes by name, beside an address or a phone. Of two people of one name in
// one town, two e-mails say that they are two.
func named(one, other mapping.Contact, like mapping.Likeness) Pair {
	otherEmail := one.Email != "" && other.Email != ""
	switch {
	case like.Name >= nearlyEqual && (like.Phone || like.Street && like.City),
		like.Name == 1 && like.City && !otherEmail,
		like.Name == 1 && like.Company && !like.OtherCity:
		return Pair{Grade: Proposed, Why: WhyName}
	}
	return Pair{}
}

// number is a contact's tax number; a placeholder is none.
func number(c mapping.Contact) mapping.TaxID {
	id := mapping.ReadTax(c.TaxNumber, c.Country)
	if id.Placeholder() {
		return mapping.TaxID{}
	}
	return id
}

// sharedEmail is an e-mail that both have as their own, a personal one before a
// shared mailbox; further: one has that of a further person of the other.
func sharedEmail(one, other Party) (own string, further bool) {
	mine, theirs := mapping.Emails(one.Is.Email), mapping.Emails(other.Is.Email)
	for _, e := range mine {
		if slices.Contains(theirs, e) && (own == "" || mapping.SharedMailbox(own)) {
			own = e
		}
	}
	others := func(p Party) (all []string) {
		for _, e := range p.Others {
			all = append(all, mapping.Emails(e)...)
		}
		return all
	}
	further = intersect(mine, others(other)) || intersect(theirs, others(one))
	return own, further
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(v string) bool { return slices.Contains(b, v) })
}

// KeysForm counts how often Keys came to make others than before: what is stored of
// another form is made anew.
const KeysForm = 2

// Keys are what a party is found by. Two that Compare takes for more than
// strangers share one of them.
func Keys(p Party) mapping.MatchKeys {
	k := mapping.Keys(p.Is)
	for _, e := range p.Others {
		k.Emails = append(k.Emails, mapping.Emails(e)...)
	}
	slices.Sort(k.Emails)
	k.Emails = slices.Compact(k.Emails)
	return k
}
