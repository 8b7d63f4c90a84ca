package poll

import (
	"context"
	"slices"

	"github.com/crmmind/mksync/mapping/store"
)

// A partner may hold what the CRM's database cannot: characters that its encoding lacks,
// or a text too long for an index. It counts as seen, so a poll is complete, and comes
// again once it has changed.

// namedInPart is how many such partners are named.
const namedInPart = 10

// observe stores the partners whose events are published.
func (d *diff) observe(ctx context.Context) error {
	for rest := d.changed; len(rest) > 0; {
		n := min(storeBatch, len(rest))
		inPart, err := d.poller.store.Observe(ctx, rest[:n])
		if err != nil {
			return err
		}
		d.inPart = append(d.inPart, inPart...)
		rest = rest[n:]
	}
	if n := len(d.inPart); n > 0 {
		d.poller.log.Warn("the CRM's database cannot hold all of what MetaKocka holds: mksync status", "partners", n, "first", d.inPart[0])
	}
	return nil
}

// heldInPart are the partners that the database cannot hold as they are now.
func (d *diff) heldInPart() store.InPart {
	looked := map[string]bool{}
	for _, p := range d.changed {
		looked[p.MetaKockaID] = true
	}
	for _, id := range d.missing {
		looked[id] = true
	}
	ids := slices.Clone(d.inPart)
	for id, was := range d.seen {
		if was.InPart && !was.Missing && !looked[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return store.InPart{Count: len(ids), First: ids[:min(namedInPart, len(ids))]}
}
