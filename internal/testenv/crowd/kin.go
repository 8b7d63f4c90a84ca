package crowd

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/internal/testenv/people"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// kin are contacts that share a key, and nothing else: the first that is worked off gets
// a partner, the others wait for a person.
type kin struct {
	members []*citizen
	shared  mapping.Field
}

// InsertKin enters two or three at once: strangers behind a shared mailbox, or with one
// mistyped tax number; colleagues with their firm's.
func (c *Crowd) InsertKin() {
	kind := c.rand.IntN(3)
	k := &kin{shared: mapping.FieldTaxNumber}
	if kind == 0 {
		k.shared = mapping.FieldEmail
	}
	c.kins = append(c.kins, k)

	for i := range 2 + c.rand.IntN(2) {
		p := c.newPerson()
		p.kin, p.owner, p.edits = k, ownerCRM, 1
		p.want = mapping.Contact{Name: p.want.Name, Country: "SI", Address: fmt.Sprintf("Samotna pot %d, Ljubljana, 1000", p.n)}
		k.members = append(k.members, p)

		switch first := k.members[0].n; kind {
		case 0:
			p.want.Email = fmt.Sprintf([]string{"info@druzina%d.si", " Info@Druzina%d.si. ", "mailto:info@druzina%d.si"}[i], first)
		case 1:
			p.want.TaxNumber = []string{"", "SI", "SI "}[i] + people.MistypedTaxNumber(3_000_000+first)
		default:
			p.want.TaxNumber = []string{"SI", "", "si-"}[i] + people.TaxNumber(3_000_000+first)
		}

		for _, f := range mapping.Fields() {
			p.want.Set(f, c.table.typed(f, p.want.Get(f), c.version))
		}
		p.know(mapping.Fields()...)
	}

	c.edits.inserted += len(k.members)
	c.sql(func(ctx context.Context, tx pgx.Tx) error {
		for _, p := range k.members {
			if err := c.table.insert(ctx, tx, p.id, p.want); err != nil {
				return err
			}
		}
		return nil
	})
}

// part gives one of kin a key of its own, by which it is found from now on; what it had
// is free for who waits for it.
func (c *Crowd) part() {
	if len(c.kins) == 0 {
		return
	}
	k := c.kins[c.rand.IntN(len(c.kins))]
	if len(k.members) < 2 {
		return
	}
	i := c.rand.IntN(len(k.members))
	p := k.members[i]
	c.version++
	own := fmt.Sprintf("lastna%d@primer.si", c.version)
	if k.shared == mapping.FieldTaxNumber {
		own = people.TaxNumber(2_000_000 + c.version)
	}
	k.members, p.kin, p.shed = slices.Delete(k.members, i, i+1), nil, k.shared
	c.set(p, []mapping.Field{k.shared}, []string{own})
}

// parting reports whether the partner of a person who got a key of its own may still have
// the shared one. While it has, whoever is left with that key would be asked about it, or
// be given it, when this person goes.
func (c *Crowd) parting(p *citizen) bool {
	if p.shed == "" {
		return false
	}
	at, there := c.w.ERP.Partner(c.partnerOf(p))
	return !there || !mapping.Equal(p.shed, p.want.Get(p.shed), contactOf(at).Get(p.shed))
}

// kindred judges who shares a key: one has a partner, and nobody else has.
func (c *Crowd) kindred(v *Verdict, s sides, k *kin) {
	var linked []string
	for _, p := range k.members {
		l := s.links[p.id]
		switch {
		case l.status != string(store.StatusHeld):
			linked = append(linked, p.want.Name)
			c.person(v, s, p)
		case l.partner != "" || l.intent || len(s.numbers[p.n]) > 0:
			v.Duplicates = append(v.Duplicates, fmt.Sprintf("contact %s (%s) is held and has a partner: %v %v", p.id, p.want.Name, l, s.numbers[p.n]))
		default:
			v.Held++
		}
	}
	if len(linked) != 1 {
		first := k.members[0]
		l := s.links[first.id]
		v.Unsettled = append(v.Unsettled, fmt.Sprintf("of %d contacts with one key %v are not held; the first, %s, is %q %s%s",
			len(k.members), linked, first.want.Name, l.status, l.reason, s.named(l.reason)+"; its link: "+l.base))
	}
}

// named are the partners of a reason, by name and with the contacts that have them.
func (s sides) named(reason string) (text string) {
	for _, id := range someNumber.FindAllString(reason, -1) {
		if p, there := s.partners[id]; there {
			text += fmt.Sprintf("; partner %s is %s, has %+v and %q, of contact %q: %s", id, p.Customer, p.Contacts, p.TaxIDNumber, s.holders[id], s.links[s.holders[id]].base)
		}
	}
	return text
}
