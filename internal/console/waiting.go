package console

import (
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// row is one thing that waits for a person.
type row struct {
	Kind      string
	ID        string // what it is decided by
	ContactID string // "": of a partner that no contact is linked with
	PartnerID string
	Name      string
	Since     time.Time
	Field     mapping.Field // of a conflict, with what both sides hold and held
	CRM       string
	MetaKocka string
	Before    string
	Side      mapping.Side             // of a deletion: where the record was deleted
	Said      coded.Text               // why it waits
	Match     *operations.UnclearMatch // of a match: whom the contact may be
	Does      store.Proposed           // of a first match that waits for approval
	Buttons   []choice
}

// choice is a button of a row, by what it decides.
type choice struct {
	Name   string // the same for all rows of the kind
	Button button
}

// kindOf is how one kind is listed, and how one of it is found again.
type kindOf struct {
	name string
	list func(ctx context.Context, v *visit, p operations.Page) (operations.List[row], error)
	find func(ctx context.Context, v *visit, id string) (row, error)
	bulk []string // choices that may be made of many at once
}

// kindsWaiting are all kinds, in the order of the page.
func kindsWaiting() []kindOf {
	return []kindOf{
		{"conflict", listConflicts, findConflict, []string{"crm", "metakocka"}},
		{"review", listReviews, findReview, []string{"approve"}},
		{"match", listMatches, findMatch, []string{"new"}},
		{"deletion", listDeletions, findDeletion, []string{"approve", "reject"}},
		{"error", listErrors, findError, []string{"retry"}},
		{"dead_letter", listDeadLetters, findDeadLetter, []string{"retry", "discard"}},
	}
}

// kindNamed is one of them.
func kindNamed(name string) kindOf {
	all := kindsWaiting()
	return all[slices.IndexFunc(all, func(k kindOf) bool { return k.name == name })]
}

// waitingData is everything that waits, or one kind of it.
type waitingData struct {
	Counts counts
	Kind   string // "": all
	Groups []group
}

func (d waitingData) waiting() int { return d.Counts.Total() }

// Kinds are those that the page leads to.
func (d waitingData) Kinds() []kind { return d.Counts.kinds() }

// group is one kind on the page.
type group struct {
	Kind  string
	Count int // how many there are, also where fewer are shown
	Rows  []row
	Next  string // where the next page of it is
	Whole bool   // all of it is shown
	Bulk  []string
	// Reasons are the rows by what they wait for, and Every the choices of all of the kind.
	Reasons []sameReason
	Every   []everyChoice
}

// How many of each kind are shown beside others, and alone.
const (
	someRows = 20
	manyRows = 50
)

func waiting(ctx context.Context, v *visit) (view, error) {
	kind, after := v.r.FormValue("kind"), v.r.FormValue("after")
	d := waitingData{Kind: kind}
	limit := someRows
	if kind != "" {
		limit = manyRows
	}

	// A list that is shown whole is its own count; the others, and those that are not shown,
	// are counted.
	whole := kind == ""
	for _, k := range kindsWaiting() {
		if kind != "" && k.name != kind {
			continue
		}
		g, err := v.group(ctx, k, operations.Page{After: after, Limit: limit})
		if err != nil {
			return view{}, err
		}
		g.Whole = g.Next == "" && after == ""
		whole = whole && g.Whole
		d.Counts.set(k.name, len(g.Rows))
		if len(g.Rows) > 0 {
			d.Groups = append(d.Groups, g)
		}
	}
	if !whole {
		s, err := v.status(ctx)
		if err != nil {
			return view{}, err
		}
		shown := d.Counts
		d.Counts = waitingOf(s)
		for _, g := range d.Groups {
			if g.Whole {
				d.Counts.set(g.Kind, shown.of(g.Kind))
			}
		}
	}
	for i, g := range d.Groups {
		d.Groups[i].Count = d.Counts.of(g.Kind)
	}
	return view{Page: "waiting", Title: "console.menu.waiting", Data: d}, nil
}

// at is where a kind is counted.
func (c *counts) at(kind string) *int {
	return map[string]*int{
		"conflict": &c.Conflicts, "review": &c.Reviews, "match": &c.Matches, "deletion": &c.Deletions, "error": &c.Errors, "dead_letter": &c.DeadLetters,
	}[kind]
}

func (c *counts) set(kind string, n int) { *c.at(kind) = n }

func (c *counts) of(kind string) int { return *c.at(kind) }

// group is a page of one kind, with names.
func (v *visit) group(ctx context.Context, k kindOf, p operations.Page) (g group, err error) {
	found, err := k.list(ctx, v, p)
	if err != nil {
		return g, err
	}
	g = group{Kind: k.name, Rows: found.Items}
	if len(g.Rows) > 1 {
		g.Bulk = v.mayChoose(k, g.Rows[0])
		g.Every = v.everyOf(k, g.Rows[0], "")
	}
	if found.Next != "" {
		g.Next = root + "waiting?" + url.Values{"kind": {k.name}, "after": {found.Next}}.Encode()
		if p.After == "" && p.Limit == someRows {
			g.Next = root + "waiting?kind=" + k.name
		}
	}
	err = v.name(ctx, g.Rows)
	g.Reasons = v.byReason(k, g)
	return g, err
}

// mayChoose are the choices that may be made of many, by whoever looks.
func (v *visit) mayChoose(k kindOf, of row) (all []string) {
	for _, c := range of.Buttons {
		if slices.Contains(k.bulk, c.Name) && v.MayDo(c.Button.Do) {
			all = append(all, c.Name)
		}
	}
	return all
}

// name gives rows the names of their contacts and partners.
func (v *visit) name(ctx context.Context, rows []row) error {
	var contacts, partners []string
	for _, r := range rows {
		if contacts = append(contacts, r.ContactID); r.ContactID == "" {
			partners = append(partners, r.PartnerID)
		}
	}
	n, err := v.names(ctx, contacts, partners)
	if syncer.IsCode(err, syncer.CodeMalformed) { // a stranger's event may be of anything
		err = nil
	}
	for i, r := range rows {
		if rows[i].Name = n.Contact(r.ContactID); r.ContactID == "" {
			rows[i].Name = n.Partner(r.PartnerID)
		}
	}
	return err
}

// rowsOf makes rows of a list.
func rowsOf[T any](found operations.List[T], err error, of func(T) row) (operations.List[row], error) {
	l := operations.List[row]{Next: found.Next}
	for _, item := range found.Items {
		l.Items = append(l.Items, of(item))
	}
	return l, err
}

func listConflicts(ctx context.Context, v *visit, p operations.Page) (operations.List[row], error) {
	found, err := operations.OpConflicts.Ask(ctx, v.API, operations.JournalRequest{Page: p})
	return rowsOf(found, err, conflictRow)
}

func findConflict(ctx context.Context, v *visit, id string) (row, error) {
	c, err := operations.OpConflict.Ask(ctx, v.API, operations.EntryRequest{ID: id})
	if err == nil && c.Status != store.ConflictParked {
		err = syncer.Refuse(syncer.CodeConflict, "conflict.status", "conflict {conflict} is {status} by now", id, c.Status)
	}
	return conflictRow(c), err
}

func conflictRow(c operations.Conflict) row {
	take := func(side mapping.Side, value string) choice {
		b := button{Do: "conflict", Label: "console.do.take." + string(side), Value: value, Fields: map[string]string{"id": c.ID, "take": string(side)}}
		return choice{string(side), b}
	}
	return row{
		Kind: "conflict", ID: c.ID, ContactID: c.ContactID, PartnerID: c.MetaKockaID, Since: c.CreatedAt,
		Field: c.Field, CRM: c.CRMValue, MetaKocka: c.MetaKockaValue, Before: c.CRMBefore,
		Buttons: []choice{take(mapping.SideCRM, c.CRMValue), take(mapping.SideMetaKocka, c.MetaKockaValue)},
	}
}

func listDeletions(ctx context.Context, v *visit, p operations.Page) (operations.List[row], error) {
	found, err := operations.OpDeletions.Ask(ctx, v.API, operations.JournalRequest{Page: p})
	return rowsOf(found, err, deletionRow)
}

func findDeletion(ctx context.Context, v *visit, id string) (row, error) {
	found, err := operations.OpDeletions.Ask(ctx, v.API, operations.JournalRequest{Of: id})
	for _, d := range found.Items {
		if d.ID == id {
			return deletionRow(d), err
		}
	}
	return row{}, syncer.OrNotFound(err, "deletion.gone", "deletion {deletion} does not wait any more", id)
}

func deletionRow(d operations.Deletion) row {
	fields := map[string]string{"id": d.ID}
	return row{
		Kind: "deletion", ID: d.ID, ContactID: d.ContactID, PartnerID: d.MetaKockaID, Since: d.CreatedAt, Side: d.Side, Said: coded.Told(d.Reason, d.Said),
		Buttons: []choice{
			{"approve", button{Do: "deletion-approve", Label: "console.do.approve." + string(d.Side), Fields: fields, Grave: true}},
			{"reject", button{Do: "deletion-reject", Label: "console.do.reject." + string(d.Side), Fields: fields}},
		},
	}
}

func listErrors(ctx context.Context, v *visit, p operations.Page) (operations.List[row], error) {
	found, err := operations.OpMappings.Ask(ctx, v.API, operations.MappingsRequest{Status: store.StatusError, Page: p})
	return oldestFirst(rowsOf(found, err, errorRow))
}

func oldestFirst(l operations.List[row], err error) (operations.List[row], error) {
	slices.SortStableFunc(l.Items, func(a, b row) int { return a.Since.Compare(b.Since) })
	return l, err
}

func findError(ctx context.Context, v *visit, id string) (row, error) {
	m, err := operations.OpMapping.Ask(ctx, v.API, operations.MappingRequest{ContactID: id})
	if err == nil && m.SyncStatus != store.StatusError {
		err = syncer.Refuse(syncer.CodeConflict, "contact.status", "contact {contact} is {status} by now", id, m.SyncStatus)
	}
	return errorRow(m), err
}

func errorRow(m operations.Mapping) row {
	return row{
		Kind: "error", ID: m.ContactID, ContactID: m.ContactID, PartnerID: m.MetaKockaID, Since: m.UpdatedAt, Said: coded.Told(m.LastError, m.Said),
		Buttons: []choice{{"retry", button{Do: "sync", Label: "console.do.retry", Fields: map[string]string{"id": m.ContactID}}}},
	}
}

func listDeadLetters(ctx context.Context, v *visit, p operations.Page) (operations.List[row], error) {
	found, err := operations.OpDeadLetters.Ask(ctx, v.API, p)
	return rowsOf(found, err, deadLetterRow)
}

func findDeadLetter(ctx context.Context, v *visit, id string) (row, error) {
	d, found, err := find(ctx, v, operations.OpDeadLetters.Ask, func(d operations.DeadLetter) bool { return d.ID == id })
	if err != nil || !found {
		return row{}, syncer.OrNotFound(err, "letter.gone", "dead letter {letter} is not there any more", id)
	}
	return deadLetterRow(d), nil
}

func deadLetterRow(d operations.DeadLetter) row {
	fields := map[string]string{"id": d.ID}
	return row{
		Kind: "dead_letter", ID: d.ID, ContactID: d.ContactID, PartnerID: d.MetaKockaID, Since: d.StoredAt, Said: coded.Told(d.Reason, d.Said),
		Buttons: []choice{
			{"retry", button{Do: "dead-letter", Label: "console.do.retry", Fields: fields}},
			{"discard", button{Do: "discard", Label: "console.do.discard", Fields: fields, Ask: "console.contact.reason", Must: true, Grave: true}},
		},
	}
}
