package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

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

	// The simulator makes the partner all the same, a moment later.
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
	var said httpapi.NotReadyError
	_, err := d.until(ctx, "the service notices", func() error {
		if !errors.As(d.ready(ctx), &said) {
			return errors.New("it says that it is ready")
		}
		return nil
	})
	return strings.Join(said, "; "), err
}
