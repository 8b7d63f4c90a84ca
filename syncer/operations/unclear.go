package operations

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// UnclearMatch is a contact whose match waits for a person, with those it may be.
type UnclearMatch struct {
	ContactID string                   `json:"contactId"`
	MappingID string                   `json:"mappingId"`
	Name      string                   `json:"name"`
	Values    map[mapping.Field]string `json:"values"` // that are not empty
	Since     time.Time                `json:"since"`
	Reason    string                   `json:"reason"`
	// Said is the reason as a code with parameters.
	Said       coded.Text  `json:"said,omitzero"`
	Candidates []Candidate `json:"candidates"` // the likeliest first
}

// Candidate is somebody whom a contact may be: a partner, or another contact.
type Candidate struct {
	MetaKockaID string                   `json:"metakockaId,omitempty"`
	ContactID   string                   `json:"contactId,omitempty"` // of another contact, which comes before this one
	Name        string                   `json:"name"`
	Values      map[mapping.Field]string `json:"values"`
	Score       int                      `json:"score"`                // from 0 to 100
	LinkedWith  string                   `json:"linkedWith,omitempty"` // the contact that has the partner
	Reasons     []syncer.Reason          `json:"reasons"`
}

// usualUnclear is how many unclear matches a page has that does not say: each is compared
// with its candidates.
const usualUnclear = 50

// Unclear lists the contacts whose match waits for a person, by contact id. The candidates
// are as last seen; nothing is asked of MetaKocka.
func (a *API) Unclear(ctx context.Context, p Page) (l List[UnclearMatch], err error) {
	p.Limit = cmp.Or(p.Limit, usualUnclear)
	q := store.LinkQuery{HeldMatch: true}
	if q.Limit, err = p.limit(); err != nil {
		return l, err
	}
	if p.After != "" {
		if q.After, err = a.contactID("after", p.After); err != nil {
			return l, err
		}
	}

	links, err := a.records.Links(ctx, q)
	if err != nil {
		return l, err
	}
	u, err := a.unclearOf(ctx, links)
	if err != nil {
		return l, err
	}
	return listOf(links, q.Limit, u.match, func(l store.Link) string { return l.ContactID }), nil
}

// unclearMatches are a page of them, with what is known of all who are named.
type unclearMatches struct {
	contacts map[string]mapping.Contact // those that wait, and those that they wait for
	partners map[string][]match.Party   // by the contact that each may be
	denied   map[string][]string        // partners that a person said are not the contact's
	holders  map[string]string          // contacts by the partner that they have
}

// unclearOf are a page of matches with all that they may be.
func (a *API) unclearOf(ctx context.Context, links []store.Link) (*unclearMatches, error) {
	u, err := a.unclear(ctx, links)
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		if err := u.seen(ctx, a, link.ContactID); err != nil {
			return nil, err
		}
	}
	u.holders, err = a.records.Holders(ctx, u.named())
	return u, err
}

func (a *API) unclear(ctx context.Context, links []store.Link) (*unclearMatches, error) {
	u := &unclearMatches{contacts: map[string]mapping.Contact{}, partners: map[string][]match.Party{}}
	var waiting, all []string
	for _, l := range links {
		waiting = append(waiting, l.ContactID)
		all = append(append(all, l.ContactID), rivals(l)...)
	}
	if len(all) == 0 {
		return u, nil
	}

	pairs, err := a.records.PairsOf(ctx, all)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if p.Contact != nil {
			u.contacts[p.ContactID] = *p.Contact
		}
	}
	u.denied, err = a.records.Answers(ctx, waiting)
	return u, err
}

// rivals are the contacts without a partner that a link is held for.
func rivals(l store.Link) (ids []string) {
	for _, key := range l.HeldKeys {
		if id, waits := store.WaitsFor(key); waits {
			ids = append(ids, id)
		}
	}
	return ids
}

// seen finds the partners, as last seen, that a contact may be.
func (u *unclearMatches) seen(ctx context.Context, a *API, contactID string) error {
	contact, there := u.contacts[contactID]
	if !there {
		return nil
	}
	seen, err := a.records.MatchObserved(ctx, match.Keys(match.Party{Is: contact}))
	if err != nil {
		return err
	}
	for _, s := range seen {
		p, err := syncer.DecodeSeen(s)
		if err != nil {
			return err
		}
		if !slices.Contains(u.denied[contactID], p.MKID) {
			u.partners[contactID] = append(u.partners[contactID], syncer.PartnerParty(p))
		}
	}
	return nil
}

// named are all partners that somebody may be.
func (u *unclearMatches) named() []string {
	ids := []string{}
	for _, all := range u.partners {
		for _, p := range all {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// match is one of them as users see it.
func (u *unclearMatches) match(l store.Link) UnclearMatch {
	who := match.Party{ID: l.ContactID, Is: u.contacts[l.ContactID]}
	m := UnclearMatch{
		ContactID: l.ContactID, MappingID: l.ID, Name: shownName(who.Is), Values: values(who.Is), Since: l.UpdatedAt, Reason: l.LastError.String(), Said: said(l.LastError),
		Candidates: []Candidate{},
	}
	for _, p := range u.partners[l.ContactID] {
		if match.Compare(who, p).Grade > match.Strangers {
			c := candidate(who, p)
			c.MetaKockaID = p.ID
			c.linked(u.holders[p.ID], l.ContactID)
			m.Candidates = append(m.Candidates, c)
		}
	}
	for _, id := range rivals(l) {
		c := candidate(who, match.Party{ID: id, Is: u.contacts[id]})
		c.ContactID = id
		m.Candidates = append(m.Candidates, c)
	}
	slices.SortStableFunc(m.Candidates, func(a, b Candidate) int { return b.Score - a.Score })
	return m
}

// candidate compares a contact with one that it may be.
func candidate(who, other match.Party) Candidate {
	score, hints := match.Hints(who, other)
	c := Candidate{Name: shownName(other.Is), Values: values(other.Is), Score: score, Reasons: make([]syncer.Reason, len(hints))}
	for i, h := range hints {
		c.Reasons[i] = syncer.Reason{Code: syncer.HintCode(h)}
	}
	return c
}

// linked notes that another contact has the partner.
func (c *Candidate) linked(holder, contactID string) {
	if holder == "" || holder == contactID {
		return
	}
	c.LinkedWith = holder
	c.Reasons = append(c.Reasons, syncer.Reason{Code: syncer.MatchLinked, ContactID: holder})
}

// values are those of a contact that are not empty.
func values(c mapping.Contact) map[mapping.Field]string {
	all := map[mapping.Field]string{}
	for _, f := range mapping.Fields() {
		if v := c.Get(f); v != "" {
			all[f] = v
		}
	}
	return all
}
