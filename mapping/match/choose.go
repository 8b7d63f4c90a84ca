package match

import "slices"

// Choice is what follows for whoever looks for its other half.
type Choice struct {
	// Link is the only one it may be; "": there is none.
	Link string
	// Candidates are those of whom a person has to choose; empty: none of them is
	// it. Pair is what it has in common with the first.
	Candidates []string
	Pair       Pair
}

// Choose decides among candidates: the only one with the tax number, else the only
// one with the e-mail. Several, or one of whom it is doubtful, wait for a person
// (invariant 4). So does who has nothing but the e-mail in common with a parted partner.
// The order of the candidates does not matter.
func Choose(who Party, candidates []Party) Choice {
	by := map[Grade][]string{}
	pairs, parted := map[string]Pair{}, map[string]bool{}
	for _, c := range candidates {
		if _, twice := pairs[c.ID]; twice {
			continue
		}
		p := Compare(who, c)
		pairs[c.ID] = p
		parted[c.ID] = c.Parted
		by[p.Grade] = append(by[p.Grade], c.ID)
	}

	// The strongest reason decides, and only one partner with it can be linked.
	for _, grade := range []Grade{ByTax, ByEmail, Doubtful, Proposed} {
		found := by[grade]
		if len(found) == 0 {
			continue
		}
		if grade == ByEmail {
			// A number that may be the same says another one.
			for _, id := range by[Doubtful] {
				if pairs[id].Why == WhyCountry {
					found = append(found, id)
				}
			}
		}

		slices.Sort(found)
		c := Choice{Candidates: found, Pair: pairs[found[0]]}
		switch {
		case len(found) > 1 || grade < ByEmail:
		case grade == ByEmail && (who.Parted || parted[found[0]]):
			c.Pair.Grade, c.Pair.Why = Doubtful, WhyParted
		default:
			c.Link = found[0]
		}
		return c
	}
	return Choice{}
}
