package service_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// next puts a new standby behind the one that was promoted, and lets mksync wait for it.
func (p *promotable) next(t *testing.T) {
	t.Helper()
	p.primary = p.standby
	testenv.Exec(t, p.primary.URL(), "SELECT pg_create_physical_replication_slot('"+standbySlot+"', true)")
	var through string
	p.log, through = wire.New(t, "log", p.primary.URL())
	p.standby = p.follow(t, through)
	testenv.Exec(t, p.primary.URL(), "ALTER SYSTEM SET synchronized_standby_slots = '"+standbySlot+"'")
	testenv.Exec(t, p.primary.URL(), "SELECT pg_reload_conf()")
}

// crowd edits both sides until it is stopped. What it asks of the CRM while there is none is
// lost, as is what a failover takes with it.
type crowd struct {
	p     *promotable
	edits atomic.Int64
	made  atomic.Int64 // contacts
	most  atomic.Int64 // of them
	stop  chan struct{}
	done  chan struct{}
}

func (p *promotable) crowd(chance *rand.Rand) *crowd {
	c := &crowd{p: p, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		for n := 1; ; n++ {
			select {
			case <-c.stop:
				return
			default:
			}
			if c.edit(n, chance) == nil {
				c.edits.Add(1)
			} else { // there is no server
				waits.Idle(p.T.Context(), 10*time.Millisecond)
			}
		}
	}()
	return c
}

// edit is the n-th: of a new contact, of a contact's phone, or of a partner's e-mail address,
// not of its name, for nothing else finds what was made of a contact without an e-mail.
func (c *crowd) edit(n int, chance *rand.Rand) error {
	partners := c.p.ERP.Partners()
	if n%8 == 2 && len(partners) > 0 {
		return c.p.ERP.EditPartner(partners[chance.IntN(len(partners))].MKID, func(p *metakocka.Partner) {
			if len(p.Contacts) > 0 {
				p.Contacts[0].Email = fmt.Sprintf("erp%d@partner.si", n)
			}
		})
	}

	db, ctx := c.p.DB, c.p.T.Context()
	if n%8 != 1 || c.made.Load() >= c.most.Load() {
		_, err := db.Exec(ctx, "UPDATE contacts SET phone = $1, updated_at = now() WHERE id = (SELECT id FROM contacts ORDER BY random() LIMIT 1)", fmt.Sprintf("+3864%07d", n))
		return err
	}
	email := any(fmt.Sprintf("oseba%d@partner.si", n))
	if chance.IntN(2) == 0 {
		email = nil
	}
	_, err := db.Exec(ctx, "INSERT INTO contacts (id, name, email, country) VALUES ($1, $2, $3, 'SI')", uuid.NewString(), fmt.Sprint("Oseba ", n), email)
	if err == nil {
		c.made.Add(1)
	}
	return err
}

// until waits until the crowd has made so many edits more.
func (c *crowd) until(more int) {
	c.p.T.Helper()
	aim := c.edits.Load() + int64(more)
	c.p.Eventually(func() error {
		if c.edits.Load() < aim {
			return errors.New("the crowd is slow")
		}
		return nil
	})
}

// TestStandbysArePromotedOneAfterTheOther while a crowd edits both sides: each time the
// primary is killed at any moment, its standby, which may lag, is promoted, and a new one put
// behind it. In the end each contact has one partner, and nobody had to accept anything.
func TestStandbysArePromotedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	long.Only(t)
	p := newPromotable(t)
	p.Latency(20 * time.Millisecond) // so that some are always being made
	seed := testenv.Seed(t)
	chance := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // chances of a test
	s := p.Up()
	before := p.state(s)

	const times = 3
	c := p.crowd(rand.New(rand.NewPCG(seed, 1))) //nolint:gosec // chances of a test
	for i := range times {
		if i > 0 {
			p.next(t)
		}
		p.inForce(s)
		c.most.Store(c.made.Load() + 60)
		c.until(1 + chance.IntN(200))
		if chance.IntN(2) == 0 {
			p.log.Cut()
			c.until(1 + chance.IntN(100))
		}
		p.failOver()
	}
	c.until(50)
	close(c.stop)
	_, ended := waits.Within(time.Minute, c.done)
	require.True(t, ended)

	p.Eventually(p.agree)
	after := p.state(s)
	require.Equal(t, before.Timeline+times, after.Timeline)
	require.Equal(t, before.SnapshotPos, after.SnapshotPos, "it went on each time, with no snapshot")
	p.NoProblem(s)
	t.Logf("edits %d, contacts %d, calls %v", c.edits.Load(), p.Count("SELECT count(*) FROM contacts"), p.ERP.Calls().Received)
}

// agree tells whether each contact has the one partner, and both hold the same.
func (p *promotable) agree() error {
	rows, err := p.DB.Query(p.T.Context(), `SELECT coalesce(l.sync_status, 'none'), coalesce(l.metakocka_id, ''), c.name, coalesce(c.email, ''), coalesce(c.phone, '')
		FROM contacts c LEFT JOIN metakocka_contact_mappings l ON l.contact_id = c.id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	count := 0
	for ; rows.Next(); count++ {
		var status, id, name, email, phone string
		if err := rows.Scan(&status, &id, &name, &email, &phone); err != nil {
			return err
		}
		partner, ok := p.ERP.Partner(id)
		if status != "synced" || !ok {
			return fmt.Errorf("a contact is %s, with the partner %q", status, id)
		}
		var erp metakocka.Contact
		if len(partner.Contacts) > 0 {
			erp = partner.Contacts[0]
		}
		if partner.Customer != name || erp.Email != email || mapping.Canonical(mapping.FieldPhone, erp.GSM+erp.Phone) != mapping.Canonical(mapping.FieldPhone, phone) {
			return fmt.Errorf("partner %s has %s, %s and %s, its contact %s, %s and %s", id, partner.Customer, erp.Email, erp.GSM+erp.Phone, name, email, phone)
		}
	}
	if all := len(p.ERP.Partners()); rows.Err() == nil && all != count {
		return fmt.Errorf("%d contacts have %d partners", count, all)
	}
	return rows.Err()
}
