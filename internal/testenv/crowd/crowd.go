// Package crowd is people who edit contacts on both sides while everything goes wrong, a
// model of what each side has to hold in the end, and the verdict on what it does hold.
package crowd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/internal/testenv/people"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
)

// owner says which side edits what of a contact. MetaKocka has no conditional
// write, and an update sends a nested entry whole: between its read and its
// write no client can protect an edit that the ERP's users make in the same
// entry. So that every lost edit is mksync's fault, no entry is edited on both
// sides, but for the contested contacts, of which only agreement is asked.
type owner int

const (
	ownerCRM       owner = iota // every field is the CRM's
	ownerERP                    // every field is the ERP's
	ownerBoth                   // e-mail and phone are the ERP's, the rest but the name is the CRM's
	ownerContested              // both sides edit the same fields
)

// fieldsOf are the fields the CRM edits.
func (o owner) crmFields() []mapping.Field {
	free := []mapping.Field{mapping.FieldAddress, mapping.FieldCountry, mapping.FieldTaxNumber, mapping.FieldCompanyName, mapping.FieldNotes}
	switch o {
	case ownerCRM:
		return append(free, mapping.FieldName, mapping.FieldEmail, mapping.FieldPhone)
	case ownerBoth:
		return free
	case ownerContested:
		return []mapping.Field{mapping.FieldEmail, mapping.FieldPhone, mapping.FieldAddress}
	case ownerERP:
	}
	return nil
}

// citizen is one contact and its partner. Its number is in its name and its
// company's name for good.
type citizen struct {
	n       int
	id      string // of the contact; empty: entered in the ERP
	partner string // of a person entered in the ERP
	owner   owner
	want    mapping.Contact
	had     map[mapping.Field][]string // what it held before, of the fields that the CRM edits
	kin     *kin                       // nil: it shares no key with anybody
	shed    mapping.Field              // the key that it shared until it got one of its own
	gone    bool                       // deleted in the CRM
	lost    bool                       // deleted in the ERP
	refused bool                       // the CRM's table does not take what the ERP's users typed last
	never   bool                       // rolled back
	canary  bool                       // nobody but a Canary edits it
	out     bool                       // left out by the filter
	edits   int                        // in the CRM, the insertion included

	known      map[mapping.Field][]string // what the partner may hold of each field
	unsent     int                        // edits since the filter left it out
	unsendable map[mapping.Field]unsendable
}

// unsendable is what a contact held that cannot be sent, and what its partner held in its
// place, before the ERP's users edited that. Where they take the edit back before a poll
// has seen it, nobody can tell that there was one.
type unsendable struct{ crm, erp string }

// Crowd edits contacts on both sides and knows what each must hold in the end.
type Crowd struct {
	Imports bool // partners are entered in the ERP, too
	Filters bool // contacts leave and enter the filter

	w     *world.World
	table Table

	mu      sync.Mutex // guards what follows
	rand    *rand.Rand
	people  []*citizen
	kins    []*kin
	version int
	edits   edits
	erased  []string // partners deleted in the ERP
	hitch   error
}

// edits counts what the crowd did.
type edits struct{ crm, cleared, erp, inserted, entered, removed, vanished, crossed int }

func (e edits) total() int {
	return e.crm + e.erp + e.inserted + e.entered + e.removed + e.vanished + e.crossed
}

// Edits are how many there were, and of which kinds.
func (c *Crowd) Edits() (n int, kinds string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.edits.total(), fmt.Sprintf("%+v", c.edits)
}

// Count is how many people there are.
func (c *Crowd) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.people)
}

// New makes a crowd that works with a table.
func New(w *world.World, table Table, r *rand.Rand) *Crowd {
	return &Crowd{w: w, table: table, rand: r}
}

// Run edits until ctx ends, about every so often.
func (c *Crowd) Run(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		c.edit()
		c.mu.Lock()
		pause := time.Duration(c.rand.Int64N(2*int64(every) + 1))
		c.mu.Unlock()
		waits.Idle(ctx, pause)
	}
}

func (c *Crowd) edit() {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.Filters && c.rand.IntN(10) == 0 {
		c.cross(c.any(ownerCRM, ownerERP, ownerBoth, ownerContested))
	}
	if c.rand.IntN(40) == 0 {
		c.part()
	}

	switch roll := c.rand.IntN(100); {
	case roll < 18 || len(c.people) < 5:
		c.Insert()
	case roll < 20:
		c.InsertKin()
	case roll < 22:
		c.undone()
	case roll < 50:
		c.update(c.any(ownerCRM, ownerBoth, ownerContested))
	case roll < 53:
		c.updateMany()
	case roll < 87:
		c.editPartner(c.any(ownerERP, ownerBoth, ownerContested))
	case roll < 93:
		c.remove(c.any(ownerCRM, ownerERP, ownerBoth))
	case roll < 97 && c.Imports:
		c.enter()
	case roll < 98:
		c.vanish(c.any(ownerERP))
	}
}

// any picks a person whom both sides still have; nil: there is none.
func (c *Crowd) any(owners ...owner) *citizen {
	var found []*citizen
	for _, p := range c.people {
		if !p.gone && !p.lost && !p.canary && p.kin == nil && slices.Contains(owners, p.owner) {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[c.rand.IntN(len(found))]
}

// sql runs statements in one transaction until the database has taken them:
// each sets values, so that to repeat one does no harm.
func (c *Crowd) sql(run func(ctx context.Context, tx pgx.Tx) error) {
	ctx := context.WithoutCancel(c.w.T.Context())
	deadline := time.Now().Add(time.Minute)
	for {
		err := pgx.BeginFunc(ctx, c.w.DB, func(tx pgx.Tx) error { return run(ctx, tx) })
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.hitch = fmt.Errorf("the crowd cannot edit: %w", err)
			if told, is := errors.AsType[*pgconn.PgError](err); is {
				c.hitch = fmt.Errorf("%w: %s", c.hitch, told.Detail)
			}
			return
		}
		waits.Idle(ctx, 50*time.Millisecond)
	}
}

func (c *Crowd) newPerson() *citizen {
	n := len(c.people) + 1
	p := &citizen{n: n, id: c.table.NewID(n), owner: owner(n % 4), had: map[mapping.Field][]string{}, unsendable: map[mapping.Field]unsendable{}}
	p.want = mapping.Contact{Name: people.Name(n), Country: c.value(mapping.FieldCountry, n), Address: c.value(mapping.FieldAddress, n)}
	if n%3 != 0 { // the others can be found by their names alone
		p.want.Email = c.value(mapping.FieldEmail, n)
	}
	if n%5 < 2 {
		p.want.TaxNumber = c.value(mapping.FieldTaxNumber, n)
	}
	if n%2 == 0 {
		p.want.Phone = c.value(mapping.FieldPhone, n)
	}
	if n%7 == 0 {
		p.want.CompanyName = c.value(mapping.FieldCompanyName, n)
	}
	p.know(mapping.Fields()...)
	c.people = append(c.people, p)
	return p
}

// newContact is a person whose data is typed into the CRM.
func (c *Crowd) newContact() *citizen {
	p := c.newPerson()
	for _, f := range mapping.Fields() {
		p.want.Set(f, c.table.typed(f, p.want.Get(f), c.version))
	}
	p.know(mapping.Fields()...)
	return p
}

// Insert enters a contact in the CRM.
func (c *Crowd) Insert() {
	p := c.newContact()
	p.edits++
	c.edits.inserted++
	c.sql(func(ctx context.Context, tx pgx.Tx) error { return c.table.insert(ctx, tx, p.id, p.want) })
}

// undone is a transaction that is rolled back: nobody may ever hear of it.
func (c *Crowd) undone() {
	p := c.newContact()
	p.gone, p.never = true, true
	ctx := context.WithoutCancel(c.w.T.Context())
	tx, err := c.w.DB.Begin(ctx)
	if err != nil {
		return
	}
	_ = c.table.insert(ctx, tx, p.id, p.want)
	_ = tx.Rollback(ctx)
}

// update changes one to three fields that are the CRM's.
func (c *Crowd) update(p *citizen) {
	if p == nil {
		return
	}
	fields := p.owner.crmFields()
	c.rand.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	fields = fields[:1+c.rand.IntN(3)]
	if c.parting(p) { // what cannot be sent would leave the shared key with the partner for good
		fields = slices.DeleteFunc(fields, func(f mapping.Field) bool { return f == p.shed })
	}
	if len(fields) == 0 {
		return
	}
	var values []string
	for _, f := range fields {
		values = append(values, c.value(f, p.n))
	}
	c.set(p, fields, values)
}

// set is one edit in the CRM.
func (c *Crowd) set(p *citizen, fields []mapping.Field, values []string) {
	var to mapping.Contact
	for i, f := range fields {
		v := c.table.typed(f, values[i], c.version)
		if mapping.Canonical(f, v) == "" {
			c.edits.cleared++
		}
		p.had[f] = append(p.had[f], p.want.Get(f))
		p.want.Set(f, v)
		to.Set(f, v)
	}
	c.edits.crm++
	p.edits++
	p.edited(fields...)
	c.sql(func(ctx context.Context, tx pgx.Tx) error {
		if err := c.table.update(ctx, tx, p.id, to, fields...); err != nil {
			return fmt.Errorf("contact %s (owner %d): %w", p.id, p.owner, err)
		}
		return nil
	})
}

// updateMany changes many contacts in one transaction.
func (c *Crowd) updateMany() {
	c.version++
	notes := fmt.Sprintf("opomba %d", c.version)
	var ids []string
	for range 12 {
		if p := c.any(ownerCRM, ownerBoth); p != nil && !slices.Contains(ids, p.id) {
			p.want.Notes = notes
			p.edits++
			p.edited(mapping.FieldNotes)
			ids = append(ids, p.id)
		}
	}
	c.edits.crm += len(ids)
	c.sql(func(ctx context.Context, tx pgx.Tx) error {
		for _, id := range ids {
			if err := c.table.update(ctx, tx, id, mapping.Contact{Notes: notes}, mapping.FieldNotes); err != nil {
				return err
			}
		}
		return nil
	})
}

// value makes a new value, now and then an empty one, or one that cannot be sent.
func (c *Crowd) value(f mapping.Field, n int) string {
	c.version++
	switch f {
	case mapping.FieldName:
		return people.AnotherName(c.rand, n, c.version)
	case mapping.FieldCompanyName:
		if c.rand.IntN(8) == 0 {
			return ""
		}
		return people.Company(c.rand, n, c.version)
	case mapping.FieldEmail, mapping.FieldPhone, mapping.FieldAddress, mapping.FieldCountry, mapping.FieldTaxNumber, mapping.FieldNotes, mapping.FieldWebsite:
	}
	return people.Value(c.rand, string(f), c.version)
}

func (c *Crowd) remove(p *citizen) {
	if p == nil || p.id == "" || c.parting(p) {
		return
	}
	c.edits.removed++
	p.gone = true
	c.sql(func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM contacts WHERE id = $1", p.id)
		return err
	})
}
