package poll

import (
	"context"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// renewKeys brings the keys by which partners are matched into the form that they have
// today, once: an older version stored others, and a partner that nobody changes is not
// stored again. Cut off, it is done again by the next poll.
func (p *Poller) renewKeys(ctx context.Context, last *store.PollState) error {
	if last.KeysForm == match.KeysForm {
		return nil
	}
	err := p.store.RenewKeys(ctx, func(data []byte) (mapping.MatchKeys, error) {
		seen, err := syncer.DecodeSeen(store.ObservedPartner{Data: data})
		return match.Keys(syncer.PartnerParty(seen)), err
	})
	if err == nil {
		last.KeysForm = match.KeysForm
	}
	return err
}
