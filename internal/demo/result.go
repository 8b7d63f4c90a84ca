package demo

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// pairing is a contact, its partner and what mksync says of the two.
type pairing struct {
	name    string
	contact *mapping.Contact // nil: deleted
	partner *metakocka.Partner
	link    linkRow
}

// problem says why the two do not agree; empty: they do. A value that cannot be
// sent agrees when only its field differs and the mapping says why.
func (p pairing) problem() string {
	switch {
	case p.contact == nil && p.link.status == string(store.StatusDeleted):
		return ""
	case p.waits():
		return ""
	case p.link.status == "":
		return p.name + " is not known to mksync"
	case p.contact == nil:
		return p.name + " is linked, but not in the CRM"
	case p.partner == nil:
		return p.name + " has no partner"
	case p.link.status != string(store.StatusSynced):
		return fmt.Sprintf("%s is %s: %s", p.name, p.link.status, p.link.reason)
	}
	if differing := mapping.Diff(*p.contact, asContact(*p.partner)); len(differing) > 0 {
		return fmt.Sprintf("%s differs in %v", p.name, differing)
	}
	return ""
}

// waits reports a contact with a value that cannot be sent, and that says so.
func (p pairing) waits() bool {
	if p.contact == nil || p.partner == nil || p.link.status != string(store.StatusPartial) || p.link.reason == "" {
		return false
	}
	invalid := mapping.Validate(*p.contact).Fields()
	return len(invalid) > 0 && slices.Equal(mapping.Diff(*p.contact, asContact(*p.partner)), invalid)
}

// outcome is everything that both sides hold in the end.
type outcome struct {
	pairs    []pairing
	partners []metakocka.Partner
}

// look reads both sides.
func (d *demo) look(ctx context.Context) (o outcome, err error) {
	rows, err := d.world.db.Query(ctx, `SELECT coalesce(m.id::text, ''), coalesce(m.metakocka_id, ''), coalesce(m.sync_status, ''),
			coalesce(m.last_error, ''), c.id IS NOT NULL, `+contactColumns+`
		FROM contacts c FULL JOIN metakocka_contact_mappings m ON m.contact_id = c.id ORDER BY c.id IS NULL, c.created_at, c.name`)
	if err != nil {
		return o, fmt.Errorf("read contacts: %w", err)
	}
	defer rows.Close()

	o.partners = d.world.erp.Partners()
	for rows.Next() {
		var p pairing
		var there bool
		c, err := scanContact(func(targets ...any) error {
			return rows.Scan(append([]any{&p.link.id, &p.link.partner, &p.link.status, &p.link.reason, &there}, targets...)...)
		})
		if err != nil {
			return o, err
		}
		if there {
			p.contact = &c
			p.name = c.Name
		}
		o.pairs = append(o.pairs, o.withPartner(p))
	}
	return o, rows.Err()
}

// withPartner finds the pairing's partner, and a name for a contact that is gone.
func (o outcome) withPartner(p pairing) pairing {
	for i := range o.partners {
		if o.partners[i].MKID == p.link.partner {
			p.partner = &o.partners[i]
		}
	}
	if p.contact == nil && p.partner != nil {
		p.name = asContact(*p.partner).Name
	}
	return p
}

// duplicates are the partners that are one too many: alike another in name and
// contact person, or linked with nobody.
func (o outcome) duplicates() []string {
	linked, seen := map[string]bool{}, map[string]bool{}
	for _, p := range o.pairs {
		linked[p.link.partner] = true
	}
	var out []string
	for _, p := range o.partners {
		c := asContact(p)
		key := mapping.Canonical(mapping.FieldCompanyName, c.CompanyName) + "|" + mapping.Canonical(mapping.FieldName, c.Name)
		if seen[key] || !linked[p.MKID] {
			out = append(out, fmt.Sprintf("partner %s (%s) is one too many", p.MKID, p.Customer))
		}
		seen[key] = true
	}
	return out
}

// problems is everything in which the sides do not agree.
func (o outcome) problems() []string {
	out := o.duplicates()
	holders := map[string]string{}
	for _, p := range o.pairs {
		if problem := p.problem(); problem != "" {
			out = append(out, problem)
		}
		if other := holders[p.link.partner]; other != "" {
			out = append(out, fmt.Sprintf("partner %s is linked with %s and %s", p.link.partner, other, p.name))
		}
		if p.link.partner != "" {
			holders[p.link.partner] = p.name
		}
	}
	return out
}

// calmTime is how long the sides may take to come to rest before they are
// compared; what differs then, differs.
const calmTime = 20 * time.Second

// result compares both sides and says whether they agree.
func (d *demo) result(ctx context.Context) error {
	var o outcome
	calm, cancel := context.WithTimeout(ctx, calmTime)
	defer cancel()
	_, _ = d.until(calm, "both sides agree", func() (err error) {
		if o, err = d.look(ctx); err != nil {
			return err
		}
		if problems := o.problems(); len(problems) > 0 {
			return fmt.Errorf("%s", strings.Join(problems, "; "))
		}
		return nil
	})
	o, err := d.look(ctx)
	if err != nil {
		return err
	}
	d.table(o)
	d.counts(o)
	return d.conclude(o)
}

// Widths of the table's columns.
const (
	widthName   = 18
	widthStatus = 7
)

// table shows every contact with what both sides hold.
func (d *demo) table(o outcome) {
	widthSide := max((d.say.width()-widthName-widthStatus-3)/2, 8)
	row := func(name, crm, erp, status string) string {
		return strings.TrimRight(strings.Join([]string{terminal.Cell(name, widthName), terminal.Cell(crm, widthSide), terminal.Cell(erp, widthSide), terminal.Cell(status, widthStatus)}, " "), " ")
	}
	d.say.print(d.say.paint(terminal.Bold, row("contact", "CRM", "MetaKocka", "status")))
	d.say.print(row(strings.Repeat("-", widthName), strings.Repeat("-", widthSide), strings.Repeat("-", widthSide), strings.Repeat("-", widthStatus)))
	for _, p := range o.pairs {
		crm, erp := "(deleted)", "(no partner)"
		if p.contact != nil {
			crm = summary(*p.contact)
		}
		if p.partner != nil {
			erp = summary(asContact(*p.partner))
		}
		d.say.print(row(p.name, crm, erp, p.link.status))
	}
}

// summary is a contact in a table's cell.
func summary(c mapping.Contact) string {
	return cmp.Or(c.Phone, "-") + " " + cmp.Or(c.Email, "-")
}

// counts sums up.
func (d *demo) counts(o outcome) {
	contacts, tombstones := 0, 0
	for _, p := range o.pairs {
		if p.contact != nil {
			contacts++
		} else if p.partner != nil {
			tombstones++
		}
		if p.link.reason != "" {
			d.say.text("waits for a person: " + p.name + ": " + p.link.reason)
		}
	}
	received := d.world.erp.Calls().Received
	searches := len(d.world.calls.since(time.Time{}, func(c loggedCall) bool { return c.search != "" }))
	d.say.print("")
	d.say.print(fmt.Sprintf("contacts %d   partners %d (%d of a deleted contact)   duplicates %d   time %s",
		contacts, len(o.partners), tombstones, len(o.duplicates()), took(time.Since(d.began))))
	d.say.text(fmt.Sprintf("calls %d (polls %d, look-ups %d, add_partner %d, update_partner %d)", d.world.erp.Calls().Total(), searches,
		received[metakocka.EndpointGet]-searches, received[metakocka.EndpointAdd], received[metakocka.EndpointUpdate]))
	d.say.print("")
}

// conclude prints the closing line; sides that do not agree are an error.
func (d *demo) conclude(o outcome) error {
	problems := o.problems()
	if len(problems) > 0 {
		slices.Sort(problems)
		d.say.verdict(false, "The two sides do NOT agree: "+strings.Join(problems, "; "))
		return ErrDisagree
	}
	agree, wait := 0, 0
	for _, p := range o.pairs {
		switch {
		case p.waits():
			wait++
		case p.contact != nil:
			agree++
		}
	}
	d.say.verdict(true, fmt.Sprintf("Both sides agree: %d contacts, one partner each, the same in all %d fields; %s for a person.",
		agree, len(mapping.Fields()), terminal.Amount(wait, "waits", "wait")))
	return nil
}

// serve keeps everything running until the user asks it to stop.
func (d *demo) serve(ctx context.Context) error {
	w := d.world
	link, err := d.signIn()
	if err != nil {
		return err
	}

	d.say.print("")
	d.say.print(d.say.paint(terminal.Bold, "Everything keeps running until Ctrl-C."))
	d.say.print("  Console               http://" + w.httpAddr + "/console/")
	d.say.print("  Sign in (good once)   " + link)
	d.say.print("  HTTP                  http://" + w.httpAddr + "/readyz")
	d.say.print("  API token             " + w.token)
	d.say.print("  … of who decides      " + w.decider)
	d.say.print("  … of who only reads   " + w.viewer)
	d.say.print("  MetaKocka simulator   " + w.erpURL + "/control/partners")
	d.say.print("  CRM                   psql '" + w.dbURL + "'")
	d.say.print("Try:")
	d.say.print("  psql '" + w.dbURL + "' -c \"INSERT INTO contacts (name, email) VALUES ('Ana Novak', 'ana@posta.example')\"")
	d.say.print("  curl -s " + w.erpURL + "/control/partners")
	d.say.print("  MKSYNC_DATABASE_URL='" + w.dbURL + "' MKSYNC_SLOT=" + w.dbName + " MKSYNC_DATA_DIR=" + filepath.Join(w.dir, "data") + " mksync status")

	select {
	case <-ctx.Done():
		d.say.print("")
		d.say.print("Stopping and removing everything.")
		return errServed
	case <-w.service.ended():
		return &stepError{step: d.steps, title: "serve", err: fmt.Errorf("the service ended: %s", w.service.exit()), log: w.service.lastLines()}
	}
}
