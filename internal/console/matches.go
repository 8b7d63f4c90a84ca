package console

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

func listMatches(ctx context.Context, v *visit, p operations.Page) (operations.List[row], error) {
	found, err := operations.OpUnclear.Ask(ctx, v.API, p)
	return oldestFirst(rowsOf(found, err, matchRow))
}

// findMatch finds the unclear match of a contact.
func findMatch(ctx context.Context, v *visit, contactID string) (row, error) {
	m, found, err := find(ctx, v, operations.OpUnclear.Ask, func(m operations.UnclearMatch) bool { return m.ContactID == contactID })
	if err != nil || !found {
		return row{}, syncer.OrNotFound(err, "match.gone", "the match of contact {contact} does not wait any more", contactID)
	}
	return matchRow(m), nil
}

// find looks through a list, page by page, for the one that is meant.
func find[T any](ctx context.Context, v *visit, ask func(context.Context, operations.Answerer, operations.Page) (operations.List[T], error), meant func(T) bool) (one T, found bool, err error) {
	for after := ""; ; {
		page, err := ask(ctx, v.API, operations.Page{After: after})
		if at := slices.IndexFunc(page.Items, meant); at >= 0 {
			return page.Items[at], true, err
		}
		if after = page.Next; err != nil || after == "" {
			return one, false, err
		}
	}
}

// matchRow has a button for each partner that the contact may be, the likeliest first, and one
// for none of them.
func matchRow(m operations.UnclearMatch) row {
	r := row{Kind: "match", ID: m.ContactID, ContactID: m.ContactID, Since: m.Since, Said: coded.Told(m.Reason, m.Said), Match: &m}
	for _, c := range m.Candidates {
		if c.MetaKockaID == "" || c.LinkedWith != "" {
			continue
		}
		b := button{Do: "link", Label: "console.do.link", Value: called(c), Fields: map[string]string{"id": m.ContactID, "partner": c.MetaKockaID}}
		r.Buttons = append(r.Buttons, choice{"partner " + c.MetaKockaID, b})
	}
	r.Buttons = append(r.Buttons, choice{"new", button{Do: "make-new", Label: "console.do.make_new", Fields: map[string]string{"id": m.ContactID}}})
	return r
}

// called is a candidate's name with its id: two may have one name.
func called(c operations.Candidate) string {
	if c.Name == "" {
		return c.MetaKockaID
	}
	return c.Name + " (" + c.MetaKockaID + ")"
}

// sideBySide are the fields that a contact or one of those that it may be has.
func sideBySide(m *operations.UnclearMatch) []mapping.Field {
	return slices.DeleteFunc(mapping.Fields(), func(f mapping.Field) bool {
		return m.Values[f] == "" && !slices.ContainsFunc(m.Candidates, func(c operations.Candidate) bool { return c.Values[f] != "" })
	})
}
