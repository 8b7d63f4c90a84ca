package store

import (
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
)

// WaitFor is the key by which a contact is held for the sake of another that has no
// partner: that one's keys are stored nowhere.
func WaitFor(contactID string) string { return "contact " + contactID }

// WaitsFor is the contact that a key names which WaitFor made.
func WaitsFor(key string) (contactID string, ok bool) { return strings.CutPrefix(key, WaitFor("")) }

// Freed names the keys that may have become free with a link: it joins nothing any
// more, has another partner, or one of its sides has other keys.
func Freed(was, now Link) []string {
	old, base := was.BaseOr(mapping.Base{}), now.BaseOr(mapping.Base{})
	same := func(a, b mapping.Contact) bool { return slices.Equal(mapping.Keys(a).All(), mapping.Keys(b).All()) }
	given := was.Status.Alive() && !now.Status.Alive() || was.MetaKockaID != now.MetaKockaID
	moved := was.Base != nil && now.Base != nil && (!same(old.CRM, base.CRM) || !same(old.Partner, base.Partner))
	if !given && !moved {
		return nil
	}
	names := slices.Concat(was.HeldKeys, mapping.Keys(old.CRM).All(), mapping.Keys(old.Partner).All())
	if was.Intent != nil {
		names = append(names, mapping.Keys(was.Intent.Creates()).All()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
