package console

import (
	"context"
	"net/url"
	"slices"

	"github.com/crmmind/mksync/syncer"
)

// bulkData is what is to be decided of many at once, for a person to look at first.
type bulkData struct {
	Kind, Choice string
	Rows         []row // each with the one button that was chosen
	Gone         int   // of those chosen, which do not wait any more
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
	return view{Page: "bulk", Title: "console.bulk.title", Menu: "waiting", Data: d}, nil
}

// chosen finds the rows of a form, each with the button that the form chooses.
func (v *visit) chosen(ctx context.Context, form url.Values) (d bulkData, err error) {
	d = bulkData{Kind: form.Get("kind"), Choice: form.Get("choice")}
	all := kindsWaiting()
	i := slices.IndexFunc(all, func(k kindOf) bool { return k.name == d.Kind && slices.Contains(k.bulk, d.Choice) })
	ids := form["choose"]
	switch {
	case i < 0:
		return d, errNothing
	case len(ids) > manyRows:
		return d, syncer.Errorf(syncer.CodeTooLarge, "at most %d at once", manyRows)
	}

	for _, id := range ids {
		r, err := all[i].find(ctx, v, id)
		if syncer.IsCode(err, syncer.CodeNotFound) || syncer.IsCode(err, syncer.CodeConflict) {
			d.Gone++
			continue
		}
		if err != nil {
			return d, err
		}
		r.Buttons = slices.DeleteFunc(r.Buttons, func(c choice) bool { return c.Name != d.Choice })
		d.Rows = append(d.Rows, r)
	}
	return d, nil
}

// decideMany does it, one after the other, and says of which it did not succeed.
func decideMany(ctx context.Context, v *visit, form url.Values) (n notice, err error) {
	d, err := v.chosen(ctx, form)
	if err != nil {
		return n, err
	}
	if err := v.name(ctx, d.Rows); err != nil {
		return n, err
	}
	n = notice{ID: "console.done.bulk", Counts: true}
	for _, r := range d.Rows {
		for _, c := range r.Buttons {
			fields := url.Values{}
			for name, value := range c.Button.Fields {
				fields.Set(name, value)
			}
			one, err := actions()[c.Button.Do].do(ctx, v, fields)
			switch {
			case syncer.IsCode(err, syncer.CodeForbidden):
				return n, err
			case err != nil:
				n.Words = append(n.Words, r.Name+": "+syncer.AsRequestError(err).Message)
			case one.Failed:
				n.Words = append(n.Words, append([]string{r.Name + ": "}, one.Words...)...)
			default:
				n.N++
			}
		}
	}
	n.Failed = len(n.Words) > 0
	return n, nil
}
