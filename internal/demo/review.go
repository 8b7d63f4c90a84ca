package demo

import (
	"context"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// review is a first start under review: everything waits for whoever looks at the console,
// and nothing is written before.
func (d *demo) review(ctx context.Context) error {
	if err := d.step(ctx, "Start: a database, an ERP and the service", d.start); err != nil {
		return err
	}
	if err := d.step(ctx, "First matches, which wait for a person", d.proposed); err != nil {
		return err
	}
	return d.serve(ctx)
}

// proposed waits until each contact waits.
func (d *demo) proposed(ctx context.Context) error {
	if err := d.twoPartners(ctx); err != nil {
		return err
	}
	if _, err := d.world.erp.AddPartner(metakocka.Partner{Customer: rok, Contacts: []metakocka.Contact{{Name: rok, Email: "rok@zupancic.example"}}}); err != nil {
		return err
	}
	waiting := append(residents(), mapping.Contact{Name: lan})
	for _, c := range waiting {
		if _, err := d.until(ctx, c.Name+" waits", func() error { return d.has(ctx, c.Name, store.StatusHeld) }); err != nil {
			return err
		}
	}
	d.say.line(inMksync, "%s: nothing was written to either side", terminal.Amount(len(waiting), "contact waits for a person", "contacts wait for a person"))
	return nil
}
