package mapping

import "slices"

// Keys are what a contact and a partner are matched by.
func Keys(c Contact) MatchKeys {
	return MatchKeys{TaxNumber: Canonical(FieldTaxNumber, c.TaxNumber), Email: Canonical(FieldEmail, c.Email)}
}

// Freed names the keys that may have become free with a link: it joins nothing any
// more, has another partner, or one of its sides has other keys.
func Freed(was, now Link) []string {
	old, base := was.BaseOr(Base{}), now.BaseOr(Base{})
	given := was.Status.Alive() && !now.Status.Alive() || was.MetaKockaID != now.MetaKockaID
	moved := was.Base != nil && now.Base != nil && (Keys(old.CRM) != Keys(base.CRM) || Keys(old.Partner) != Keys(base.Partner))
	if !given && !moved {
		return nil
	}
	names := slices.Concat(was.HeldKeys, Keys(old.CRM).Names(), Keys(old.Partner).Names())
	if was.Intent != nil {
		sent, _ := FromPartner(was.Intent.Partner)
		names = append(names, Keys(sent).Names()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
