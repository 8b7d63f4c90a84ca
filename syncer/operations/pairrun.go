package operations

import (
	"context"
	"slices"
	"sync"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
)

// pairRun takes the pairs of one request over: what is known of each is looked up in pages
// and judged, those that nothing stands against are linked, and those that differ are then
// merged one by one. A pair that could not be linked is looked up and judged once more:
// something came in between.
type pairRun struct {
	*bulkRun
	api   *API
	r     ImportPairsRequest
	pairs []Pair // with the ids as Postgres writes them

	mu    sync.Mutex // guards what follows
	items []PairItem
}

func newPairRun(a *API, bulk *bulkRun, r ImportPairsRequest) *pairRun {
	run := &pairRun{bulkRun: bulk, api: a, r: r, pairs: slices.Clone(r.Pairs), items: make([]PairItem, len(r.Pairs))}
	for i, p := range r.Pairs {
		run.items[i] = PairItem{ContactID: p.ContactID, MetaKockaID: p.MetaKockaID}
		id, err := a.contactID("contactId", p.ContactID)
		if err != nil {
			run.items[i].Verdict = PairContactMissing
			run.items[i].Reason = "this is no id that a contact can have"
			continue
		}
		run.pairs[i].ContactID = id
	}
	for i, other := range Twice(run.pairs) {
		run.pairs[i].Twice = run.pairs[i].Twice || other >= 0
	}
	return run
}

// by is who asks, as the links say it.
func (run *pairRun) by() string {
	if run.r.By == "" {
		return "mappings import"
	}
	return run.r.By + " (mappings import)"
}

// look judges all pairs by what is known of them, and of the partners as they are now.
func (run *pairRun) look(ctx context.Context) error {
	if err := run.seePartners(ctx); err != nil {
		return err
	}
	run.rep.begin("comparing the pairs", 0)
	for places := range slices.Chunk(run.open(""), syncer.MatchPage) {
		if err := run.judge(ctx, places); err != nil {
			return err
		}
	}
	return run.askForMissing(ctx)
}

// seePartners sees all partners anew, unless that was done for an earlier part of the list.
func (run *pairRun) seePartners(ctx context.Context) error {
	if run.r.Further {
		st, err := run.api.records.PollState(ctx)
		if err != nil {
			return err
		}
		now, err := run.api.records.Now(ctx)
		if err != nil || syncer.SweptLately(st.SweptAt, now) {
			return err
		}
	}
	run.rep.begin("looking at the partners", 0)
	return syncer.AboutAll(run.refresh(ctx))
}

// open are the places of the pairs with a verdict; "": those without one.
func (run *pairRun) open(v PairVerdict) (places []int) {
	for i, item := range run.items {
		if item.Verdict == v {
			places = append(places, i)
		}
	}
	return places
}

// judge looks pairs up and gives each its verdict.
func (run *pairRun) judge(ctx context.Context, places []int) error {
	pairs := make([][2]string, len(places))
	for n, i := range places {
		pairs[n] = [2]string{run.pairs[i].ContactID, run.pairs[i].MetaKockaID}
	}
	known, err := run.api.records.Pairings(ctx, pairs)
	if err != nil {
		return err
	}

	run.mu.Lock()
	defer run.mu.Unlock()
	for n, i := range places {
		item := &run.items[i]
		verdict, why := judgePair(known[n], run.pairs[i].Twice)
		item.Verdict = verdict
		item.because(why)
		item.SyncStatus = ""
		item.Strangers = false
		if item.Verdict == PairLinked {
			item.SyncStatus = known[n].Status
		}
		if item.Verdict == PairTaken {
			if item.Strangers, err = strangers(known[n]); err != nil {
				return err
			}
		}
	}
	return nil
}

// judgePair says what stands against a pair; PairTaken: nothing does.
func judgePair(p store.Pairing, twice bool) (PairVerdict, coded.Text) {
	switch {
	case p.Contact == nil:
		return PairContactMissing, coded.Say("note.pair.no_contact", "there is no such contact")
	case p.LinkedTo == p.MetaKockaID:
		return PairLinked, coded.Text{}
	case !p.InScope:
		return PairLeftOut, coded.Say("note.pair.left_out", "the contact is left out of the sync")
	case p.LinkedTo != "":
		return PairContactLinked, coded.Say("note.pair.contact_linked", "the contact is linked with partner {partner}: where the pair is right, mksync unlink the contact and mksync link the two", p.LinkedTo)
	case p.Holder != "":
		return PairPartnerLinked, coded.Say("note.pair.partner_linked", "the partner is linked with contact {contact}: where the pair is right, mksync unlink that one and mksync link the two", p.Holder)
	case p.Parted:
		return PairParted, coded.Say("note.pair.parted", "a person said that the two are not one: mksync link joins them again")
	case twice:
		return PairTwice, coded.Say("note.pair.twice", "another pair of the list has its contact or its partner: mksync link the two that are one")
	case p.Partner == nil:
		return PairPartnerMissing, noSuchPartner
	}
	return PairTaken, coded.Text{}
}

var noSuchPartner = coded.Say("note.pair.no_partner", "MetaKocka has no such partner")

// strangers reports whether nothing says that the two of a pair are one.
func strangers(p store.Pairing) (bool, error) {
	seen, err := syncer.DecodeSeen(store.ObservedPartner{MetaKockaID: p.MetaKockaID, Data: p.Partner})
	if err != nil {
		return false, err
	}
	contact, partner := match.Party{ID: p.ContactID, Is: *p.Contact}, syncer.PartnerParty(seen)
	keyed := match.Compare(contact, partner).Grade > match.Strangers
	return !keyed && !mapping.Liken(contact.Is, partner.Is).Alike(), nil
}

// proof is how many of the partners that the sweep did not bring are asked for by their ids:
// where MetaKocka has none of them, the rest is not asked for either.
const proof = 100

// askForMissing asks MetaKocka for the partners that the sweep did not bring: it finds those
// of rare names late.
func (run *pairRun) askForMissing(ctx context.Context) error {
	missing := run.open(PairPartnerMissing)
	run.rep.begin("asking for partners that were not found", len(missing))
	for places := range slices.Chunk(missing, proof) {
		run.each(ctx, len(places), func(ctx context.Context, n int) error {
			return run.askFor(ctx, places[n])
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if len(run.stillMissing(places)) == len(places) {
			return nil
		}
	}
	return nil
}

func (run *pairRun) stillMissing(places []int) []int {
	return slices.DeleteFunc(slices.Clone(places), func(i int) bool { return run.items[i].Verdict != PairPartnerMissing })
}

func (run *pairRun) askFor(ctx context.Context, i int) error {
	there, err := run.reconciler.PartnerThere(ctx, run.pairs[i].MetaKockaID, metakocka.Bulk)
	switch {
	case run.putOff(err):
		return err
	case err != nil:
		run.end(i, PairFailed, "", run.reason(err))
	case there:
		run.end(i, PairTaken, "", coded.Text{})
	default:
		run.end(i, PairPartnerMissing, "", noSuchPartner)
	}
	return nil
}

// end notes what became of a pair.
func (run *pairRun) end(i int, v PairVerdict, status store.Status, reason coded.Text) {
	run.mu.Lock()
	defer run.mu.Unlock()
	item := &run.items[i]
	item.Verdict = v
	item.SyncStatus = status
	item.because(reason)
	run.rep.add(BulkItem{Success: v.Done()}, false)
}

// take links the pairs that nothing stands against.
func (run *pairRun) take(ctx context.Context) {
	places := run.open(PairTaken)
	for _, i := range places {
		run.items[i].Verdict = "" // until it is done
	}
	run.rep.begin("taking over", len(places))
	run.each(ctx, len(places), func(ctx context.Context, n int) error {
		return run.takeOne(ctx, places[n])
	})
}

func (run *pairRun) takeOne(ctx context.Context, i int) error {
	p := run.pairs[i]
	res, err := run.reconciler.TakeOver(ctx, p.ContactID, p.MetaKockaID, run.trigger(run.by()))
	switch {
	case run.putOff(err):
		return err
	case err == nil && res.MetaKockaID == p.MetaKockaID && res.Status.Alive():
		run.end(i, PairTaken, res.Status, coded.Text{})
		return nil
	}

	// Something came in between, or the two cannot be linked.
	again := run.judge(ctx, []int{i})
	item := run.items[i]
	switch {
	case again != nil:
		run.end(i, PairFailed, "", run.reason(again))
	case item.Verdict != PairTaken:
		run.end(i, item.Verdict, item.SyncStatus, coded.Told(item.Reason, item.Said))
	case err != nil:
		run.end(i, PairFailed, "", run.reason(err))
	default:
		run.end(i, PairFailed, "", res.LastError.Or(coded.Say("note.pair.changed", "the contact was changed meanwhile: try again")))
	}
	return nil
}

// merge brings in order what is linked and was not merged yet, also of an earlier request
// that was cut off.
func (run *pairRun) merge(ctx context.Context) {
	var places []int
	for i, item := range run.items {
		if item.SyncStatus == store.StatusPending || item.SyncStatus == store.StatusError {
			places = append(places, i)
		}
	}
	run.rep.begin("bringing in order", len(places))
	run.each(ctx, len(places), func(ctx context.Context, n int) error {
		return run.mergeOne(ctx, places[n])
	})
}

func (run *pairRun) mergeOne(ctx context.Context, i int) error {
	was := run.items[i]
	res, err := run.reconciler.Contact(ctx, run.pairs[i].ContactID, run.trigger(run.by()))
	switch err = brought(res, err); {
	case run.putOff(err):
		return err
	case err != nil:
		run.end(i, PairFailed, res.Status, run.reason(err))
	default:
		run.end(i, was.Verdict, res.Status, coded.Text{})
	}
	return nil
}

// result is what became of all, also of those that were not begun.
func (run *pairRun) result() ImportPairsResult {
	run.mu.Lock()
	defer run.mu.Unlock()
	for i := range run.items {
		if item := &run.items[i]; item.Verdict == "" {
			item.Verdict = PairOpen
			item.because(stoppedBefore)
		}
	}
	return CountPairs(run.items)
}
