package syncer

import "github.com/crmmind/mksync/mapping"

// Authority says whose value wins in every field that differs; "" leaves that to
// the merge.
type Authority string

// The authorities of a replay.
const (
	AuthorityCRM       Authority = "crm"
	AuthorityMetaKocka Authority = "metakocka"
	AuthorityNewest    Authority = "newest" // what changed last, by the merge's rule newest
)

// Valid reports whether the authority is a known one, or none.
func (a Authority) Valid() bool {
	return a == "" || a == AuthorityCRM || a == AuthorityMetaKocka || a == AuthorityNewest
}

// overrides are the sides that win by decision: a person's, or with an authority
// that side in every field that differs, whatever the base says. What one side
// did not keep when they last agreed is no difference.
func (k *task) overrides(got mapping.Contact) map[mapping.Field]mapping.Side {
	side := k.winner()
	sides := map[mapping.Field]mapping.Side{}
	if side == "" {
		k.lapse(got)
		for f, d := range k.link.Overrides {
			sides[f] = d.Take
		}
		return sides
	}
	base := *k.link.Base
	for _, f := range mapping.Fields() {
		crm, partner := k.st.Contact.Get(f), got.Get(f)
		agreed := mapping.Equal(f, crm, base.CRM.Get(f)) && mapping.Equal(f, partner, base.Partner.Get(f))
		if !mapping.Equal(f, crm, partner) && !agreed {
			sides[f] = side
		}
	}
	return sides
}

// lapse drops the decisions that were made on other values than there are now: nobody has
// seen what they would replace.
func (k *task) lapse(got mapping.Contact) {
	for f, d := range k.link.Overrides {
		if !d.Holds(f, k.st.Contact.Get(f), got.Get(f)) {
			delete(k.link.Overrides, f)
			k.lapsed = append(k.lapsed, f)
		}
	}
}

func (k *task) winner() mapping.Side {
	switch k.t.Authority {
	case AuthorityCRM:
		return mapping.SideCRM
	case AuthorityMetaKocka:
		return mapping.SideMetaKocka
	case AuthorityNewest:
	}
	return ""
}

// mergePolicy is the policy, with the rule of the authority where one side alone
// does not win.
func (k *task) mergePolicy() mapping.Policy {
	p := k.Policy()
	if k.t.Authority != AuthorityNewest {
		return p
	}
	for f, rule := range p.Fields {
		rule.Rule = mapping.RuleNewest
		p.Fields[f] = rule
	}
	return p
}
