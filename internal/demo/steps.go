package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// Labels of the story's lines: where something happened.
const (
	inCRM    = "CRM"
	inERP    = "MetaKocka"
	inMksync = "mksync"
)

// start brings everything up.
func (d *demo) start(ctx context.Context) error {
	w, began := d.world, time.Now()
	if err := w.openDatabase(ctx); err != nil {
		return err
	}
	d.say.line("Postgres", "%s on %s, wal_level=logical (%s)", w.origin(), hostOf(w.dbURL), took(time.Since(began)))

	for _, c := range residents() {
		if err := d.insert(ctx, c); err != nil {
			return err
		}
	}

	var n int
	if err := w.db.QueryRow(ctx, "SELECT count(*) FROM contacts").Scan(&n); err != nil {
		return fmt.Errorf("count contacts: %w", err)
	}
	d.say.line(inCRM, "table contacts with %s", terminal.Amount(n, "contact", "contacts"))

	if err := w.openERP(ctx); err != nil {
		return err
	}
	if err := d.settleERP(); err != nil {
		return err
	}

	began = time.Now()
	if err := w.openService(ctx); err != nil {
		return err
	}
	if _, err := d.until(ctx, "the service is ready", func() error { return d.ready(ctx) }); err != nil {
		return err
	}

	d.say.line(inMksync, "process %d with its own NATS server: tables made, slot made, ready (%s)", w.service.pid(), took(time.Since(began)))
	return nil
}

// settleERP puts a partner into the ERP that the CRM knows as a contact.
func (d *demo) settleERP() error {
	p, err := d.world.erp.AddPartner(bakery())
	if err != nil {
		return err
	}
	d.before[p.MKID] = true
	d.say.line(inERP, "simulator on %s with %s: %s, tax number %s", hostOf(d.world.erpURL),
		terminal.Amount(len(d.world.erp.Partners()), "partner", "partners"), p.Customer, p.TaxIDNumber)
	return nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// firstSync waits for the snapshot to be brought over.
func (d *demo) firstSync(ctx context.Context) error {
	began := time.Now()
	for _, c := range residents() {
		if _, err := d.until(ctx, c.Name+" is synced", func() error {
			return errors.Join(d.has(ctx, c.Name, store.StatusSynced), d.agrees(ctx, c.Name))
		}); err != nil {
			return err
		}
	}

	for _, c := range residents() {
		l, err := d.link(ctx, c.Name)
		if err != nil {
			return err
		}
		verb := "created"
		if d.before[l.partner] {
			verb = "linked"
		}
		d.say.line(verb, "%s -> partner %s", titled(c), l.partner)
	}

	d.say.line(inMksync, "%d contacts on both sides (%s)", len(residents()), took(time.Since(began)))
	return d.linked(ctx)
}

// linked tells of the contact that was a partner already.
func (d *demo) linked(ctx context.Context) error {
	now, err := d.contact(ctx, urska)
	if err != nil {
		return err
	}
	p, err := d.partner(ctx, urska)
	if err != nil {
		return err
	}
	d.say.line("not doubled", "%s was in MetaKocka already: tax number %s there, %s in the CRM; add_partner calls for it: %d",
		p.Customer, p.TaxIDNumber, now.TaxNumber, d.world.calls.creations(p.Customer))
	d.say.line("completed", "each side got what only the other knew: the CRM the phone %s, MetaKocka the e-mail %s",
		quoted(now.Phone), quoted(asContact(p).Email))
	return nil
}

// titled is a contact with its company.
func titled(c mapping.Contact) string {
	if c.CompanyName == "" {
		return c.Name
	}
	return c.Name + ", " + c.CompanyName
}

// newcomers are a new contact and a new partner.
func (d *demo) newcomers(ctx context.Context) error {
	c := newcomer()
	if err := d.insert(ctx, c); err != nil {
		return err
	}
	d.say.line(inCRM, "new contact %s", titled(c))
	after, err := d.until(ctx, c.Name+" has a partner", func() error { return d.agrees(ctx, c.Name) })
	if err != nil {
		return err
	}
	p, err := d.partner(ctx, c.Name)
	if err != nil {
		return err
	}
	d.say.line(inERP, "partner %s, number %s (%s)", p.MKID, p.CountCode, took(after))
	return d.fromERP(ctx)
}

// fromERP enters a partner in the ERP, which tells nobody: the poll finds it.
func (d *demo) fromERP(ctx context.Context) error {
	p, err := d.world.erp.AddPartner(carpenter())
	if err != nil {
		return err
	}
	name := asContact(p).Name
	d.say.line(inERP, "new partner %s, %s, entered there", p.MKID, p.Customer)

	after, err := d.until(ctx, p.Customer+" is a contact", func() error {
		var id string
		err := d.world.db.QueryRow(ctx, "SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = $1", p.MKID).Scan(&id)
		if err != nil {
			return err
		}
		d.ids.Store(name, id)
		return d.agrees(ctx, name)
	})
	if err != nil {
		return err
	}

	c, err := d.contact(ctx, name)
	if err != nil {
		return err
	}

	d.say.line(inCRM, "new contact %s, %s (%s, found by a poll)", titled(c), c.Address, took(after))
	return nil
}

// edits change one field on each side.
func (d *demo) edits(ctx context.Context) error {
	if err := d.editCRM(ctx, ziga, mapping.FieldPhone, "040 555 123"); err != nil {
		return err
	}
	return d.editERP(ctx, spela, mapping.FieldAddress, func(p *metakocka.Partner) {
		p.Addresses[0].Street = "Cesta na Brdo 51"
		p.Addresses[0].PostNumber = "4000"
		p.Addresses[0].City = "Kranj"
	})
}

// editCRM changes a field in the CRM and waits until MetaKocka has it.
func (d *demo) editCRM(ctx context.Context, name string, f mapping.Field, value string) error {
	old, err := d.contact(ctx, name)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := d.set(ctx, name, f, value); err != nil {
		return err
	}
	d.say.line(inCRM, "%s: %s %s -> %s", name, f, quoted(old.Get(f)), quoted(value))
	after, err := d.until(ctx, "MetaKocka has it", func() error { return d.agrees(ctx, name) })
	if err != nil {
		return err
	}
	p, err := d.partner(ctx, name)
	if err != nil {
		return err
	}
	d.say.line(inERP, "partner %s holds %s (%s; calls for it: %s)",
		p.MKID, quoted(asContact(p).Get(f)), took(after), d.world.calls.about(p.MKID, began))
	return nil
}

// editERP changes a partner at the ERP's screens and waits until the CRM has it.
func (d *demo) editERP(ctx context.Context, name string, f mapping.Field, edit func(*metakocka.Partner)) error {
	old, err := d.partner(ctx, name)
	if err != nil {
		return err
	}

	if err := d.world.erp.EditPartner(old.MKID, edit); err != nil {
		return err
	}
	p, err := d.partner(ctx, name)
	if err != nil {
		return err
	}

	d.say.line(inERP, "%s: %s %s -> %s", name, f, quoted(asContact(old).Get(f)), quoted(asContact(p).Get(f)))
	after, err := d.until(ctx, "the CRM has it", func() error { return d.agrees(ctx, name) })
	if err != nil {
		return err
	}

	c, err := d.contact(ctx, name)
	if err != nil {
		return err
	}
	d.say.line(inCRM, "the contact holds %s (%s, found by a poll)", quoted(c.Get(f)), took(after))
	return nil
}

// clearing empties a field on each side. MetaKocka ignores an empty value; a
// marker empties it.
func (d *demo) clearing(ctx context.Context) error {
	began := time.Now()
	if err := d.editCRM(ctx, anja, mapping.FieldPhone, ""); err != nil {
		return err
	}
	marked := d.world.calls.since(began, func(c loggedCall) bool { return strings.Contains(c.raw, metakocka.RemoveValue) })
	if len(marked) > 0 {
		d.say.line("", "an empty value changes nothing in MetaKocka, as the answer showed; %s emptied it", metakocka.RemoveValue)
	}
	return d.editERP(ctx, matjaz, mapping.FieldNotes, func(p *metakocka.Partner) { p.Notes = "" })
}

// deletion removes a contact and looks whether it comes back.
func (d *demo) deletion(ctx context.Context) error {
	if _, err := d.world.db.Exec(ctx, "DELETE FROM contacts WHERE id = $1", d.id(katja)); err != nil {
		return fmt.Errorf("delete contact: %w", err)
	}

	d.say.line(inCRM, "%s is deleted", katja)
	after, err := d.until(ctx, "the link is a tombstone", func() error { return d.has(ctx, katja, store.StatusDeleted) })
	if err != nil {
		return err
	}

	l, err := d.link(ctx, katja)
	if err != nil {
		return err
	}
	d.say.line(inMksync, "its link is kept as a tombstone, status %s (%s)", l.status, took(after))
	if p, ok := d.world.erp.Partner(l.partner); ok {
		d.say.line(inERP, "partner %s, %s, stays (MKSYNC_DELETE_POLICY is unlink)", p.MKID, p.Customer)
	}

	polls, err := d.polls(ctx, 2)
	if err != nil {
		return err
	}

	var n int
	if err := d.world.db.QueryRow(ctx, "SELECT count(*) FROM contacts WHERE name = $1", katja).Scan(&n); err != nil {
		return fmt.Errorf("count contacts: %w", err)
	}
	if n > 0 {
		return fmt.Errorf("%s is back in the CRM", katja)
	}

	d.say.line(inMksync, "%d polls later it is not back, though unknown partners are imported", polls)
	return nil
}

// polls waits until so many complete polls have begun and ended.
func (d *demo) polls(ctx context.Context, n int) (int, error) {
	var seen int
	last, err := d.swept(ctx)
	if err != nil {
		return 0, err
	}

	_, err = d.until(ctx, "MetaKocka was polled", func() error {
		at, err := d.swept(ctx)
		if err != nil {
			return err
		}
		if at != last {
			last = at
			seen++
		}
		// The one that was under way may have begun too early to count.
		if seen <= n {
			return fmt.Errorf("%d polls so far", seen)
		}
		return nil
	})
	return n, err
}

func (d *demo) swept(ctx context.Context) (at string, err error) {
	err = d.world.db.QueryRow(ctx, "SELECT coalesce(max(value->>'sweptAt'), '') FROM mksync_state WHERE key = $1", store.PollStateKey).Scan(&at)
	return at, err
}

// badEmail enters a contact with an e-mail that MetaKocka must not get.
func (d *demo) badEmail(ctx context.Context) error {
	c := unsendable()
	if err := d.insert(ctx, c); err != nil {
		return err
	}
	d.say.line(inCRM, "new contact %s, e-mail %s", c.Name, c.Email)
	after, err := d.until(ctx, "all but its e-mail is there", func() error { return d.has(ctx, c.Name, store.StatusPartial) })
	if err != nil {
		return err
	}
	l, err := d.link(ctx, c.Name)
	if err != nil {
		return err
	}
	d.say.line(inMksync, "status %s: %s (%s)", l.status, l.reason, took(after))
	d.say.line(inERP, "calls with the e-mail: %d; only this field waits, until somebody mends it", d.world.calls.mentions(c.Email, time.Time{}))
	return nil
}
