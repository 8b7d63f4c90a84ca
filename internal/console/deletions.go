package console

import (
	"context"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// deletionsData is the journal of deletions.
type deletionsData struct {
	All       bool
	Deletions []operations.Deletion
	Names     names
	Next      string
	Every     []everyChoice // of all that wait
}

func deletions(ctx context.Context, v *visit) (view, error) {
	d := deletionsData{All: v.r.FormValue("all") != ""}
	found, err := operations.OpDeletions.Ask(ctx, v.API, operations.JournalRequest{All: d.All, Page: operations.Page{After: v.r.FormValue("after"), Limit: manyRows}})
	if err != nil {
		return view{}, err
	}
	d.Deletions = found.Items
	if k := kindNamed("deletion"); !d.All && len(found.Items) > 1 {
		d.Every = v.everyOf(k, deletionRow(found.Items[0]), "")
	}
	var ids []string
	for _, one := range found.Items {
		ids = append(ids, one.ContactID)
	}
	if d.Names, err = v.names(ctx, ids, nil); err != nil {
		return view{}, err
	}
	if found.Next != "" {
		d.Next = next("deletions", v.r.Form, found.Next)
	}
	return view{Page: "deletions", Title: "console.menu.deletions", Data: d}, nil
}

// Choices are the buttons of a deletion; none: it is decided.
func (deletionsData) Choices(d operations.Deletion) []choice {
	if !store.DeletionStatus(d.Status).Open() {
		return nil
	}
	return deletionRow(d).Buttons
}
