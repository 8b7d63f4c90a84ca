package syncer

import (
	"context"

	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
)

// A contact whose match waits for a person is not held for ever: whatever frees a
// partner or a key has those looked at again that were held for it. The store marks
// them, in the transaction that frees, and work.Reviewer reconciles what is marked.

// heldMatch leaves a contact's match to a person, until something changes that has one
// of its keys.
func (k *task) heldMatch(ctx context.Context, reason string) error {
	k.link.HeldKeys = match.Keys(k.party()).All()
	return k.settle(ctx, store.StatusHeld, reason, store.Change{})
}

// given takes a partner from a contact that the filter leaves out: a soft deletion, say,
// whose customer is entered anew.
func (k *task) given(ctx context.Context, metakockaIDs ...string) (bool, error) {
	for _, id := range metakockaIDs {
		if given, err := k.links.GiveUp(ctx, id, k.id); given || err != nil {
			return given, err
		}
	}
	return false, nil
}

// freed are the keys that the contact's link no longer has as it is stored next.
func (k *task) freed() []string {
	if k.st.Link == nil {
		return nil
	}
	return store.Freed(*k.st.Link, k.link)
}
