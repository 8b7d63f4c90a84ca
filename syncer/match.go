package syncer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Matching a contact with partners that are there already: by tax number, then
// by e-mail. Exactly one candidate links; several, or one that another contact
// holds, wait for a person. Nothing is ever guessed (invariant 4).

// first finds the partner of a contact that has none, or makes it; contacts with
// the same keys one after another.
func (k *task) first(ctx context.Context) error {
	if err := mapping.Nameless(*k.st.Contact); err != nil {
		return k.reject(ctx, coded.Of(err))
	}

	rivals, err := k.s.Rivals(ctx, match.Keys(k.party()))
	if err != nil {
		return err
	}

	settled, err := k.rivalsSettled(rivals.Unresolved)
	if err != nil {
		return err
	}

	if settled && k.t.Plan != nil && k.sweptLately() {
		if done, err := k.asPlanned(ctx, rivals.Seen); done || err != nil {
			return err
		}
	}

	found, held, err := k.lookFor(ctx, rivals)
	switch {
	case err != nil:
		return err
	case len(held.Candidates) > 0:
		return k.heldMatch(ctx, held.Reason(), k.st.Snapshot, held.Candidates...)
	}
	if waits, err := k.waits(ctx, found, k.st.Snapshot); waits || err != nil {
		return err
	}
	if found == nil {
		return k.create(ctx)
	}
	return k.claim(ctx, *found, mapping.Base{})
}

// party is the contact as it is matched.
func (k *task) party() match.Party { return match.Party{ID: k.id, Is: *k.st.Contact} }

// PartnerParty is a partner as it is matched.
func PartnerParty(p metakocka.Partner) match.Party { return read(p, mapping.Base{}, "").party() }

func (r reading) party() match.Party {
	party := match.Party{ID: r.MKID, Is: r.contact}
	for _, entry := range r.Contacts[min(1, len(r.Contacts)):] {
		party.Others = append(party.Others, entry.Email)
	}
	return party
}

func seenParties(seen []store.ObservedPartner) ([]match.Party, error) {
	parties := make([]match.Party, len(seen))
	for i, s := range seen {
		p, err := DecodeSeen(s)
		if err != nil {
			return nil, err
		}
		parties[i] = PartnerParty(p)
	}
	return parties, nil
}

// sweepFresh is how long ago the partners may have been seen for a match that asks
// nobody. What somebody entered in the ERP since is not known, and would be made twice.
const sweepFresh = 5 * time.Minute

// SweptLately reports whether the last complete sweep is young enough to match by; one
// that began in the future is of a clock that was put back since.
func SweptLately(sweptAt, now time.Time) bool {
	age := now.Sub(sweptAt)
	return age >= 0 && age < sweepFresh
}

func (k *task) sweptLately() bool { return SweptLately(k.st.SweptAt, k.now()) }

// rivalsSettled waits for the creations of other contacts with the same keys
// that have no answer yet. Of one that had none in time it is found out first what
// became of it, else its partner would be found by the keys, and taken for this
// contact's; false: not even that told, so only MetaKocka knows.
func (k *task) rivalsSettled(unresolved []store.Link) (bool, error) {
	mine, settled := k.party(), true
	for _, l := range unresolved {
		if l.ContactID == k.id || l.Intent == nil || l.Intent.Kind != store.IntentCreate {
			continue
		}
		switch {
		case match.Compare(mine, match.Party{Is: l.Intent.Creates()}).Grade < match.Doubtful:
		case k.open(l.ContactID, l.Intent):
			return false, &PendingError{ContactID: l.ContactID, After: time.Second}
		case !k.looked[l.ContactID]:
			return false, &unknownRivalError{l.ContactID}
		default:
			settled = false
		}
	}
	return settled, nil
}

// asPlanned does what the first match of all contacts decided; false: contact or
// partners are no longer as they were then.
func (k *task) asPlanned(ctx context.Context, seen []store.ObservedPartner) (bool, error) {
	d, planned := k.t.Plan.Contact(k.id)
	if !planned || !d.IsOf(*k.st.Contact) {
		return false, nil
	}

	// A holder that the filter leaves out gives its partner up, which makes the plan out of date.
	if d.Verdict == match.VerdictAmbiguous {
		given, err := k.given(ctx, d.Candidates()...)
		if given || err != nil {
			return false, err
		}
		if rival := d.Rival(); rival != "" {
			return true, k.heldFor(ctx, rival, d.Said)
		}
		return true, k.heldMatch(ctx, d.Said, k.t.Plan.Since, d.Candidates()...)
	}

	parties, err := seenParties(seen)
	if err != nil || !d.Holds(parties) {
		return false, err
	}

	switch d.Verdict {
	case match.VerdictCreate:
		if waits, err := k.waits(ctx, nil, k.t.Plan.Since); waits || err != nil {
			return true, err
		}
		return true, k.create(ctx)
	case match.VerdictLink:
		i := slices.IndexFunc(seen, func(p store.ObservedPartner) bool { return p.MetaKockaID == d.MetaKockaID })
		partner, err := DecodeSeen(seen[i])
		if err != nil {
			return true, err
		}
		if waits, err := k.waits(ctx, &partner, k.t.Plan.Since); waits || err != nil {
			return true, err
		}
		return true, k.claimSeen(ctx, seen[i])
	case match.VerdictLinked, match.VerdictAmbiguous, match.VerdictInvalid, match.VerdictUnlinked:
	}
	return false, nil
}

// claimSeen links the contact with a partner as last seen. Where the two agree
// nothing is written, so nothing needs to be asked.
func (k *task) claimSeen(ctx context.Context, seen store.ObservedPartner) error {
	raw, err := DecodeSeen(seen)
	if err != nil {
		return err
	}
	p := read(raw, mapping.Base{}, k.st.Contact.Phone)
	res := mapping.Merge(mapping.MergeInput{CRM: *k.st.Contact, Partner: p.contact, Unreadable: p.unreadable.Fields()}, k.Policy())

	if len(p.unreadable)+len(res.ToCRM)+len(res.ToPartner)+len(res.Conflicts) > 0 || seen.Hash == "" {
		return k.claim(ctx, raw, mapping.Base{})
	}

	k.link.MetaKockaID = p.MKID
	k.link.Intent = nil
	k.link.Base = &res.Base
	k.link.Base.Phone = p.ours.PhonePlace()
	k.link.PartnerObservedAt = seen.ObservedAt
	if k.st.SweptAt.After(seen.ObservedAt) {
		k.link.PartnerObservedAt = k.st.SweptAt
	}

	status, reason := k.verdict(res.CRM, p.contact, res, nil)
	joined := []store.Entry{k.joining(p.contact)}
	return k.unlessTaken(ctx, raw, k.settle(ctx, status, reason, store.Change{History: joined}))
}

// claim links the contact with a partner that it matches and merges the two.
func (k *task) claim(ctx context.Context, p metakocka.Partner, base mapping.Base) error {
	return k.unlessTaken(ctx, p, k.take(ctx, p, base))
}

// take links the contact with a partner and merges the two. store.ErrPartnerTaken: another
// contact holds it.
func (k *task) take(ctx context.Context, p metakocka.Partner, base mapping.Base) error {
	k.link.MetaKockaID = p.MKID
	k.link.Intent = nil
	k.link.Base = &base
	k.link.Status = store.StatusPending
	k.link.LastError = coded.Text{}
	listed := k.said != nil && k.said.listed
	switch {
	case listed:
		k.link.RetryAt = k.now().Add(listedRest)
	case k.t.Approved != "": // where this is cut off, no event comes again
		k.link.RetryAt = k.now().Add(metakocka.PreparedFor + k.cfg.CallTimeout + k.cfg.Settle)
	}

	var joined []store.Entry
	if made := func(e store.Entry) bool { return e.Act == store.ActCreate }; !slices.ContainsFunc(k.story.notes, made) {
		joined = append(joined, k.joining(k.reads(p).contact))
	}
	err := k.save(ctx, store.Change{History: joined})
	if err != nil || listed {
		return err
	}
	return k.update(ctx)
}

// unlessTaken turns the error of a link to a partner that another contact holds
// into a link that waits for a person.
func (k *task) unlessTaken(ctx context.Context, p metakocka.Partner, err error) error {
	if !isTaken(err) {
		return err
	}
	given, err := k.given(ctx, p.MKID)
	switch {
	case err != nil:
		return err
	case given:
		return ErrAgain
	}
	k.link.MetaKockaID = ""
	k.link.Base = nil
	return k.heldMatch(ctx, k.takenBy(ctx, p), k.st.Snapshot, p.MKID)
}

// takenBy says who holds a partner that this contact matches.
func (k *task) takenBy(ctx context.Context, p metakocka.Partner) coded.Text {
	holders, err := k.links.Holders(ctx, []string{p.MKID})
	if err != nil {
		return match.Taken(p.MKID, "")
	}
	return match.Taken(p.MKID, holders[p.MKID])
}

// lookFor applies the rules of the first match to what MetaKocka has now. held says
// among whom and why a person must decide; neither: there is no such partner.
func (k *task) lookFor(ctx context.Context, rivals store.Rivals) (found *metakocka.Partner, held match.Choice, err error) {
	partners, err := k.candidates(ctx, rivals.Seen)
	if err != nil {
		return nil, match.Choice{}, err
	}

	var ids []string
	for _, p := range partners {
		ids = append(ids, p.MKID)
	}
	var parted []string
	if len(ids) > 0 {
		if parted, err = k.links.Parted(ctx, ids); err != nil {
			return nil, match.Choice{}, err
		}
	}
	found, held = choose(k.party(), partners, rivals.Not, parted)
	return found, held, nil
}

// choose is what the rule makes of partners, without those that a person said are
// somebody else.
func choose(who match.Party, partners []metakocka.Partner, not, parted []string) (found *metakocka.Partner, held match.Choice) {
	var parties []match.Party
	for _, p := range partners {
		if slices.Contains(not, p.MKID) {
			continue
		}
		party := PartnerParty(p)
		party.Parted = slices.Contains(parted, p.MKID)
		parties = append(parties, party)
	}
	switch c := match.Choose(who, parties); {
	case c.Link != "":
		i := slices.IndexFunc(partners, func(p metakocka.Partner) bool { return p.MKID == c.Link })
		return &partners[i], match.Choice{}
	case len(c.Candidates) > 0:
		return nil, c
	}
	return nil, match.Choice{}
}

// candidates are the partners that may be this contact's. MetaKocka is asked,
// but may find a key only as it is written there; a partner that was seen with
// the same key, written otherwise, is asked for by id.
func (k *task) candidates(ctx context.Context, seen []store.ObservedPartner) ([]metakocka.Partner, error) {
	found, err := k.search(ctx, keyQueries(*k.st.Contact))
	if err != nil {
		return nil, err
	}
	for _, p := range seen {
		if slices.ContainsFunc(found, func(f metakocka.Partner) bool { return f.MKID == p.MetaKockaID }) {
			continue
		}
		p, err := k.erp.Get(ctx, p.MetaKockaID)
		switch {
		case err == nil:
			found = append(found, p)
		case !errors.Is(err, metakocka.ErrNotFound):
			return nil, AboutAll(err)
		}
	}
	return found, nil
}

// candidatesSeen are the candidates as last seen.
func (k *task) candidatesSeen(ctx context.Context) ([]store.ObservedPartner, error) {
	return k.links.MatchObserved(ctx, match.Keys(k.party()))
}

// DecodeSeen reads a partner as it was last seen.
func DecodeSeen(seen store.ObservedPartner) (p metakocka.Partner, err error) {
	if err := json.Unmarshal(seen.Data, &p); err != nil {
		return p, fmt.Errorf("read partner %s as last seen: %w", seen.MetaKockaID, err)
	}
	return p, nil
}

// keyQueries ask for a contact's keys; the tax number in every form it is
// written in, because MetaKocka may know it by any one of them.
func keyQueries(c mapping.Contact) []metakocka.Query {
	var queries []metakocka.Query
	for _, form := range mapping.TaxForms(c.TaxNumber, c.Country) {
		queries = append(queries, metakocka.Query{TaxNumber: form})
	}
	for _, email := range mapping.Emails(c.Email) {
		queries = append(queries, metakocka.Query{Email: email})
	}
	return queries
}

// search joins the answers to several queries, each partner once.
func (k *task) search(ctx context.Context, queries []metakocka.Query) ([]metakocka.Partner, error) {
	var partners []metakocka.Partner
	seen := map[string]bool{}
	for _, q := range queries {
		found, err := k.erp.Find(ctx, q)
		if err != nil {
			return nil, AboutAll(err)
		}
		for _, p := range found.Partners {
			if !seen[p.MKID] {
				seen[p.MKID] = true
				partners = append(partners, p)
			}
		}
	}
	return partners, nil
}
