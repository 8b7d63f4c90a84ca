package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// contactData is everything that is known of one contact.
type contactData struct {
	operations.ContactPage
	Name string
	Rows []row // what waits
	// Merges are those that may be taken back.
	Merges []operations.Merge
	// Older is where the history goes on; "": all of it is shown.
	Older string
}

// Linked reports whether the contact has a partner.
func (d contactData) Linked() bool { return d.Partner.MetaKockaID != "" && d.SyncStatus.Alive() }

func contact(ctx context.Context, v *visit) (view, error) {
	id := v.r.FormValue("id")
	found, err := operations.OpContact.Ask(ctx, v.API, operations.ContactRequest{ID: id})
	if err != nil {
		return view{}, err
	}
	d := contactData{ContactPage: found, Name: v.called(ctx, found.ContactID)}
	if d.Rows, err = v.waitingOf(ctx, found); err != nil {
		return view{}, err
	}
	if d.Merges, err = v.mergesOf(ctx, found.ContactID); err != nil {
		return view{}, err
	}
	if len(found.History) > 0 {
		d.Older = root + "history?" + url.Values{"contact": {found.ContactID}}.Encode()
	}
	return view{Page: "contact", Title: "console.menu.contact", Name: d.Name, Menu: "contacts", Data: d}, nil
}

// mergesOf are the newest merges of a contact, with either end, that may be taken back.
func (v *visit) mergesOf(ctx context.Context, contactID string) (done []operations.Merge, err error) {
	found, err := operations.OpMerges.Ask(ctx, v.API, operations.MergesRequest{Of: contactID, Page: operations.Page{Limit: someRows}})
	for _, m := range found.Items {
		if m.Status == store.MergeDone {
			done = append(done, m)
		}
	}
	return done, err
}

// syncPreview shows what bringing a contact in step would write now. It writes nothing.
func syncPreview(ctx context.Context, v *visit) (view, error) {
	p, err := operations.OpPreview.Ask(ctx, v.API, operations.PreviewRequest{ContactID: v.r.FormValue("id")})
	if err != nil {
		return view{}, err
	}
	d := linkData{ContactID: p.ContactID, Name: v.called(ctx, p.ContactID), Preview: p}
	return view{Page: "preview", Title: "console.preview.title", Menu: "contacts", Name: d.Name, Data: d}, nil
}

// waitingOf are the rows of what waits of a contact.
func (v *visit) waitingOf(ctx context.Context, c operations.ContactPage) ([]row, error) {
	var rows []row
	for _, w := range c.Waiting {
		for _, k := range kindsWaiting() {
			if k.name != string(w.Kind) {
				continue
			}

			id := w.ID
			if id == "" {
				id = c.ContactID
			}

			r, err := k.find(ctx, v, id)
			switch {
			case syncer.IsCode(err, syncer.CodeNotFound), syncer.IsCode(err, syncer.CodeConflict): // decided meanwhile
			case err != nil:
				return nil, err
			default:
				rows = append(rows, r)
			}
		}
	}
	return rows, v.name(ctx, rows)
}
