package mapping

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Party is one of those among whom likely duplicates are looked for.
type Party struct {
	ID      string
	Contact Contact
}

// Duplicate is a pair that is likely the same person or company. Score is from
// LeastScore to 100; the ids are in their order.
type Duplicate struct {
	ID, Other string
	Score     int
	Reasons   []string
}

// LeastScore is what a pair needs to be a likely duplicate.
const LeastScore = 25

// Likeness judges two contacts by themselves, without regard to how many share
// what they share. It is symmetric, and formatting does not matter. Two different
// tax numbers are never the same.
func Likeness(a, b Contact) (score int, reasons []string) {
	return likeness(traitsOf(a), traitsOf(b), 2, 2)
}

// The weight of what two share. They are joined as independent hints are: each
// takes its share of the doubt that is left.
const (
	weightTax      = 0.85
	weightEmail    = 0.65
	weightMailbox  = 0.25 // info@ and the like
	weightPhone    = 0.45
	weightStreet   = 0.25 // counts only with a similar name
	weightCity     = 0.05 // likewise
	weightName     = 0.70 // of an equal name, beside something else than the city
	weightNameCity = 0.40
	similarName    = 0.75 // from here on names are alike
	otherCountry   = 0.70 // of the score, where the countries differ
)

// crowd is how many may share an e-mail or a phone for it to say anything.
const crowd = 10

// shared is what is left of a weight when n share the value.
func shared(weight float64, n int) float64 {
	switch {
	case n > crowd:
		return 0
	case n > 2:
		return weight * 2 / float64(n)
	}
	return weight
}

// doubt is what remains of it, and why.
type doubt struct {
	left    float64
	reasons []string
}

func (d *doubt) hint(weight float64, reason string) {
	if weight > 0 {
		d.left *= 1 - weight
		d.reasons = append(d.reasons, reason)
	}
}

// likeness is Likeness of prepared contacts whose e-mail and phone, where they are
// the same, so many share.
func likeness(a, b *traits, emails, phones int) (int, []string) {
	if a.tax != "" && b.tax != "" && a.tax != b.tax {
		return 0, nil
	}
	d := doubt{left: 1}
	name := a.nameLike(b)
	if same(a.tax, b.tax) {
		d.hint(weightTax, "same tax number")
	}
	if same(a.email, b.email) {
		weight := shared(weightEmail, emails)
		if a.mailbox && name < similarName {
			weight = shared(weightMailbox, emails)
		}
		d.hint(weight, "same e-mail")
	}
	if same(a.phone, b.phone) {
		d.hint(shared(weightPhone, phones), "same phone")
	}
	d.byName(a, b, name)
	score := 1 - d.left
	if a.country != "" && b.country != "" && a.country != b.country {
		score *= otherCountry
	}
	if rounded := int(math.Round(100 * score)); rounded >= LeastScore {
		return rounded, d.reasons
	}
	return 0, nil
}

// byName adds what a similar name says beside the rest, and the address with it. A
// name alone says nothing: there are many of the same.
func (d *doubt) byName(a, b *traits, name float64) {
	if name < similarName {
		return
	}
	weight := weightName
	switch strong := d.left < 1; {
	case same(a.street, b.street) && same(a.city, b.city):
		d.hint(weightStreet, "same address")
	case same(a.city, b.city):
		d.hint(weightCity, "same city")
		if !strong {
			weight = weightNameCity
		}
	case !strong:
		return
	}
	reason := "similar name"
	if name == 1 {
		reason = "same name"
	}
	d.hint(weight*name, reason)
}

func same(a, b string) bool { return a != "" && a == b }

// window is with how many neighbours, by name, one of a large group is compared.
const window = 10

// Duplicates finds the likely duplicates, the likeliest first. Only those are
// compared that share something, and in a large group only neighbours, so the work
// grows with their number and not with its square.
func Duplicates(parties []Party) []Duplicate {
	all := make([]*traits, len(parties))
	groups := map[string][]int32{}
	for i, p := range parties {
		all[i] = traitsOf(p.Contact)
		for _, key := range all[i].keys() {
			groups[key] = append(groups[key], int32(i))
		}
	}
	found := map[[2]int32]Duplicate{}
	for key, members := range groups {
		if len(members) < 2 || len(members) > crowd && (strings.HasPrefix(key, keyEmail) || strings.HasPrefix(key, keyPhone)) {
			continue
		}
		slices.SortFunc(members, func(a, b int32) int {
			return cmp.Or(cmp.Compare(all[a].sorted(), all[b].sorted()), cmp.Compare(parties[a].ID, parties[b].ID))
		})
		for i, one := range members {
			for _, other := range members[i+1 : min(len(members), i+1+window)] {
				pair(found, parties, all, groups, one, other)
			}
		}
	}
	return ranked(found)
}

// pair judges two parties once.
func pair(found map[[2]int32]Duplicate, parties []Party, all []*traits, groups map[string][]int32, one, other int32) {
	if parties[one].ID > parties[other].ID {
		one, other = other, one
	}
	if _, known := found[[2]int32{one, other}]; known || parties[one].ID == parties[other].ID {
		return
	}
	a, b := all[one], all[other]
	score, reasons := likeness(a, b, len(groups[keyEmail+a.email]), len(groups[keyPhone+a.phone]))
	if score > 0 {
		found[[2]int32{one, other}] = Duplicate{ID: parties[one].ID, Other: parties[other].ID, Score: score, Reasons: reasons}
	}
}

func ranked(found map[[2]int32]Duplicate) []Duplicate {
	all := make([]Duplicate, 0, len(found))
	for _, d := range found {
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b Duplicate) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Other, b.Other))
	})
	return all
}
