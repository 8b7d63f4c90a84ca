package crowd

import (
	"context"
	"fmt"
	"time"

	"github.com/crmmind/mksync/mapping"
)

// Canary is a person that nobody else edits, by which the way from one side to the other
// is measured: each edit types an e-mail with a higher number.
type Canary struct {
	crowd  *Crowd
	person *citizen
	toCRM  bool

	partner string // as Arrived found it
}

// Canary adds one, whose e-mail is edited in the CRM; toCRM: at the ERP's screens.
func (c *Crowd) Canary(toCRM bool) *Canary {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Insert()
	p := c.people[len(c.people)-1]
	p.canary, p.owner = true, ownerCRM
	if toCRM {
		p.owner = ownerERP
	}
	return &Canary{crowd: c, person: p, toCRM: toCRM}
}

// Edit types the next e-mail and returns its number, and when it was done; 0: there is
// no partner yet.
func (k *Canary) Edit() (n int, done time.Time) {
	c := k.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	partner := ""
	if k.toCRM {
		if partner = c.partnerOf(k.person); partner == "" {
			return 0, done
		}
	}

	c.version++
	n = c.version
	email := fmt.Sprintf("kanarcek%d@primer.si", n)
	if k.toCRM {
		c.setPartner(k.person, partner, mapping.FieldEmail, email)
	} else {
		c.set(k.person, []mapping.Field{mapping.FieldEmail}, []string{email})
	}
	return n, time.Now()
}

// Arrived is the number of the newest edit that the other side has; 0: none, or it cannot
// be asked now. It is for one goroutine.
func (k *Canary) Arrived(ctx context.Context) int {
	w := k.crowd.w
	if k.toCRM {
		var email string
		_ = w.DB.QueryRow(ctx, "SELECT coalesce(max(email), '') FROM contacts WHERE id = $1", k.person.id).Scan(&email) // not now: later
		return numberIn(email)
	}
	if k.partner == "" {
		for _, p := range w.ERP.Partners() {
			if numberIn(p.Customer) == k.person.n {
				k.partner = p.MKID
			}
		}
	}
	p, there := w.ERP.Partner(k.partner)
	if !there || len(p.Contacts) == 0 {
		return 0
	}
	return numberIn(p.Contacts[0].Email)
}
