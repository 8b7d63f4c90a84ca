package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// newLinkedWorld makes n contacts that are linked with n partners and agree, as
// after a first sync: mksync's tables are filled directly. The listener's slot is
// there and past all that.
func (l *lab) newLinkedWorld(ctx context.Context, n int, opts sim.Options) (w *world, err error) {
	all := people(n)
	opts.Partners = erpPartners(all)
	w, err = l.newWorld(ctx, fmt.Sprintf("linked_%d", n), opts)
	if err != nil {
		return w, err
	}
	if err = w.link(ctx, all); err != nil {
		w.close()
	}
	return w, err
}

// link fills the tables while the contacts are not published.
func (w *world) link(ctx context.Context, all []person) error {
	if err := w.start(ctx, nil, "--roles", "listener,api"); err != nil {
		return err
	}
	w.stop()
	publication := pgx.Identifier{w.name}.Sanitize()
	if err := w.exec(ctx, "ALTER PUBLICATION "+publication+" DROP TABLE contacts"); err != nil {
		return fmt.Errorf("take the contacts out of the publication: %w", err)
	}
	if err := w.insertContacts(ctx, all); err != nil {
		return err
	}
	if err := w.insertLinks(ctx, all); err != nil {
		return err
	}
	if err := w.exec(ctx, "ALTER PUBLICATION "+publication+" ADD TABLE contacts"); err != nil {
		return fmt.Errorf("put the contacts into the publication: %w", err)
	}
	return w.exec(ctx, "ANALYZE")
}

// insertLinks stores the partners as the ERP shows them, and links that agree.
func (w *world) insertLinks(ctx context.Context, all []person) error {
	shown, err := w.shown(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := w.copyIn(ctx, "mksync_partners", []string{"metakocka_id", "hash", "name", "tax_number", "email", "data"}, len(all), func(i int) ([]any, error) {
		p := shown[all[i].partner]
		data, err := p.MarshalJSON()
		return []any{p.MKID, p.Hash(), p.Customer, mapping.Canonical(mapping.FieldTaxNumber, p.TaxIDNumber), all[i].email, data}, err
	}); err != nil {
		return err
	}
	columns := []string{"contact_id", "metakocka_id", "sync_status", "last_synced_at", "base", "partner_observed_at"}
	return w.copyIn(ctx, "metakocka_contact_mappings", columns, len(all), func(i int) ([]any, error) {
		p := all[i]
		crm := mapping.Contact{Name: p.name, Email: p.email, Phone: p.phone, Address: p.street + ", Ljubljana, 1000", Country: "SI", TaxNumber: p.tax}
		return []any{p.id, p.partner, "synced", now, mapping.Base{CRM: crm, Partner: syncer.ContactOf(shown[p.partner])}, now}, nil
	})
}

// shown are the partners as mksync sees them, by id.
func (w *world) shown(ctx context.Context) (map[string]metakocka.Partner, error) {
	client, err := w.client(2)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	shown := map[string]metakocka.Partner{}
	for _, last := range lastNames {
		found, err := client.Find(ctx, metakocka.Query{Name: last})
		if err != nil {
			return nil, fmt.Errorf("read the partners: %w", err)
		}
		for _, p := range found.Partners {
			shown[p.MKID] = p
		}
	}
	return shown, nil
}

// client is one of the ERP's, beside mksync.
func (w *world) client(concurrency int) (*metakocka.Client, error) {
	client, err := metakocka.New(metakocka.Config{
		URL: w.http.URL + "/rest/eshop/v1", CompanyID: sim.DefaultCompanyID, SecretKey: sim.DefaultSecretKey, Concurrency: concurrency,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return client, nil
}
