package crowd

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
)

// cross takes a person out of the filter, or back into it. Both sides edit all the same
// who is left out.
func (c *Crowd) cross(p *citizen) {
	if p == nil || p.id == "" || !p.out && c.parting(p) {
		return
	}
	c.edits.crossed++
	p.out, p.unsent = !p.out, 0
	p.know(mapping.Fields()...)
	set := c.table.back
	if p.out {
		set = c.table.out[c.rand.IntN(len(c.table.out))]
	}
	c.sql(func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf("UPDATE contacts SET %s, %s = now() WHERE id = $1", set, c.table.changedAt), p.id)
		return err
	})
}

// ComeBack brings those back who are left out, but a quarter of them.
func (c *Crowd) ComeBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.people {
		switch {
		case !p.out || p.gone:
		case c.rand.IntN(4) == 0:
		default:
			c.cross(p)
		}
	}
}

// know notes that the partner may hold the fields as they are now.
func (p *citizen) know(fields ...mapping.Field) {
	if p.known == nil {
		p.known = map[mapping.Field][]string{}
	}
	for _, f := range fields {
		p.known[f] = append(p.known[f], p.want.Get(f))
	}
}

// edited notes an edit in the CRM, which the partner hears of only while the filter
// takes the contact.
func (p *citizen) edited(fields ...mapping.Field) {
	if p.out {
		p.unsent++
		return
	}
	p.unsent = 0
	p.know(fields...)
}

// leftAlone checks who is left out: no creation is open, there is one partner at most
// (person looks), and that is as it was when the contact left, or as the ERP's users made
// it since.
func (c *Crowd) leftAlone(v *Verdict, s sides, p *citizen, l linked) {
	v.LeftOut++
	if l.intent && l.partner == "" {
		v.Unsettled = append(v.Unsettled, fmt.Sprintf("contact %s (%s) is left out and has an open creation", p.id, p.want.Name))
	}
	for _, id := range s.numbers[p.n] {
		erp := contactOf(s.partners[id])
		for _, f := range mapping.Fields() {
			held, known := erp.Get(f), p.known[f]
			if slices.ContainsFunc(known, func(may string) bool { return !mapping.Withheld(f, may, "").IsZero() }) { // it may have been made without
				known = append(slices.Clone(known), "")
			}
			if !holdsOneOf(f, known, held) {
				v.Losses = append(v.Losses, fmt.Sprintf("partner %s (%s, owner %d) of a contact that is left out: %s is %q, which is none of %q", id, p.want.Name, p.owner, f, held, p.known[f]))
			}
		}
	}
}
