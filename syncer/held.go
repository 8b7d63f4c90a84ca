package syncer

import (
	"context"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
)

// A contact whose match waits for a person is not held for ever: whatever frees a
// partner or a key has those looked at again that were held for it. The store marks
// them, in the transaction that frees, and work.Reviewer reconciles what is marked.

// heldMatch leaves a contact's match to a person, until something changes that has one
// of its keys. Where one of the partners that it is held for, or a link with it, became
// another since they were looked at, that woke nobody yet.
func (k *task) heldMatch(ctx context.Context, reason coded.Text, since store.Snapshot, partners ...string) error {
	k.link.Proposal = nil
	return k.hold(ctx, reason, since, partners...)
}

// hold is heldMatch, with or without a proposal.
func (k *task) hold(ctx context.Context, reason coded.Text, since store.Snapshot, partners ...string) error {
	k.link.HeldKeys = append([]string{}, match.Keys(k.party()).All()...)
	if err := k.settle(ctx, store.StatusHeld, reason, store.Change{}); err != nil {
		return err
	}
	if k.Reviews() && len(partners) > 0 {
		if err := k.links.ContestImports(ctx, k.link.ID, partners); err != nil {
			return err
		}
	}
	return k.links.WakeOvertaken(ctx, k.id, partners, since)
}

// heldFor is heldMatch for the sake of another contact, which a plan gives a partner
// first. Where that one went another way before this was stored, it woke nobody.
func (k *task) heldFor(ctx context.Context, rival string, reason coded.Text) error {
	k.link.Proposal = nil
	k.link.HeldKeys = append(match.Keys(k.party()).All(), store.WaitFor(rival))
	if err := k.settle(ctx, store.StatusHeld, reason, store.Change{}); err != nil {
		return err
	}
	return k.links.WakeLate(ctx, k.id)
}

// given takes a partner from a contact that the filter leaves out: a soft deletion, say,
// whose customer is entered anew. What became of that one's last write is found out first.
func (k *task) given(ctx context.Context, metakockaIDs ...string) (bool, error) {
	for _, id := range metakockaIDs {
		given, unsettled, err := k.links.GiveUp(ctx, id, k.id)
		switch {
		case given || err != nil:
			return given, err
		case unsettled != "" && !k.looked[unsettled]:
			return false, &unknownRivalError{unsettled}
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

// unpaired are the keys of a contact that had no partner, as it is now; nil: it had one.
func (k *task) unpaired() []string {
	if l := k.st.Link; l != nil && l.MetaKockaID != "" {
		return nil
	}
	keys := []string{}
	if k.st.Contact != nil && k.st.InScope && k.link.Status.Alive() {
		keys = append(keys, match.Keys(k.party()).Names()...)
	}
	return keys
}
