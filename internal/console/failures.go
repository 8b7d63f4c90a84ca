package console

import (
	"context"
	"net/url"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/operations"
)

// failuresData is everything that was refused or could not be applied, by its reason.
type failuresData struct {
	Counts counts
	Groups []sameReason
	Next   []string // where the rest of each kind is
}

func (d failuresData) waiting() int { return d.Counts.Total() }

// failures shows them: the kinds of what waits that a person mends in place of deciding.
func failures(ctx context.Context, v *visit) (view, error) {
	s, err := v.status(ctx)
	if err != nil {
		return view{}, err
	}
	d := failuresData{Counts: waitingOf(s)}
	for _, k := range kindsWaiting() {
		if k.name != "error" && k.name != "dead_letter" {
			continue
		}
		g, err := v.group(ctx, k, operations.Page{Limit: manyRows})
		if err != nil {
			return view{}, err
		}
		if d.Groups = append(d.Groups, g.Reasons...); g.Next != "" {
			d.Next = append(d.Next, g.Next)
		} else {
			d.Counts.set(k.name, len(g.Rows))
		}
	}
	return view{Page: "failures", Title: "console.menu.failures", Data: d}, nil
}

// retryAll has every refused contact tried again, as a job, and every dead letter by its
// consumer.
func retryAll(ctx context.Context, v *visit, _ url.Values) (b became, err error) {
	b = became{ID: "console.done.retry_all", Counts: true}
	var ids []string
	for after := ""; ; {
		found, err := operations.OpMappings.Ask(ctx, v.API, operations.MappingsRequest{Status: store.StatusError, Page: operations.Page{After: after, Limit: largePage}})
		if err != nil {
			return b, err
		}
		for _, m := range found.Items {
			ids = append(ids, m.ContactID)
		}
		if after = found.Next; after == "" {
			break
		}
	}
	if b.N = len(ids); b.N > 0 {
		if _, err := operations.OpStartBulkSync.Ask(ctx, v.API, operations.BulkSyncRequest{ContactIDs: ids}); err != nil {
			return b, err
		}
	}

	// One that is tried again leaves the list, so each page is the first.
	for last := ""; ; {
		found, err := operations.OpDeadLetters.Ask(ctx, v.API, operations.Page{After: last, Limit: largePage})
		if err != nil {
			return b, err
		}
		for _, dead := range found.Items {
			if _, err := operations.OpRetryDeadLetter.Ask(ctx, v.API, operations.EntryRequest{ID: dead.ID}); err != nil {
				return b, err
			}
			b.N++
		}
		if last = found.Next; last == "" {
			return b, nil
		}
	}
}
