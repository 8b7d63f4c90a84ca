package console

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// bulkData is what is to be decided of many at once, for a person to look at first.
type bulkData struct {
	Kind, Choice string
	Back         string // the list that it was chosen in
	// Every says that all of the kind were chosen, or all that have a reason; else each by itself.
	Every, Because string
	Rows           []row // each with the one button that was chosen
	Gone           int   // of those chosen, which do not wait any more
	More           bool  // there are more than are decided at once
}

// mostAtOnce is how many are decided by one form: as many as a browser may wait for.
const mostAtOnce = 500

// Shown are the rows that are looked at, and Further how many more there are.
func (d bulkData) Shown() []row { return d.Rows[:min(len(d.Rows), manyRows)] }

// Further implements the page's.
func (d bulkData) Further() int { return len(d.Rows) - len(d.Shown()) }

// Until is the newest of the rows: what came after the preview is not decided by it.
func (d bulkData) Until() string {
	var newest time.Time
	for _, r := range d.Rows {
		if r.Since.After(newest) {
			newest = r.Since
		}
	}
	return newest.Format(time.RFC3339Nano)
}

// Asks is the button whose question the form asks for all; none asks: an empty one.
func (d bulkData) Asks() (b button) {
	if len(d.Rows) > 0 && len(d.Rows[0].Buttons) > 0 {
		b = d.Rows[0].Buttons[0].Button
	}
	return b
}

// kindsInBulk are all of which many may be decided at once.
func kindsInBulk() []kindOf {
	return append(kindsWaiting(), kindOf{name: "contact", find: findContact, bulk: []string{"sync", "leave_out"}})
}

// bulk shows what a choice would do with all that were chosen. It writes nothing.
func bulk(ctx context.Context, v *visit) (view, error) {
	d, err := v.chosen(ctx, v.r.Form)
	if err != nil {
		return view{}, err
	}
	if err := v.name(ctx, d.Rows); err != nil {
		return view{}, err
	}
	menu := "waiting"
	if d.Kind == "contact" {
		menu = "contacts"
	}
	return view{Page: "bulk", Title: "console.bulk.title", Menu: menu, Data: d}, nil
}

// chosen finds the rows of a form, each with the button that the form chooses.
func (v *visit) chosen(ctx context.Context, form url.Values) (d bulkData, err error) {
	d = bulkData{Kind: form.Get("kind"), Choice: form.Get("choice"), Every: form.Get("every"), Because: form.Get("because")}
	d.Back = root + "waiting?kind=" + url.QueryEscape(d.Kind)
	if d.Kind == "contact" {
		d.Back = root + "contacts"
	}
	all := kindsInBulk()
	i := slices.IndexFunc(all, func(k kindOf) bool { return k.name == d.Kind && slices.Contains(k.bulk, d.Choice) })
	if i < 0 || d.Every != "" && all[i].list == nil {
		return d, errNothing
	}

	if d.Every != "" {
		err = v.every(ctx, all[i], form.Get("until"), &d)
	} else {
		err = v.each(ctx, all[i], form["choose"], &d)
	}
	for i, r := range d.Rows {
		d.Rows[i].Buttons = slices.DeleteFunc(r.Buttons, func(c choice) bool { return c.Name != d.Choice })
	}
	return d, err
}

// each finds those that were chosen one by one.
func (v *visit) each(ctx context.Context, k kindOf, ids []string, d *bulkData) error {
	if len(ids) > manyRows {
		return syncer.Refuse(syncer.CodeTooLarge, "at_most", "at most {count} at once", manyRows)
	}
	for _, id := range ids {
		r, err := k.find(ctx, v, id)
		switch {
		case syncer.IsCode(err, syncer.CodeNotFound), syncer.IsCode(err, syncer.CodeConflict):
			d.Gone++
		case err != nil:
			return err
		default:
			d.Rows = append(d.Rows, r)
		}
	}
	return nil
}

// every finds all of a kind, or all of one reason, but what is newer than until, where it is
// given.
func (v *visit) every(ctx context.Context, k kindOf, until string, d *bulkData) error {
	var last time.Time
	if until != "" {
		at, err := time.Parse(time.RFC3339Nano, until)
		if err != nil {
			return syncer.Refuse(syncer.CodeMalformed, "request.until", "until: is not a time")
		}
		last = at
	}

	for after := ""; ; {
		found, err := k.list(ctx, v, operations.Page{After: after, Limit: largePage})
		if err != nil {
			return err
		}
		for _, r := range found.Items {
			if d.Because != "" && r.because() != d.Because || !last.IsZero() && r.Since.After(last) {
				continue
			}
			if d.More = len(d.Rows) == mostAtOnce; d.More {
				return nil
			}
			d.Rows = append(d.Rows, r)
		}
		if after = found.Next; after == "" {
			return nil
		}
	}
}

// decideMany does it, one after the other, and says of which it did not succeed.
func decideMany(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	d, err := v.chosen(ctx, form)
	if err != nil {
		return b, err
	}
	if asks := d.Asks(); asks.Do == "sync" && len(d.Rows) > manyRows {
		return v.syncMany(ctx, d.Rows)
	}

	b = became{ID: "console.done.bulk", Counts: true}
	if d.Kind == "contact" {
		b.ID = "console.done.bulk_contacts"
	}
	var undo []string
	for _, r := range d.Rows {
		for _, c := range r.Buttons {
			fields := url.Values{"reason": {form.Get("reason")}}
			for name, value := range c.Button.Fields {
				fields.Set(name, value)
			}
			one, err := actions()[c.Button.Do].do(ctx, v, fields)
			switch {
			case syncer.IsCode(err, syncer.CodeForbidden):
				return b, err
			case err != nil:
				b.Lines = append(b.Lines, r.whose(refusedAs(err)))
			case one.Failed:
				for _, l := range one.Lines {
					b.Lines = append(b.Lines, r.whose(l))
				}
			default:
				b.N++
				undo = append(undo, one.undoes("conflict-undo")...)
			}
		}
	}
	b.Failed = len(b.Lines) > 0
	b.undoMany("conflict-undo", undo)
	return b, nil
}

// whose says that a line is the row's.
func (r row) whose(l remark) remark {
	l.Contact = r.ContactID
	if l.Contact == "" {
		l.Partner = r.PartnerID
	}
	return l
}

// syncMany has contacts synced as a job: a browser does not wait that long.
func (v *visit) syncMany(ctx context.Context, rows []row) (became, error) {
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ContactID)
	}
	_, err := operations.OpStartBulkSync.Ask(ctx, v.API, operations.BulkSyncRequest{ContactIDs: ids})
	return became{ID: "console.done.retry_all", Counts: true, N: len(ids)}, err
}

// findContact is a contact of the list of all contacts.
func findContact(ctx context.Context, v *visit, id string) (row, error) {
	s, err := operations.OpContactStatus.Ask(ctx, v.API, operations.ContactRequest{ID: id})
	if err == nil && s.ReasonCode == syncer.StandsGone {
		err = syncer.Refuse(syncer.CodeNotFound, "contact.none", "there is no contact {contact}", id)
	}
	return contactRow(id), err
}

func contactRow(id string) row {
	fields := map[string]string{"id": id}
	return row{
		Kind: "contact", ID: id, ContactID: id,
		Buttons: []choice{
			{"sync", button{Do: "sync", Label: "console.do.sync", Fields: fields}},
			{"leave_out", button{Do: "leave-out", Label: "console.contact.leave", Fields: fields, Ask: "console.contact.reason", Must: true}},
		},
	}
}
