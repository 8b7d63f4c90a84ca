package mapping

import "slices"

// Freed names the keys that may have become free with a link: it joins nothing any
// more, has another partner, or one of its sides has other keys.
func Freed(was, now Link) []string {
	old, base := was.BaseOr(Base{}), now.BaseOr(Base{})
	same := func(a, b Contact) bool { return slices.Equal(Keys(a).All(), Keys(b).All()) }
	given := was.Status.Alive() && !now.Status.Alive() || was.MetaKockaID != now.MetaKockaID
	moved := was.Base != nil && now.Base != nil && (!same(old.CRM, base.CRM) || !same(old.Partner, base.Partner))
	if !given && !moved {
		return nil
	}
	names := slices.Concat(was.HeldKeys, Keys(old.CRM).All(), Keys(old.Partner).All())
	if was.Intent != nil {
		sent, _ := FromPartner(was.Intent.Partner)
		names = append(names, Keys(sent).All()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
