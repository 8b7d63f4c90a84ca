package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
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

// sameMoment lets nobody tell which change came last.
func (d *demo) sameMoment(ctx context.Context) error {
	const theirs, ours = "041 600 111", "041 600 222"
	link, err := d.link(ctx, joze)
	if err != nil {
		return err
	}
	if err := d.bothEdit(ctx, joze, link.partner, ours, theirs); err != nil {
		return err
	}
	d.say.line(inERP, "%s: phone -> %s", joze, theirs)
	d.say.line(inCRM, "%s: phone -> %s, committed a moment later", joze, ours)
	return d.decided(ctx, joze, link)
}

// bothEdit commits the CRM's change of a phone only once MetaKocka's is made.
func (d *demo) bothEdit(ctx context.Context, who, partner, ours, theirs string) error {
	err := pgx.BeginFunc(ctx, d.world.db, func(tx pgx.Tx) error {
		if err := setField(ctx, tx.Exec, d.id(who), mapping.FieldPhone, ours); err != nil {
			return err
		}
		return d.world.erp.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].GSM, p.Contacts[0].Phone = theirs, "" })
	})
	if err != nil {
		return fmt.Errorf("edit both sides: %w", err)
	}
	return nil
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
	faults.Rate5xx = 1
	faults.Endpoints = []string{metakocka.EndpointUpdate}
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
