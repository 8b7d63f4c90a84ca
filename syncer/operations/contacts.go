package operations

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// ContactsRequest chooses contacts: those that are linked, or were, in a status; or those
// that a search finds.
type ContactsRequest struct {
	// Search is a part of a name, e-mail, tax number, phone or partner's number on either
	// side, whatever the case, accents and blanks; or an id.
	Search string       `json:"search,omitempty"`
	Status store.Status `json:"status,omitempty"`
	Page
}

// ListedContact is a contact in a list, with the names of both sides.
type ListedContact struct {
	ContactID    string       `json:"contactId"`
	Name         string       `json:"name"` // the CRM's; "": it has none, or the contact is gone
	CompanyName  string       `json:"companyName"`
	MetaKockaID  string       `json:"metakockaId"`
	PartnerName  string       `json:"partnerName"`
	MappingID    string       `json:"mappingId"`
	SyncStatus   store.Status `json:"syncStatus"` // "": there is no mapping
	LastSyncedAt *time.Time   `json:"lastSyncedAt"`
	LastError    string       `json:"lastError"`
	// Said is the last error as a code with parameters.
	Said      coded.Text      `json:"said,omitzero"`
	Differing []mapping.Field `json:"differing,omitempty"`
	LeftOut   bool            `json:"leftOut"` // by the configured filter, or by a person
}

func listedContactOf(l store.ListedContact) ListedContact {
	return ListedContact{
		ContactID: l.ContactID, Name: l.Name, CompanyName: l.CompanyName, MetaKockaID: l.MetaKockaID, PartnerName: l.PartnerName,
		MappingID: l.LinkID, SyncStatus: l.Status, LastSyncedAt: known(l.LastSyncedAt), LastError: l.LastError.String(), Said: said(l.LastError),
		Differing: l.Differing, LeftOut: l.Exists && !l.InScope,
	}
}

// What a page begins after: a contact with a mapping, or, behind all those, one without.
const (
	afterLinked   = "m."
	afterUnlinked = "c."
)

// mostSearched is how long a text may be that is looked for.
const mostSearched = 200

func parseSearch(text string) (mapping.Search, error) {
	s := mapping.ParseSearch(text)
	switch {
	case len(text) > mostSearched:
		return s, syncer.Refuse(syncer.CodeMalformed, "search_long", "search: is longer than {count} bytes", mostSearched)
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) || r == unicode.ReplacementChar }):
		return s, syncer.Refuse(syncer.CodeMalformed, "search_odd", "search: has characters that nobody types")
	case text != "" && !s.Asks():
		return s, syncer.Refuse(syncer.CodeMalformed, "search_empty", "search: has no letter and no digit")
	}
	return s, nil
}

// contactsPage is a page that is asked for.
type contactsPage struct {
	store.ContactQuery
	unlinked bool // it begins among the contacts without a mapping
}

func (r ContactsRequest) page(a *API) (p contactsPage, err error) {
	if p.Search, err = parseSearch(r.Search); err != nil {
		return p, err
	}
	if p.Status, err = checkStatus(r.Status); err != nil {
		return p, err
	}

	if exact := strings.TrimSpace(r.Search); p.Search.Number != "" { // ids and numbers have digits
		p.exactly(a, exact)
	}

	if err := p.begin(a, r.After); err != nil {
		return p, err
	}
	p.Limit, err = r.limit()
	return p, err
}

// exactly looks for what may be an id as well, or a partner's number.
func (p *contactsPage) exactly(a *API, text string) {
	if checkID("search", text) == nil {
		p.Exact = text
	}
	if key, err := a.contactID("search", text); err == nil {
		p.Key = key
	}
}

// begin says what the page begins after.
func (p *contactsPage) begin(a *API, after string) (err error) {
	if after == "" {
		return nil
	}
	id, linked := strings.CutPrefix(after, afterLinked)
	if !linked {
		id, p.unlinked = strings.CutPrefix(after, afterUnlinked)
	}
	if !linked && !p.unlinked {
		return syncer.Refuse(syncer.CodeMalformed, "request.after", "after: is not what a list's next was")
	}
	p.After, err = a.contactID("after", id)
	return err
}

// Contacts lists contacts by id, first those with a mapping. A search finds others as well:
// those that are new, and those that the configured filter leaves out.
func (a *API) Contacts(ctx context.Context, r ContactsRequest) (l List[ListedContact], err error) {
	p, err := r.page(a)
	if err != nil {
		return l, err
	}
	var found []store.ListedContact
	if !p.unlinked {
		if found, err = a.records.ListContacts(ctx, p.ContactQuery); err != nil {
			return l, err
		}
		l = listOf(found, p.Limit, listedContactOf, func(c store.ListedContact) string { return afterLinked + c.ContactID })
	}
	if l.Next != "" || !p.Search.Asks() || p.Status != "" {
		return l, nil
	}

	after := ""
	if p.unlinked {
		after = p.After
	}
	others, err := a.records.FindUnlinked(ctx, p.Search, after, p.Limit-len(found))
	if err != nil {
		return l, err
	}
	return listOf(append(found, others...), p.Limit, listedContactOf, func(c store.ListedContact) string { return afterUnlinked + c.ContactID }), nil
}
