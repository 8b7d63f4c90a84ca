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
	if side == "" {
		return k.link.Overrides
	}
	sides := map[mapping.Field]mapping.Side{}
	base := *k.link.Base
	for _, f := range mapping.Fields() {
		crm, partner := k.st.Contact.Get(f), got.Get(f)
		agreed := base != (mapping.Base{}) && mapping.Equal(f, crm, base.CRM.Get(f)) && mapping.Equal(f, partner, base.Partner.Get(f))
		if !mapping.Equal(f, crm, partner) && !agreed {
			sides[f] = side
		}
	}
	return sides
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
	p := k.policy()
	if k.t.Authority != AuthorityNewest {
		return p
	}
	for f, rule := range p.Fields {
		rule.Rule = mapping.RuleNewest
		p.Fields[f] = rule
	}
	return p
}
