package crowd

import (
	"fmt"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
)

// What the crowd does at the ERP's screens.

// partnerOf is the partner of a person, as far as mksync knows it.
func (c *Crowd) partnerOf(p *citizen) string {
	if p.partner != "" {
		return p.partner
	}
	var id string
	_ = c.w.DB.QueryRow(c.w.T.Context(), `SELECT coalesce(max(metakocka_id), '') FROM metakocka_contact_mappings
		WHERE contact_id = $1 AND sync_status <> 'deleted'`, p.id).Scan(&id) // not now: no edit
	return id
}

// editPartner is an edit at the ERP's screens.
func (c *Crowd) editPartner(p *citizen) {
	if p == nil {
		return
	}
	all := []mapping.Field{mapping.FieldEmail, mapping.FieldPhone}
	switch p.owner {
	case ownerERP:
		all = append(all, mapping.FieldName, mapping.FieldAddress)
	case ownerContested:
		all = append(all, mapping.FieldAddress)
	case ownerCRM, ownerBoth:
	}
	if partner := c.partnerOf(p); partner != "" {
		f := all[c.rand.IntN(len(all))]
		c.setPartner(p, partner, f, c.value(f, p.n))
	}
}

// setPartner types a value into the ERP's screen of a person's partner.
func (c *Crowd) setPartner(p *citizen, partner string, f mapping.Field, v string) {
	var was, typed mapping.Contact
	err := c.w.ERP.EditPartner(partner, func(e *metakocka.Partner) {
		was = contactOf(*e)
		world.EnterField(e, f, v)
		typed = contactOf(*e)
	})
	if err != nil {
		c.hitch = fmt.Errorf("edit partner of %s: %w", p.want.Name, err)
		return
	}

	c.edits.erp++
	if mapping.Equal(f, was.Get(f), typed.Get(f)) {
		return // no edit: the contact may hold what cannot be sent
	}
	if f == mapping.FieldEmail {
		p.refused = !c.table.takes(f, typed.Get(f))
	}

	if crm, erp := p.want.Get(f), was.Get(f); !mapping.Withheld(f, crm, erp).IsZero() {
		p.unsendable[f] = unsendable{crm, erp}
	}
	p.want.Set(f, typed.Get(f))
	if p.out && p.owner != ownerContested { // mksync has nothing to write over it
		p.known[f] = nil
	}
	p.know(f)
}

// Correct types an e-mail where the CRM's table does not take the one that there is.
func (c *Crowd) Correct() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.people {
		if !p.refused || p.gone || p.lost {
			continue
		}
		c.version++
		if partner := c.partnerOf(p); partner != "" {
			c.setPartner(p, partner, mapping.FieldEmail, fmt.Sprintf("popravljena%d@primer.si", c.version))
		}
	}
}

// enter is a new partner at the ERP's screens, which mksync is to import.
func (c *Crowd) enter() {
	p := c.newPerson()
	p.id, p.owner = "", ownerERP
	a := mapping.ParseAddress(p.want.Address)
	added, err := c.w.ERP.AddPartner(metakocka.Partner{
		Customer: p.want.Name, Contacts: []metakocka.Contact{{Name: p.want.Name, Email: p.want.Email}},
		Addresses: []metakocka.Address{{Type: metakocka.AddressBilling, Street: a.Street, City: a.City, PostNumber: a.PostNumber, Country: "Slovenija"}},
	})
	if err != nil {
		c.hitch = err
		return
	}
	c.edits.entered++
	p.partner, p.want = added.MKID, contactOf(added)
	p.refused = !c.table.takes(mapping.FieldEmail, p.want.Email)
	p.know(mapping.Fields()...)
}

// vanish deletes a partner at the ERP's screens.
func (c *Crowd) vanish(p *citizen) {
	if p == nil || p.id == "" {
		return
	}
	partner := c.partnerOf(p)
	if partner == "" || c.unnoticed() >= mostUnnoticed {
		return
	}
	if err := c.w.ERP.DeletePartner(partner); err != nil {
		c.hitch = err
		return
	}
	c.erased = append(c.erased, partner)
	c.edits.vanished++
	p.lost = true
}

// mostUnnoticed keeps below what a poll holds for a person: more than ten at
// once, a fifth of all.
const mostUnnoticed = 8

// unnoticed counts the partners deleted in the ERP that no poll has missed yet.
func (c *Crowd) unnoticed() (n int) {
	_ = c.w.DB.QueryRow(c.w.T.Context(), `SELECT count(*) FROM metakocka_contact_mappings
		WHERE metakocka_id = ANY($1) AND sync_status NOT IN ('deleted', 'unlinked')`, c.erased).Scan(&n) // not now: no more either
	return n
}

// contactOf is a partner as a contact.
func contactOf(p metakocka.Partner) mapping.Contact { return syncer.ContactOf(p) }
