package mapping

import (
	"cmp"
	"math"
	"slices"
)

// Party is one of those among whom likely duplicates are looked for.
type Party struct {
	ID      string
	Contact Contact
	// Settled: two of these are no pair. What is linked is compared on the other
	// side.
	Settled bool
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

// The weight of what two share. They are joined as independent hints are: each
// takes its share of the doubt that is left.
const (
	weightTax      = 0.85
	weightEmail    = 0.65
	weightMailbox  = 0.20 // info@ and the like: too little by itself
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

// likeness judges two contacts whose e-mail and phone, where they are the same, so
// many share. It is symmetric, and formatting does not matter. Two different tax
// numbers are never the same.
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
		if !strong && name < 1 {
			return
		}
		if !strong {
			weight = weightNameCity
		}
		d.hint(weightCity, "same city")
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

// keyed is one of a contact's keys.
type keyed struct {
	key  uint64
	kind keyKind
	at   int32
}

// judged is a pair and its score; the reasons are found again where it is shown.
type judged struct {
	one, other int32
	score      int8
}

// Duplicates finds the likely duplicates, the likeliest first: at most so many of
// them, and how many there are. Only those are compared that share something, and
// in a large group only neighbours, so the work grows with their number and not
// with its square. Of whom two says that they are two, where it is given, there is no pair.
func Duplicates(parties []Party, most int, two func(id, other string) bool) (likeliest []Duplicate, total int) {
	s := search{parties: parties, two: two, all: make([]*traits, len(parties)), seen: map[uint64]bool{}}
	var keys []keyed
	for i, p := range parties {
		s.all[i] = traitsOf(p.Contact)
		keys = s.all[i].keys(keys, int32(i))
	}
	slices.SortFunc(keys, func(a, b keyed) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.key, b.key), cmp.Compare(a.at, b.at))
	})
	groups := groupsOf(keys)
	for _, g := range groups {
		s.count(g)
	}
	for _, g := range groups {
		s.compare(g)
	}
	return s.ranked(most), len(s.found)
}

// groupsOf are the runs of equal keys that two or more have.
func groupsOf(keys []keyed) (groups [][]keyed) {
	for from := 0; from < len(keys); {
		to := from + 1
		for to < len(keys) && keys[to].key == keys[from].key && keys[to].kind == keys[from].kind {
			to++
		}
		if to-from > 1 {
			groups = append(groups, keys[from:to])
		}
		from = to
	}
	return groups
}

// search is one search for duplicates.
type search struct {
	parties []Party
	two     func(id, other string) bool // nil: it says so of none
	all     []*traits
	seen    map[uint64]bool
	found   []judged
}

// count notes how many share an e-mail or a phone.
func (s *search) count(group []keyed) {
	for _, k := range group {
		switch k.kind {
		case keyEmail:
			s.all[k.at].emails = len(group)
		case keyPhone:
			s.all[k.at].phones = len(group)
		case keyTax, keyStreet, keyName:
		}
	}
}

// compare judges a group's pairs of neighbours.
func (s *search) compare(group []keyed) {
	if kind := group[0].kind; len(group) > crowd && (kind == keyEmail || kind == keyPhone) {
		return
	}
	slices.SortFunc(group, func(a, b keyed) int {
		return cmp.Or(s.all[a.at].compare(s.all[b.at]), cmp.Compare(s.parties[a.at].ID, s.parties[b.at].ID))
	})
	for i, one := range group {
		for _, other := range group[i+1 : min(len(group), i+1+window)] {
			s.pair(one.at, other.at)
		}
	}
}

// pair judges two parties once.
func (s *search) pair(one, other int32) {
	if s.parties[one].ID > s.parties[other].ID {
		one, other = other, one
	}
	a, b := s.parties[one], s.parties[other]
	if a.ID == b.ID || a.Settled && b.Settled || s.two != nil && s.two(a.ID, b.ID) {
		return
	}
	score, _ := s.judge(one, other)
	if key := uint64(one)<<32 | uint64(other); score > 0 && !s.seen[key] {
		s.seen[key] = true
		s.found = append(s.found, judged{one, other, int8(score)})
	}
}

func (s *search) judge(one, other int32) (int, []string) {
	a, b := s.all[one], s.all[other]
	return likeness(a, b, a.emails, a.phones)
}

func (s *search) ranked(most int) []Duplicate {
	id := func(at int32) string { return s.parties[at].ID }
	slices.SortFunc(s.found, func(a, b judged) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(id(a.one), id(b.one)), cmp.Compare(id(a.other), id(b.other)))
	})
	out := make([]Duplicate, min(most, len(s.found)))
	for i := range out {
		j := s.found[i]
		_, reasons := s.judge(j.one, j.other)
		out[i] = Duplicate{ID: id(j.one), Other: id(j.other), Score: int(j.score), Reasons: reasons}
	}
	return out
}
