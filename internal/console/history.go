package console

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// historyData is a page of what was written and decided.
type historyData struct {
	Form    url.Values // what was asked for
	Entries []operations.HistoryEntry
	Names   names
	Next    string
	CSV     string
	Window  string // the preview of taking back all that the filter's times choose; "": it has none
}

// Asked is a field of the filter.
func (d historyData) Asked(name string) string { return d.Form.Get(name) }

func history(ctx context.Context, v *visit) (view, error) {
	form := v.r.Form
	request, err := historyRequest(form, v.Zone)
	if err != nil {
		return view{}, err
	}

	request.Page = operations.Page{After: form.Get("after"), Limit: manyRows}
	found, err := operations.OpHistory.Ask(ctx, v.API, request)
	if err != nil {
		return view{}, err
	}

	d := historyData{Form: form, Entries: found.Items, CSV: root + "history.csv?" + without(form, "after").Encode()}
	if d.Names, err = v.namesIn(ctx, found.Items); err != nil {
		return view{}, err
	}

	if found.Next != "" {
		d.Next = next("history", form, found.Next)
	}
	if request.Since != "" && request.Until != "" {
		d.Window = root + "undo?" + without(form, "after").Encode()
	}
	return view{Page: "history", Title: "console.menu.history", Data: d}, nil
}

// namesIn are the names of the contacts that entries tell of, and of the partners of those
// that tell of none.
func (v *visit) namesIn(ctx context.Context, entries []operations.HistoryEntry) (names, error) {
	var contacts, partners []string
	for _, e := range entries {
		if contacts = append(contacts, e.ContactID); e.ContactID == "" {
			partners = append(partners, e.MetaKockaID)
		}
	}
	return v.names(ctx, contacts, partners)
}

// next is the address of a list's next page.
func next(page string, form url.Values, after string) string {
	form = without(form, "after")
	form.Set("after", after)
	return root + page + "?" + form.Encode()
}

// without is a form without a field, and without those that are empty.
func without(form url.Values, field string) url.Values {
	kept := url.Values{}
	for name, values := range form {
		for _, value := range values {
			if name != field && value != "" {
				kept.Add(name, value)
			}
		}
	}
	return kept
}

// historyRequest reads the filter. Times without a zone are in the one that the page shows.
func historyRequest(form url.Values, zone *time.Location) (r operations.HistoryRequest, err error) {
	r = operations.HistoryRequest{
		ContactID: form.Get("contact"), MetaKockaID: form.Get("partner"), Side: mapping.Side(form.Get("side")), By: form.Get("by"), Job: form.Get("job"),
	}
	if r.Since, err = typedTime("since", form.Get("since"), zone); err != nil {
		return r, err
	}
	r.Until, err = typedTime("until", form.Get("until"), zone)
	return r, err
}

// typedTime reads a time as a form or a program writes it.
func typedTime(field, text string, zone *time.Location) (string, error) {
	if text = strings.TrimSpace(text); text == "" {
		return "", nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at.Format(time.RFC3339Nano), nil
		}
	}
	return "", syncer.Refuse(syncer.CodeMalformed, "time", "{which}: is not a time such as 2026-08-31 14:00", field)
}

// undoData is what taking back would do.
type undoData struct {
	Form   url.Values
	Result operations.UndoResult
	Names  names
	Next   string
	Many   bool // this page shows not all of the contacts
}

// undoPreview shows what taking writes back would do. It writes nothing.
func undoPreview(ctx context.Context, v *visit) (view, error) {
	request, err := undoRequest(v.r.Form, v.Zone)
	if err != nil {
		return view{}, err
	}
	request.DryRun = true
	request.After = v.r.FormValue("after")

	d := undoData{Form: without(without(v.r.Form, "back"), "after")}
	if d.Result, err = operations.OpUndo.Ask(ctx, v.API, request); err != nil {
		return view{}, err
	}
	if d.Result.Next != "" {
		d.Next = next("undo", v.r.Form, d.Result.Next)
	}
	d.Many = d.Next != "" || request.After != ""

	var ids []string
	for _, item := range d.Result.Items {
		ids = append(ids, item.ContactID)
	}
	if d.Names, err = v.names(ctx, ids, nil); err != nil {
		return view{}, err
	}

	return view{Page: "undo", Title: "console.undo.title", Menu: "history", Data: d}, nil
}

// Does reports whether there is anything to take back.
func (d undoData) Does() bool { return d.Result.Undone > 0 || d.Many }

// Back is where the undo leads.
func (d undoData) Back() string {
	if id := d.Form.Get("contact"); id != "" {
		return contactPath(id)
	}
	return root + "history"
}

// severalIDs are those of a form, whose fields may name several each.
func severalIDs(form url.Values) (ids []string) {
	for _, id := range form["id"] {
		ids = append(ids, strings.Split(id, ",")...)
	}
	return ids
}

// undoRequest reads what is to be taken back: some entries, a contact back to a time, a job's
// writes, or those of a window.
func undoRequest(form url.Values, zone *time.Location) (r operations.UndoRequest, err error) {
	chosen, err := historyRequest(form, zone)
	if err != nil {
		return r, err
	}
	r = operations.UndoRequest{
		IDs: severalIDs(form), ContactID: chosen.ContactID, Since: chosen.Since, Until: chosen.Until, Side: chosen.Side, By: chosen.By, Job: chosen.Job,
	}
	if len(r.IDs) > 0 { // they say everything
		r = operations.UndoRequest{IDs: r.IDs}
	}
	r.To, err = typedTime("to", form.Get("to"), zone)
	return r, err
}

// mostUndoable is how many writes a notice can have taken back again.
const mostUndoable = 150

func undoWrites(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	request, err := undoRequest(form, v.Zone)
	if err != nil {
		return b, err
	}
	done, err := operations.OpUndo.Ask(ctx, v.API, request)
	if err != nil {
		return b, err
	}
	if done.Job != "" {
		return became{ID: "console.done.undo_job", N: done.Contacts, Counts: true, To: jobPath(done.Job)}, nil
	}
	b = became{ID: "console.done.undo", N: done.Undone, Counts: true}
	for _, item := range done.Items {
		if item.Left.Code != "" {
			b.Lines = append(b.Lines, remark{Contact: item.ContactID, Left: withoutValues(item.Left)})
		}
	}
	b.Failed = done.Undone == 0
	b.undoMany("undo", done.HistoryIDs)
	return b, nil
}

// undoable reports whether an entry is a write that may be taken back.
func undoable(e operations.HistoryEntry) bool {
	return e.Side != "" && (e.Act == store.ActWrite || e.Act == store.ActCreate && e.Side == mapping.SideCRM)
}
