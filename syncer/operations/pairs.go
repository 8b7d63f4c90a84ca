package operations

import (
	"context"
	"fmt"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// MostPairs is how many pairs one request takes: what comes back of them fits into a message.
const MostPairs = 2000

// Pair is a contact and a partner that another integration has linked.
type Pair struct {
	ContactID   string `json:"contactId"`
	MetaKockaID string `json:"metakockaId"`
	// Twice: the whole list, of which the request is a part, has one of the two with another.
	Twice bool `json:"twice,omitempty"`
}

// ImportPairsRequest asks to take over pairs that another integration has linked. A longer
// list goes into several requests.
type ImportPairsRequest struct {
	Pairs []Pair `json:"pairs"`
	// DryRun: nothing is written on either side.
	DryRun bool `json:"dryRun,omitempty"`
	// LinkOnly: where the two differ they are only linked, pending, until the same is asked
	// for without it.
	LinkOnly bool `json:"linkOnly,omitempty"`
	// Further: another part of the list came before, and the partners were looked at for it.
	Further bool   `json:"further,omitempty"`
	By      string `json:"by,omitempty"`
}

// Signature implements signed.
func (r *ImportPairsRequest) Signature() *string { return &r.By }

// PairVerdict is what becomes of a pair.
type PairVerdict string

// What may become of a pair.
const (
	PairTaken          PairVerdict = "taken"           // the two are linked now; of a dry run: would be
	PairLinked         PairVerdict = "linked"          // they were already
	PairContactMissing PairVerdict = "contact_missing" // there is no such contact
	PairPartnerMissing PairVerdict = "partner_missing" // MetaKocka has no such partner
	PairPartnerLinked  PairVerdict = "partner_linked"  // the partner is another contact's
	PairContactLinked  PairVerdict = "contact_linked"  // the contact has another partner
	PairTwice          PairVerdict = "twice"           // the list has one of the two with another
	PairParted         PairVerdict = "parted"          // a person said that they are two
	PairLeftOut        PairVerdict = "left_out"        // the contact is left out of the sync
	PairFailed         PairVerdict = "failed"
	PairOpen           PairVerdict = "open" // not done: the request was stopped before
)

// PairVerdicts are all of them, as a report lists them.
func PairVerdicts() []PairVerdict {
	return []PairVerdict{
		PairTaken, PairLinked, PairContactMissing, PairPartnerMissing, PairPartnerLinked, PairContactLinked,
		PairTwice, PairParted, PairLeftOut, PairFailed, PairOpen,
	}
}

// Done reports whether the two of the pair are linked, or are not to be.
func (v PairVerdict) Done() bool {
	return v == PairTaken || v == PairLinked || v == PairParted || v == PairLeftOut
}

// ImportPairsResult says what became of the pairs, in the order of the request.
type ImportPairsResult struct {
	Total     int                  `json:"total"`
	Counts    map[PairVerdict]int  `json:"counts"`
	Statuses  map[store.Status]int `json:"statuses"`  // of the mappings of those that are linked
	Strangers int                  `json:"strangers"` // are taken over although nothing says that they are one
	Results   []PairItem           `json:"results"`
}

// PairItem is what became of one pair.
type PairItem struct {
	ContactID   string       `json:"contactId"`
	MetaKockaID string       `json:"metakockaId"`
	Verdict     PairVerdict  `json:"verdict"`
	SyncStatus  store.Status `json:"syncStatus,omitempty"`
	Strangers   bool         `json:"strangers,omitempty"` // nothing says that the two are one
	Reason      string       `json:"reason,omitempty"`
	// Said is the reason as a code with parameters.
	Said coded.Text `json:"said,omitzero"`
}

// because notes why it is so.
func (i *PairItem) because(t coded.Text) {
	i.Reason = t.String()
	i.Said = said(t)
}

// CountPairs is the result that consists of items.
func CountPairs(items []PairItem) ImportPairsResult {
	res := ImportPairsResult{Total: len(items), Counts: map[PairVerdict]int{}, Statuses: map[store.Status]int{}, Results: items}
	for _, item := range items {
		res.Counts[item.Verdict]++
		if item.SyncStatus != "" {
			res.Statuses[item.SyncStatus]++
		}
		if item.Strangers {
			res.Strangers++
		}
	}
	return res
}

// check refuses what is no list of pairs.
func (r ImportPairsRequest) check() error {
	switch {
	case len(r.Pairs) == 0:
		return syncer.Refuse(syncer.CodeMalformed, "request.pairs", "pairs: name some")
	case len(r.Pairs) > MostPairs:
		return syncer.Refuse(syncer.CodeTooLarge, "request.pairs_many", "pairs: at most {count} at once", MostPairs)
	case r.DryRun && r.LinkOnly:
		return syncer.Refuse(syncer.CodeMalformed, "request.link_only", "linkOnly: does nothing in a dry run")
	}
	for i, p := range r.Pairs {
		if strings.TrimSpace(p.ContactID) == "" {
			return syncer.Refuse(syncer.CodeMalformed, "request.pair", "pairs[{index}].contactId: is missing", i)
		}
		if err := checkID(fmt.Sprintf("pairs[%d].metakockaId", i), p.MetaKockaID); err != nil {
			return err
		}
	}
	return nil
}

// Twice tells of each pair of a list whether another one has its contact or its partner,
// and at which place the first such is; -1: none. The same pair once more is none.
func Twice(pairs []Pair) []int {
	type named struct{ first, other int } // other: the first that is not as the first; 0: none
	places := map[[2]string]named{}
	same := func(i, j int) bool {
		return pairs[i].ContactID == pairs[j].ContactID && pairs[i].MetaKockaID == pairs[j].MetaKockaID
	}
	keys := func(p Pair) [2][2]string { return [2][2]string{{"contact", p.ContactID}, {"partner", p.MetaKockaID}} }

	for i, p := range pairs {
		for _, key := range keys(p) {
			n, there := places[key]
			switch {
			case !there:
				n.first = i
			case n.other == 0 && !same(i, n.first):
				n.other = i
			}
			places[key] = n
		}
	}

	twice := make([]int, len(pairs))
	for i, p := range pairs {
		twice[i] = -1
		for _, key := range keys(p) {
			switch n := places[key]; {
			case twice[i] >= 0 || n.other == 0:
			case same(i, n.first):
				twice[i] = n.other
			default:
				twice[i] = n.first
			}
		}
	}
	return twice
}

// ImportPairs takes pairs over that another integration has linked: as a person's Link of
// each would.
func (a *API) ImportPairs(ctx context.Context, r ImportPairsRequest) (ImportPairsResult, error) {
	if err := r.check(); err != nil {
		return ImportPairsResult{}, err
	}
	bulk, working, err := a.startBulk(ctx, false, audienceOf(ctx))
	if err != nil {
		return ImportPairsResult{}, err
	}
	defer bulk.rep.close(ctx)

	run := newPairRun(a, bulk, r)
	if err := run.look(working); err != nil {
		return ImportPairsResult{}, err
	}
	if !r.DryRun {
		run.take(working)
	}
	if !r.DryRun && !r.LinkOnly {
		run.merge(working)
	}
	return run.result(), nil
}
