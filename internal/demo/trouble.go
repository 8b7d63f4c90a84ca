package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// conflict has both sides change the same field before either hears of it:
// once in the same moment, once with time enough to tell which came last.
func (d *demo) conflict(ctx context.Context) error {
	if err := d.sameMoment(ctx); err != nil {
		return err
	}
	return d.oneLater(ctx)
}

// sameMoment commits the CRM's change only once the ERP's is made.
func (d *demo) sameMoment(ctx context.Context) error {
	const theirs, ours = "041 600 111", "041 600 222"
	link, err := d.link(ctx, joze)
	if err != nil {
		return err
	}
	tx, err := d.world.db.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if err := setField(ctx, tx.Exec, d.id(joze), mapping.FieldPhone, ours); err != nil {
		return err
	}
	err = d.world.erp.EditPartner(link.partner, func(p *metakocka.Partner) { p.Contacts[0].GSM, p.Contacts[0].Phone = theirs, "" })
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		return fmt.Errorf("edit both sides: %w", err)
	}
	d.say.line(inERP, "%s: phone -> %s", joze, theirs)
	d.say.line(inCRM, "%s: phone -> %s, committed a moment later", joze, ours)
	return d.decided(ctx, joze, link)
}

// oneLater changes the CRM first while MetaKocka takes no updates, lets a poll
// see that the partner is still as it was, and then changes the partner. Updates
// work again once the conflict is decided: one that was under way would have
// come too late to know of the partner's change.
func (d *demo) oneLater(ctx context.Context) error {
	const theirs, ours = "040 333 888", "040 333 777"
	link, err := d.link(ctx, bostjan)
	if err != nil {
		return err
	}
	faults := usualFaults()
	faults.Rate5xx, faults.Endpoints = 1, []string{metakocka.EndpointUpdate}
	if err := d.world.erp.SetFaults(faults); err != nil {
		return err
	}
	if err := d.set(ctx, bostjan, mapping.FieldPhone, ours); err != nil {
		return err
	}
	d.say.line(inCRM, "%s: phone -> %s, while MetaKocka answers update_partner with an error page (502)", bostjan, ours)
	if _, err := d.polls(ctx, 1); err != nil {
		return err
	}
	err = d.world.erp.EditPartner(link.partner, func(p *metakocka.Partner) { p.Contacts[0].GSM, p.Contacts[0].Phone = theirs, "" })
	if err != nil {
		return err
	}
	d.say.line(inERP, "%s: phone -> %s, after a poll had seen the old one there", bostjan, theirs)
	if err := d.decided(ctx, bostjan, link); err != nil {
		return err
	}
	return d.world.erp.SetFaults(usualFaults())
}

// decided waits until a conflict on the phone is decided and tells how.
func (d *demo) decided(ctx context.Context, name string, link linkRow) error {
	var c journalEntry
	after, err := d.until(ctx, "the conflict is decided", func() (err error) {
		c, err = d.journal(ctx, link.id, mapping.FieldPhone)
		return errors.Join(err, d.agrees(ctx, name))
	})
	if err != nil {
		return err
	}
	d.say.line(inMksync, "conflict noted: before %s, CRM %s, MetaKocka %s (%s)", c.base, c.crm, c.partner, took(after))
	d.say.line("rule", "%s", c.why())
	p, err := d.partner(ctx, name)
	if err != nil {
		return err
	}
	d.say.line("outcome", "%s wins; both sides hold %s; the journal keeps the other value", sideNames[c.winner], asContact(p).Phone)
	return nil
}

// sideNames are the sides as a person calls them.
var sideNames = map[string]string{string(mapping.SideCRM): "the CRM", string(mapping.SideMetaKocka): inERP}

// journalEntry is a row of the conflict journal.
type journalEntry struct {
	base, crm, partner, rule, winner string
	undecidable                      bool
	crmAt, after, before             *time.Time
}

func (d *demo) journal(ctx context.Context, linkID string, f mapping.Field) (c journalEntry, err error) {
	err = d.world.db.QueryRow(ctx, `SELECT base_crm, crm_value, partner_value, rule, winner, undecidable,
		crm_changed_at, partner_after, partner_before FROM mksync_conflicts
		WHERE link_id = $1 AND field = $2 ORDER BY id DESC LIMIT 1`, linkID, string(f)).
		Scan(&c.base, &c.crm, &c.partner, &c.rule, &c.winner, &c.undecidable, &c.crmAt, &c.after, &c.before)
	return c, err
}

// why says how the rule came to its outcome.
func (c journalEntry) why() string {
	const newest = string(mapping.RuleNewest)
	switch {
	case c.rule != newest:
		return c.rule + ": its value is taken whenever both changed"
	case c.undecidable:
		return fmt.Sprintf("%s: the CRM's change is of %s; MetaKocka tells no time, its change came between %s (last seen as before) "+
			"and %s (seen changed). Nobody can tell which is newer, so the tie winner takes it", newest, clock(c.crmAt), clock(c.after), clock(c.before))
	}
	return fmt.Sprintf("%s: the CRM's change is of %s; MetaKocka's came between %s (last seen as before) and %s (seen changed)",
		newest, clock(c.crmAt), clock(c.after), clock(c.before))
}

func clock(t *time.Time) string {
	if t == nil {
		return "an unknown time"
	}
	return t.Local().Format("15:04:05.000")
}

// killed ends the service with SIGKILL while both sides are edited and while a
// creation is under way: MetaKocka makes the partner, and nobody reads its
// answer.
func (d *demo) killed(ctx context.Context) error {
	editing, stopEditing := context.WithCancel(ctx)
	defer stopEditing()
	crowd := d.startCrowd(editing)
	linger(ctx, 300*time.Millisecond)
	pid := d.world.service.pid()
	if err := d.killDuringCreation(ctx); err != nil {
		return err
	}
	c := unlucky()
	d.say.line("kill -9", "process %d is gone, while people edit on both sides", pid)
	d.say.line(inCRM, "%s was just being sent: add_partner had reached MetaKocka", titled(c))
	d.say.line(inERP, "it made %s; nobody read the answer", terminal.Amount(d.count(c.CompanyName), "partner", "partners"))
	linger(ctx, 700*time.Millisecond)
	began := time.Now()
	if err := d.world.service.start(); err != nil {
		return fmt.Errorf("start the service: %w", err)
	}
	up, err := d.until(ctx, "the service is ready", func() error { return d.ready(ctx) })
	if err != nil {
		return err
	}
	d.say.line(inMksync, "started again as process %d (%s)", d.world.service.pid(), took(up))
	linger(ctx, 300*time.Millisecond)
	stopEditing()
	inDB, inERPs, err := crowd.end()
	if err != nil {
		return err
	}
	_, err = d.until(ctx, "everything has caught up", func() error {
		return errors.Join(crowd.arrived(ctx), d.agrees(ctx, c.Name), d.has(ctx, c.Name, store.StatusSynced))
	})
	if err != nil {
		return err
	}
	d.say.line("", "%s in the CRM and %s in MetaKocka, from before the kill to after the restart: the last value of each field is on both sides (%s after the restart)",
		terminal.Amount(inDB, "edit", "edits"), terminal.Amount(inERPs, "edit", "edits"), took(time.Since(began)))
	return d.tellUnlucky(ctx, c, began)
}

// tellUnlucky says what became of the contact that was being sent.
func (d *demo) tellUnlucky(ctx context.Context, c mapping.Contact, restarted time.Time) error {
	p, err := d.partner(ctx, c.Name)
	if err != nil {
		return err
	}
	partners, sent := d.count(c.CompanyName), d.world.calls.creations(c.CompanyName)
	asked := d.world.calls.mentions(c.TaxNumber, restarted)
	d.say.line("not doubled", "%s: %s (%s); add_partner was sent %s in all, the restarted service asked for the tax number first (%s) and linked it",
		c.CompanyName, terminal.Amount(partners, "partner", "partners"), p.MKID, terminal.Amount(sent, "time", "times"), terminal.Amount(asked, "call", "calls"))
	if partners != 1 {
		return fmt.Errorf("%s has %d partners", c.CompanyName, partners)
	}
	return nil
}

// killDuringCreation enters a contact and kills the service at the moment in
// which its creation reaches MetaKocka.
func (d *demo) killDuringCreation(ctx context.Context) error {
	c := unlucky()
	killed := make(chan error, 1)
	d.world.calls.onCall(func(call loggedCall) {
		if call.endpoint == metakocka.EndpointAdd && call.customer == c.CompanyName {
			d.world.calls.onCall(nil)
			killed <- d.world.service.kill()
		}
	})
	defer d.world.calls.onCall(nil)
	if err := d.insert(ctx, c); err != nil {
		return err
	}
	select {
	case err := <-killed:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return errors.New("waiting until add_partner is called")
	}
	for d.count(c.CompanyName) == 0 && ctx.Err() == nil {
		linger(ctx, time.Millisecond)
	}
	return ctx.Err()
}

// count is how many partners have a name.
func (d *demo) count(customer string) int {
	n := 0
	for _, p := range d.world.erp.Partners() {
		if p.Customer == customer {
			n++
		}
	}
	return n
}

// crowd are people who edit on both sides: phones in the CRM, notes in
// MetaKocka.
type crowd struct {
	d    *demo
	done chan struct{}

	phones, notes map[string]string // name -> the last value written
	inCRM, inERP  int
	err           error
}

// startCrowd edits until ctx ends.
func (d *demo) startCrowd(ctx context.Context) *crowd {
	c := &crowd{d: d, done: make(chan struct{}), phones: map[string]string{}, notes: map[string]string{}}
	go func() {
		defer close(c.done)
		for i := 1; ctx.Err() == nil && c.err == nil; i++ {
			c.edit(ctx, i)
			linger(ctx, 40*time.Millisecond)
		}
	}()
	return c
}

func (c *crowd) edit(ctx context.Context, i int) {
	writers := []string{ziga, lukas, bostjan, tjasa}
	name := writers[i/2%len(writers)]
	if i%2 == 0 {
		phone := fmt.Sprintf("041 700 %03d", i)
		// A statement that was begun is finished, so that what counts as written is.
		if c.err = c.d.set(context.WithoutCancel(ctx), name, mapping.FieldPhone, phone); c.err == nil {
			c.phones[name] = phone
			c.inCRM++
		}
		return
	}
	l, err := c.d.link(context.WithoutCancel(ctx), name)
	if c.err = err; err != nil {
		return
	}
	note := fmt.Sprintf("Ponudba št. %d", i)
	if c.err = c.d.world.erp.EditPartner(l.partner, func(p *metakocka.Partner) { p.Notes = note }); c.err == nil {
		c.notes[name] = note
		c.inERP++
	}
}

// end waits until the last edit is made and returns how many there were.
func (c *crowd) end() (inCRM, inERP int, err error) {
	<-c.done
	return c.inCRM, c.inERP, c.err
}

// arrived reports which edit is not on both sides.
func (c *crowd) arrived(ctx context.Context) error {
	check := func(name string, f mapping.Field, want string) error {
		contact, err := c.d.contact(ctx, name)
		if err != nil {
			return err
		}
		if !mapping.Equal(f, contact.Get(f), want) {
			return fmt.Errorf("%s: %s is %q, not %q", name, f, contact.Get(f), want)
		}
		return c.d.agrees(ctx, name)
	}
	var errs []error
	for name, phone := range c.phones {
		errs = append(errs, check(name, mapping.FieldPhone, phone))
	}
	for name, note := range c.notes {
		errs = append(errs, check(name, mapping.FieldNotes, note))
	}
	return errors.Join(errs...)
}

// outageTime is how long MetaKocka is away.
const outageTime = 1500 * time.Millisecond

// outage takes MetaKocka away, edits meanwhile, and brings it back.
func (d *demo) outage(ctx context.Context) error {
	faults := usualFaults()
	faults.Down = true
	if err := d.world.erp.SetFaults(faults); err != nil {
		return err
	}
	began := time.Now()
	d.say.line(inERP, "every call gets a maintenance page (503)")
	if err := d.editDuringOutage(ctx); err != nil {
		return err
	}
	said, err := d.saidInOutage(ctx)
	if err != nil {
		return err
	}
	d.say.line(inMksync, "not ready: %s", said)
	linger(ctx, outageTime-time.Since(began))
	down := time.Since(began)
	refused := len(d.world.calls.since(began, func(loggedCall) bool { return true }))
	if err := d.world.erp.SetFaults(usualFaults()); err != nil {
		return err
	}
	d.say.line(inERP, "back after %s, in which %s", took(down), terminal.Amount(refused, "call was turned away", "calls were turned away"))
	after, err := d.until(ctx, "everything has caught up", func() error {
		return errors.Join(d.agrees(ctx, patient().Name), d.agrees(ctx, anja), d.agrees(ctx, spela),
			d.has(ctx, patient().Name, store.StatusSynced), d.ready(ctx))
	})
	if err != nil {
		return err
	}
	d.say.line(inMksync, "ready again, and all is caught up (%s)", took(after))
	return nil
}

func (d *demo) editDuringOutage(ctx context.Context) error {
	c := patient()
	if err := d.insert(ctx, c); err != nil {
		return err
	}
	if err := d.set(ctx, anja, mapping.FieldPhone, "01 430 55 77"); err != nil {
		return err
	}
	p, err := d.partner(ctx, spela)
	if err != nil {
		return err
	}
	if err := d.world.erp.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].Email = "spela@nova-posta.example" }); err != nil {
		return err
	}
	d.say.line(inCRM, "meanwhile: new contact %s; %s gets a phone again", c.Name, anja)
	d.say.line(inERP, "meanwhile: %s gets another e-mail", spela)
	return nil
}

// saidInOutage is what the service says while it cannot work.
func (d *demo) saidInOutage(ctx context.Context) (string, error) {
	var said notReadyError
	_, err := d.until(ctx, "the service notices", func() error {
		if !errors.As(d.ready(ctx), &said) {
			return errors.New("it says that it is ready")
		}
		return nil
	})
	return strings.Join(said, "; "), err
}
