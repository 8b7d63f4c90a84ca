package match

import "github.com/crmmind/mksync/mapping/store"

// OfPartner is the decision on one partner that nobody holds among the contacts that share
// a key with it, in the order of their ids: what a plan decides that knows of nobody else.
func OfPartner(p Party, contacts []store.MatchContact) Decision {
	one := Partner{Party: p}
	d := NewPlan(contacts, []Partner{one}).Partner(one)
	if d.Verdict != VerdictAmbiguous || d.leftOut {
		return d
	}

	// Whoever asks for one partner is told what to do with it.
	parties := map[bool][]Party{}
	for _, c := range contacts {
		party := Party{ID: c.ID, Is: c.Contact}
		parties[bystands(c)] = append(parties[bystands(c)], party)
	}
	for _, bystand := range []bool{false, true} {
		if c := Choose(p, parties[bystand]); len(c.Candidates) > 0 {
			if c.Link == "" {
				d.because(WhichContact(p.ID, c))
			}
			break
		}
	}
	return d
}

// bystands reports whether a contact takes no partner that it matches by itself: it is left
// out, it had one, or one is just being made for it.
func bystands(c store.MatchContact) bool {
	switch {
	case c.LeftOut, c.Status == store.StatusUnlinked:
		return true
	case c.MetaKockaID == "":
		return c.Unresolved
	}
	return c.Status == store.StatusDeleted
}
