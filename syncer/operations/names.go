package operations

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
)

// NamesRequest asks what contacts and partners are called.
type NamesRequest struct {
	ContactIDs   []string `json:"contactIds,omitempty"`
	MetaKockaIDs []string `json:"metakockaIds,omitempty"`
}

// Names are names by id. Who is not known, or has none, is left out.
type Names struct {
	Contacts map[string]string `json:"contacts"`
	Partners map[string]string `json:"partners"`
}

// Names says what contacts and partners are called, for lists that name ids alone. A contact
// that is gone is called as it was when its two sides last agreed, one without a name by its
// e-mail.
func (a *API) Names(ctx context.Context, r NamesRequest) (Names, error) {
	n := Names{map[string]string{}, map[string]string{}}
	ids, err := r.checked(a)
	if err != nil {
		return n, err
	}

	pairs, err := a.records.PairsOf(ctx, ids)
	if err != nil {
		return n, err
	}
	for _, p := range pairs {
		contact := p.Contact
		if contact == nil {
			contact = &p.Link.BaseOr(mapping.Base{}).CRM
		}
		if name := cmp.Or(strings.TrimSpace(shownName(*contact)), contact.Email); name != "" {
			n.Contacts[p.ContactID] = name
		}
	}

	for _, id := range r.MetaKockaIDs {
		seen, err := a.records.Observed(ctx, id)
		if err != nil {
			return n, err
		}
		if seen != nil && seen.Name != "" {
			n.Partners[id] = seen.Name
		}
	}
	return n, nil
}

// checked gives the contacts' ids as Postgres writes them.
func (r NamesRequest) checked(a *API) ([]string, error) {
	if len(r.ContactIDs) > largestPage || len(r.MetaKockaIDs) > usualPage {
		return nil, syncer.Refuse(syncer.CodeTooLarge, "request.names", "at most {contacts} contacts and {partners} partners at once", largestPage, usualPage)
	}
	ids := []string{}
	for i, id := range r.ContactIDs {
		id, err := a.contactID(fmt.Sprintf("contactIds[%d]", i), id)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	for i, id := range r.MetaKockaIDs {
		if err := checkID(fmt.Sprintf("metakockaIds[%d]", i), id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}
