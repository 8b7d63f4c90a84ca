package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// contactsData is a page of the contacts.
type contactsData struct {
	Form     url.Values
	Contacts []operations.ListedContact
	Statuses []store.Status
	Count    int // how many there are in all; less than zero: not counted, for it is a search
	Next     string
	CSV      string
	Bulk     []string // what may be done with several at once
}

// Asked is a field of the filter.
func (d contactsData) Asked(name string) string { return d.Form.Get(name) }

func contactsRequest(form url.Values) operations.ContactsRequest {
	return operations.ContactsRequest{Search: form.Get("search"), Status: store.Status(form.Get("status"))}
}

func contacts(ctx context.Context, v *visit) (view, error) {
	request := contactsRequest(v.r.Form)
	request.Page = operations.Page{After: v.r.FormValue("after"), Limit: manyRows}
	found, err := operations.OpContacts.Ask(ctx, v.API, request)
	if err != nil {
		return view{}, err
	}
	d := contactsData{Form: v.r.Form, Contacts: found.Items, Statuses: store.Statuses(), Count: -1, CSV: root + "contacts.csv?" + without(v.r.Form, "after").Encode()}
	if k := kindsInBulk(); len(found.Items) > 0 {
		d.Bulk = v.mayChoose(k[len(k)-1], contactRow(""))
	}
	if found.Next != "" {
		d.Next = next("contacts", v.r.Form, found.Next)
	}
	if request.Search == "" {
		d.Count, err = v.countContacts(ctx, request.Status, len(found.Items), found.Next == "" && request.After == "")
	}
	return view{Page: "contacts", Title: "console.menu.contacts", Data: d}, err
}

// countContacts is how many contacts have a status, or any; whole: the page has all of them.
func (v *visit) countContacts(ctx context.Context, of store.Status, shown int, whole bool) (n int, err error) {
	if whole {
		return shown, nil
	}
	s, err := v.status(ctx)
	for status, count := range s.Mappings {
		if of == "" || of == status {
			n += count
		}
	}
	return n, err
}

func contactsCSV(ctx context.Context, v *visit) (view, error) {
	request := contactsRequest(v.r.Form)
	ask := func(p operations.Page) (operations.List[operations.ListedContact], error) {
		request.Page = p
		return operations.OpContacts.Ask(ctx, v.API, request)
	}
	return v.download("mksync-contacts", func(s sheet) error {
		if err := s.write(v.head("contact", "name", "company", "status", "partner", "partner_name", "synced", "words")...); err != nil {
			return err
		}
		return pages(s, ask, func(items []operations.ListedContact) error {
			for _, c := range items {
				if err := s.write(c.ContactID, c.Name, c.CompanyName, v.statusName(c.SyncStatus), c.MetaKockaID, c.PartnerName, v.day(moment(c.LastSyncedAt)), v.lang.Said(coded.Told(c.LastError, c.Said))); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// statusName is what a status is called; "": the contact was never linked.
func (v *visit) statusName(s store.Status) string {
	if s == "" {
		s = "none"
	}
	return v.lang.Text("console.status." + string(s))
}
