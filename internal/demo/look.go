package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/internal/httpapi"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// contactColumns are the fields of a contact in the order of mapping.Fields.
const contactColumns = "name, company_name, email, phone, address, country, tax_number, notes, website"

// insert adds a contact as a person in the CRM would, and remembers its id.
func (d *demo) insert(ctx context.Context, c mapping.Contact) error {
	var values []any
	for _, f := range mapping.Fields() {
		values = append(values, c.Get(f))
	}
	var id string
	err := d.world.db.QueryRow(ctx, `INSERT INTO contacts (`+contactColumns+`) VALUES ($1, nullif($2, ''), nullif($3, ''),
		nullif($4, ''), nullif($5, ''), nullif($6, ''), nullif($7, ''), nullif($8, ''), nullif($9, '')) RETURNING id::text`, values...).Scan(&id)
	if err != nil {
		return fmt.Errorf("insert contact: %w", err)
	}
	d.ids.Store(c.Name, id)
	return nil
}

// id is the contact's id, empty while there is none.
func (d *demo) id(name string) string {
	id, _ := d.ids.Load(name)
	text, _ := id.(string)
	return text
}

// set changes one field of a contact as a person in the CRM would.
func (d *demo) set(ctx context.Context, name string, f mapping.Field, value string) error {
	return setField(ctx, d.world.db.Exec, d.id(name), f, value)
}

func setField[T any](ctx context.Context, exec func(context.Context, string, ...any) (T, error), id string, f mapping.Field, value string) error {
	column := pgx.Identifier{string(f)}.Sanitize()
	if _, err := exec(ctx, "UPDATE contacts SET "+column+" = nullif($2, ''), updated_at = now() WHERE id = $1", id, value); err != nil {
		return fmt.Errorf("update contact: %w", err)
	}
	return nil
}

// contact reads what the CRM holds.
func (d *demo) contact(ctx context.Context, name string) (mapping.Contact, error) {
	row := d.world.db.QueryRow(ctx, "SELECT "+contactColumns+" FROM contacts WHERE id = $1", d.id(name))
	return scanContact(row.Scan)
}

// scanContact reads the contactColumns, and columns before them into first.
func scanContact(scan func(...any) error, first ...any) (c mapping.Contact, err error) {
	texts := make([]*string, len(mapping.Fields()))
	targets := first
	for i := range texts {
		targets = append(targets, &texts[i])
	}
	if err := scan(targets...); err != nil {
		return c, fmt.Errorf("read contact: %w", err)
	}
	for i, f := range mapping.Fields() {
		if texts[i] != nil {
			c.Set(f, *texts[i])
		}
	}
	return c, nil
}

// linkRow is what mksync stored of a contact.
type linkRow struct{ id, partner, status, reason string }

var errNoLink = errors.New("it is not known to mksync")

// link reads the contact's row of metakocka_contact_mappings.
func (d *demo) link(ctx context.Context, name string) (l linkRow, err error) {
	err = d.world.db.QueryRow(ctx, `SELECT id::text, coalesce(metakocka_id, ''), sync_status, coalesce(last_error, '')
		FROM metakocka_contact_mappings WHERE contact_id = $1`, d.id(name)).Scan(&l.id, &l.partner, &l.status, &l.reason)
	if errors.Is(err, pgx.ErrNoRows) {
		return l, errNoLink
	}
	return l, err
}

// partner is the contact's partner as the ERP holds it.
func (d *demo) partner(ctx context.Context, name string) (metakocka.Partner, error) {
	l, err := d.link(ctx, name)
	if err != nil {
		return metakocka.Partner{}, err
	}
	p, ok := d.world.erp.Partner(l.partner)
	if !ok {
		return p, fmt.Errorf("%s has no partner yet (%s %s)", name, l.status, l.reason)
	}
	return p, nil
}

// has reports what keeps the status of a contact's link from being as wanted.
func (d *demo) has(ctx context.Context, name string, want store.Status) error {
	l, err := d.link(ctx, name)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case l.status != string(want):
		return fmt.Errorf("%s is %s, not %s %s", name, l.status, want, l.reason)
	}
	return nil
}

// agrees reports in what a contact and its partner differ now.
func (d *demo) agrees(ctx context.Context, name string) error {
	p, err := d.partner(ctx, name)
	if err != nil {
		return err
	}
	c, err := d.contact(ctx, name)
	if err != nil {
		return err
	}
	if differing := mapping.Diff(c, asContact(p)); len(differing) > 0 {
		return fmt.Errorf("%s differs in %v", name, differing)
	}
	return nil
}

// asContact is a partner in the words of the CRM.
func asContact(p metakocka.Partner) mapping.Contact {
	entry, _ := p.PrimaryContact()
	billing, _ := p.Billing()
	c, _ := mapping.FromPartner(mapping.Partner{
		Customer: p.Customer, BusinessEntity: p.BusinessEntity, Taxpayer: p.Taxpayer, Foreign: p.ForeignCounty,
		TaxID: p.TaxIDNumber, ContactName: entry.Name, Email: entry.Email, GSM: entry.GSM, Phone: entry.Phone,
		Street: billing.Street, City: billing.City, PostNumber: billing.PostNumber, Country: billing.Country,
		Notes: p.Notes, Website: p.Website,
	})
	return c.Named()
}

// ready asks the service whether it does its work.
func (d *demo) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return httpapi.Ready(ctx, d.world.httpAddr)
}

// callLog is the record of the calls that reached MetaKocka.
type callLog struct {
	mu    sync.Mutex // guards what follows
	calls []loggedCall
	hook  func(loggedCall) // nil: none; called before the call is processed
}

// loggedCall is one call and what it was about.
type loggedCall struct {
	at       time.Time
	endpoint string
	raw      string // its arguments, without the key
	id       string // of the partner, empty for a search and a creation
	search   string // the name's part that a poll searched for
	customer string // of a creation
}

func (l *callLog) note(c sim.Call) {
	var args struct {
		ID      string `json:"partner_id"`
		Name    string `json:"partner_name"`
		Partner struct {
			MKID     string `json:"mk_id"`
			Customer string `json:"customer"`
		} `json:"partner"`
	}
	_ = json.Unmarshal(c.Arguments, &args)
	call := loggedCall{
		at: c.Time, endpoint: c.Endpoint, raw: string(c.Arguments),
		id: cmp.Or(args.ID, args.Partner.MKID), search: args.Name, customer: args.Partner.Customer,
	}
	l.mu.Lock()
	l.calls = append(l.calls, call)
	hook := l.hook
	l.mu.Unlock()
	if hook != nil {
		hook(call)
	}
}

// onCall has f called with every call that arrives from now on; nil ends it.
func (l *callLog) onCall(f func(loggedCall)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hook = f
}

// since are the calls from a moment on for which keep holds.
func (l *callLog) since(t time.Time, keep func(loggedCall) bool) []loggedCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []loggedCall
	for _, c := range l.calls {
		if !c.at.Before(t) && keep(c) {
			out = append(out, c)
		}
	}
	return out
}

// mentions counts the calls whose arguments hold a text.
func (l *callLog) mentions(text string, t time.Time) int {
	return len(l.since(t, func(c loggedCall) bool { return strings.Contains(c.raw, text) }))
}

// about names the calls for one partner since a moment, in their order.
func (l *callLog) about(id string, t time.Time) string {
	var names []string
	for _, c := range l.since(t, func(c loggedCall) bool { return c.id == id }) {
		names = append(names, c.endpoint)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

// creations counts the add_partner calls for one customer.
func (l *callLog) creations(customer string) int {
	return len(l.since(time.Time{}, func(c loggedCall) bool {
		return c.endpoint == metakocka.EndpointAdd && c.customer == customer
	}))
}
