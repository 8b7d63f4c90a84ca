package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/syncer/operations"
)

// duplicatesData are likely duplicates.
type duplicatesData struct {
	Pairs []operations.Duplicate
	Total int
}

func duplicates(ctx context.Context, v *visit) (view, error) {
	found, err := operations.OpDuplicates.Ask(ctx, v.API, operations.DuplicatesRequest{Limit: 2 * manyRows})
	if err != nil {
		return view{}, err
	}
	return view{Page: "duplicates", Title: "console.menu.duplicates", Data: duplicatesData{found.Items, found.Total}}, nil
}

// NotSame is the button that says of a pair that the two are two.
func (duplicatesData) NotSame(d operations.Duplicate) button {
	return button{Do: "not-same", Label: "console.do.not_same", Fields: map[string]string{"kind": d.Kind, "id": d.ID, "other": d.OtherID}}
}

func notSame(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	b, err = v.dismiss(ctx, form, false)
	b.ID = "console.done.not_same"
	b.Undo = &button{Do: "maybe-same", Label: "console.do.undo", Fields: map[string]string{"kind": form.Get("kind"), "id": form.Get("id"), "other": form.Get("other")}}
	return b, err
}

func maybeSame(ctx context.Context, v *visit, form url.Values) (b became, err error) {
	b, err = v.dismiss(ctx, form, true)
	b.ID = "console.done.maybe_same"
	return b, err
}

// dismiss says whether a pair is two.
func (v *visit) dismiss(ctx context.Context, form url.Values, undo bool) (b became, err error) {
	request := operations.DismissRequest{Kind: form.Get("kind"), ID: form.Get("id"), OtherID: form.Get("other"), Undo: undo}
	done, err := operations.OpDismiss.Ask(ctx, v.API, request)
	if err != nil {
		return b, err
	}

	both := map[string]string{"name": done.ID, "other": done.OtherID}
	if done.Kind == operations.DuplicatePartners {
		return became{Partners: both}, nil
	}
	return became{Contacts: both}, nil
}
