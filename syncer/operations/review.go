package operations

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// ProposalStore lists the first matches that wait for approval; *pgstore.Store has them.
type ProposalStore interface {
	Proposals(ctx context.Context, q store.ProposalQuery) ([]store.Link, error)
	ProposedImports(ctx context.Context, q store.ProposalQuery) ([]store.ProposedImport, error)
	CountProposals(ctx context.Context) (store.Proposals, error)
}

// ReviewRequest chooses first matches that wait for approval: one of a contact or of a
// partner, or a page of all, or of those that would do one thing.
type ReviewRequest struct {
	Does        store.Proposed `json:"does,omitempty"` // link, create, import
	ContactID   string         `json:"contactId,omitempty"`
	MetaKockaID string         `json:"metakockaId,omitempty"` // of an import
	Page
}

// FirstMatch is a first match that waits for approval.
type FirstMatch struct {
	Does        store.Proposed           `json:"does"`
	ContactID   string                   `json:"contactId,omitempty"`   // none: one would be made
	MetaKockaID string                   `json:"metakockaId,omitempty"` // none: one would be made
	Version     string                   `json:"version"`               // that an approval is of
	MappingID   string                   `json:"mappingId,omitempty"`
	Name        string                   `json:"name"`
	Values      map[mapping.Field]string `json:"values"` // that are not empty, of the contact or of the partner to import
	Since       time.Time                `json:"since"`
	Candidates  []Candidate              `json:"candidates"` // whom the contact may be, the likeliest first
}

// FirstMatches is a page of them.
type FirstMatches struct {
	Items  []FirstMatch           `json:"items"`
	Next   string                 `json:"next,omitempty"`
	Counts map[store.Proposed]int `json:"counts"` // how many there are
	// AsOf is when that was, in words of the database: an approval of all is of what stood
	// so then.
	AsOf string `json:"asOf"`
}

// Where a page of contacts, or of partners, goes on. Contacts come first.
const (
	behindContact = "contact "
	behindPartner = "partner "
)

// Review lists the first matches that wait for a person's approval: contacts by their ids, then
// partners that would become contacts by theirs. Nothing is asked of MetaKocka.
func (a *API) Review(ctx context.Context, r ReviewRequest) (l FirstMatches, err error) {
	r.Limit = cmp.Or(r.Limit, usualUnclear)
	if _, err := r.limit(); err != nil {
		return l, err
	}
	if err := checkDoes(r.Does); err != nil {
		return l, err
	}
	contacts, imports, err := r.queries(a)
	if err != nil {
		return l, err
	}

	// What is stored behind the count is not in it, and counts as not shown.
	counted, err := a.records.CountProposals(ctx)
	if err != nil {
		return l, err
	}
	l = FirstMatches{Items: []FirstMatch{}, Counts: counted.Counts, AsOf: counted.AsOf}
	if contacts != nil {
		if err := a.reviewContacts(ctx, *contacts, &l); err != nil {
			return l, err
		}
	}
	if left := r.Limit - len(l.Items); imports != nil && left > 0 {
		imports.Limit = left
		err = a.reviewImports(ctx, *imports, &l)
	}
	if len(l.Items) < r.Limit {
		l.Next = ""
	}
	return l, err
}

func checkDoes(does store.Proposed) error {
	if does != "" && !slices.Contains(store.AllProposed(), does) {
		return syncer.Refuse(syncer.CodeMalformed, "request.does", "does: must be link, create or import")
	}
	return nil
}

// queries are what the request asks of contacts and of partners; nil: nothing.
func (r ReviewRequest) queries(a *API) (contacts, imports *store.ProposalQuery, err error) {
	contacts = &store.ProposalQuery{Does: r.Does, Limit: r.Limit}
	imports = &store.ProposalQuery{}

	switch {
	case r.ContactID != "":
		id, err := a.contactID("contactId", r.ContactID)
		contacts.Of = []string{id}
		return contacts, nil, err
	case r.MetaKockaID != "":
		imports.Of = []string{r.MetaKockaID}
		return nil, imports, checkID("metakockaId", r.MetaKockaID)
	case r.Does == store.ProposeImport:
		contacts = nil
	case r.Does != "":
		imports = nil
	}

	if r.After == "" {
		return contacts, imports, nil
	}
	// A list of what only contacts, or only partners, would do goes on among those.
	if id, of := strings.CutPrefix(r.After, behindPartner); of && imports != nil {
		imports.After = id
		return nil, imports, checkID("after", id)
	}
	if id, of := strings.CutPrefix(r.After, behindContact); of && contacts != nil {
		contacts.After, err = a.contactID("after", id)
		return contacts, imports, err
	}
	return nil, nil, syncer.Refuse(syncer.CodeMalformed, "request.after", "after: is not what a list's next was")
}

// reviewContacts adds contacts to a page.
func (a *API) reviewContacts(ctx context.Context, q store.ProposalQuery, l *FirstMatches) error {
	links, err := a.records.Proposals(ctx, q)
	if err != nil {
		return err
	}
	u, err := a.unclearOf(ctx, links)
	if err != nil {
		return err
	}
	for _, link := range links {
		m := u.match(link)
		l.Items = append(l.Items, FirstMatch{
			Does: link.Proposal.Does, ContactID: link.ContactID, MetaKockaID: link.Proposal.MetaKockaID, Version: link.Proposal.Version, MappingID: link.ID,
			Name: m.Name, Values: m.Values, Since: link.Proposal.At, Candidates: m.Candidates,
		})
		l.Next = behindContact + link.ContactID
	}
	return nil
}

// reviewImports adds partners that would become contacts.
func (a *API) reviewImports(ctx context.Context, q store.ProposalQuery, l *FirstMatches) error {
	found, err := a.records.ProposedImports(ctx, q)
	if err != nil {
		return err
	}
	for _, i := range found {
		p, err := syncer.DecodeSeen(store.ObservedPartner{MetaKockaID: i.MetaKockaID, Data: i.Data})
		if err != nil {
			return err
		}
		as := syncer.PartnerParty(p).Is
		l.Items = append(l.Items, FirstMatch{
			Does: store.ProposeImport, MetaKockaID: i.MetaKockaID, Version: i.Version, Name: shownName(as), Values: values(as), Since: i.At, Candidates: []Candidate{},
		})
		l.Next = behindPartner + i.MetaKockaID
	}
	return nil
}
