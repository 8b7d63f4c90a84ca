package operations

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// What a pair of likely duplicates is of.
const (
	DuplicateContacts = "contacts"
	DuplicatePartners = "partners"
)

// DuplicatesRequest asks for the likeliest duplicates; Limit is 200 where it is
// zero.
type DuplicatesRequest struct {
	Limit int `json:"limit,omitempty"`
}

// Duplicates are likely duplicates, the likeliest first.
type Duplicates struct {
	Items []Duplicate `json:"items"`
	Total int         `json:"total"` // how many there are
}

// Duplicate is a pair that is likely the same. Of contacts the first is the one
// that would be merged into the other.
type Duplicate struct {
	Kind    string   `json:"kind"` // contacts, partners
	ID      string   `json:"id"`
	OtherID string   `json:"otherId"`
	Name    string   `json:"name"`
	Other   string   `json:"otherName"`
	Score   int      `json:"score"` // from 25 to 100
	Reasons []string `json:"reasons"`
	// LoserContactID and WinnerContactID are what merging them takes; empty: they
	// can be merged in MetaKocka only.
	LoserContactID  string `json:"loserContactId,omitempty"`
	WinnerContactID string `json:"winnerContactId,omitempty"`
}

// duplicateSearch is one search for duplicates.
type duplicateSearch struct {
	contacts map[string]store.MatchContact
	two      map[store.Two]bool // in either order
	limit    int
	found    []Duplicate
	total    int
}

// Duplicates finds likely duplicates among the contacts that the filter takes, and
// among the partners as last seen that no merge or deletion has left behind.
func (a *API) Duplicates(ctx context.Context, r DuplicatesRequest) (Duplicates, error) {
	limit, err := Page{Limit: r.Limit}.limit()
	if err != nil {
		return Duplicates{}, err
	}

	contacts, err := syncer.Pages(ctx, a.records.MatchContacts, func(c store.MatchContact) string { return c.ID })
	if err != nil {
		return Duplicates{}, err
	}
	said, err := a.records.SaidTwo(ctx)
	if err != nil {
		return Duplicates{}, err
	}

	s := &duplicateSearch{limit: limit, contacts: map[string]store.MatchContact{}, two: map[store.Two]bool{}}
	for _, t := range said {
		s.two[t] = true
		s.two[store.Two{Partners: t.Partners, ID: t.OtherID, OtherID: t.ID}] = true
	}

	s.amongContacts(contacts)
	if err := s.amongPartners(ctx, a.records.SeenParties); err != nil {
		return Duplicates{}, err
	}
	slices.SortStableFunc(s.found, func(a, b Duplicate) int { return b.Score - a.Score })
	return Duplicates{Items: orNone(s.found[:min(limit, len(s.found))]), Total: s.total}, nil
}

func (s *duplicateSearch) amongContacts(contacts []store.MatchContact) {
	parties := make([]mapping.Party, len(contacts))
	for i, c := range contacts {
		s.contacts[c.ID] = c
		parties[i] = mapping.Party{ID: c.ID, Contact: c.Contact}
	}
	likeliest, total := s.likeliest(parties, false)
	s.total += total
	for _, d := range likeliest {
		loser, winner := s.loserFirst(d.ID, d.Other)
		s.found = append(s.found, Duplicate{
			Kind: DuplicateContacts, ID: loser, OtherID: winner, Name: shownName(s.contacts[loser].Contact), Other: shownName(s.contacts[winner].Contact),
			Score: d.Score, Reasons: d.Reasons, LoserContactID: loser, WinnerContactID: winner,
		})
	}
}

// likeliest are the likeliest duplicates among parties, without those of which a person
// said that they are two.
func (s *duplicateSearch) likeliest(parties []mapping.Party, partners bool) (found []mapping.Duplicate, total int) {
	return mapping.Duplicates(parties, s.limit, func(id, other string) bool {
		return s.two[store.Two{Partners: partners, ID: id, OtherID: other}]
	})
}

// amongPartners adds the pairs of partners of which not both are linked: the
// others are their contacts' business.
func (s *duplicateSearch) amongPartners(ctx context.Context, page func(context.Context, string, int) ([]store.SeenParty, error)) error {
	var parties []mapping.Party

	for after := ""; ; {
		seen, err := page(ctx, after, syncer.MatchPage)
		if err != nil {
			return err
		}
		for _, p := range seen {
			partner, err := syncer.DecodeSeen(store.ObservedPartner{MetaKockaID: p.MetaKockaID, Data: p.Data})
			if err != nil {
				return err
			}
			parties = append(parties, mapping.Party{ID: p.MetaKockaID, Contact: syncer.ContactOf(partner), Settled: p.Linked})
		}
		if len(seen) < syncer.MatchPage {
			break
		}
		after = seen[len(seen)-1].MetaKockaID
	}

	likeliest, total := s.likeliest(parties, true)
	s.total += total

	names := map[string]string{}
	for _, p := range parties {
		names[p.ID] = shownName(p.Contact)
	}
	for _, d := range likeliest {
		s.found = append(s.found, Duplicate{
			Kind: DuplicatePartners, ID: d.ID, OtherID: d.Other, Name: names[d.ID], Other: names[d.Other], Score: d.Score, Reasons: d.Reasons,
		})
	}
	return nil
}

// loserFirst orders two contacts: the one that has a partner, then the one that
// has more values, then the first by id is kept.
func (s *duplicateSearch) loserFirst(a, b string) (loser, winner string) {
	if s.worth(a) > s.worth(b) || s.worth(a) == s.worth(b) && a < b {
		return b, a
	}
	return a, b
}

func (s *duplicateSearch) worth(id string) (n int) {
	c := s.contacts[id]
	for _, f := range mapping.Fields() {
		if c.Contact.Get(f) != "" {
			n++
		}
	}
	if c.MetaKockaID != "" && c.Status.Alive() {
		n += len(mapping.Fields())
	}
	return n
}

// shownName is a contact's name, with its company.
func shownName(c mapping.Contact) string {
	if c.CompanyName == "" || c.CompanyName == c.Name || c.Name == "" {
		return c.Named().Name
	}
	return c.Name + ", " + c.CompanyName
}
