package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// seed is the run's seed, printed, and taken from MKSYNC_TEST_SEED to repeat one.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := rand.Uint64()
	if given := os.Getenv("MKSYNC_TEST_SEED"); given != "" {
		var err error
		s, err = strconv.ParseUint(given, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed: MKSYNC_TEST_SEED=%d", s)
	return s
}

// crowd edits contacts on both sides and knows what each must hold in the end.
// The CRM's users edit names, phones and addresses, the ERP's users e-mails, so
// that no edit competes with another and every lost one shows.
type crowd struct {
	w    *world
	rand *rand.Rand

	mu      sync.Mutex // guards what follows
	want    map[string]mapping.Contact
	gone    map[string]bool
	counter int
	edits   int
}

func newCrowd(w *world, r *rand.Rand) *crowd {
	return &crowd{w: w, rand: r, want: map[string]mapping.Contact{}, gone: map[string]bool{}}
}

// run edits until ctx ends.
func (c *crowd) run(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		c.edit()
		idle(ctx, every)
	}
}

func (c *crowd) edit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.edits++
	switch roll := c.rand.IntN(10); {
	case roll < 3 || len(c.want) < 3:
		c.insert()
	case roll < 6:
		c.update()
	case roll < 9:
		c.editPartner()
	default:
		c.remove()
	}
}

func (c *crowd) insert() {
	c.counter++
	id := uuid.NewString()
	contact := mapping.Contact{
		Name: fmt.Sprintf("Oseba Številka %d", c.counter), Email: fmt.Sprintf("oseba%d@primer.si", c.counter),
		Phone: "040 100 200", Address: fmt.Sprintf("Cesta %d, Ljubljana, 1000", c.counter), Country: "SI",
	}
	if c.counter%3 == 0 {
		contact.Email = "" // such a contact can be found by its name alone
	}
	c.w.exec(`INSERT INTO contacts (id, name, email, phone, address, country) VALUES ($1, $2, nullif($3, ''), $4, $5, $6)`,
		id, contact.Name, contact.Email, contact.Phone, contact.Address, contact.Country)
	c.want[id] = contact
}

// any picks a living contact.
func (c *crowd) any() string {
	n := c.rand.IntN(len(c.want))
	for id := range c.want {
		if n == 0 {
			return id
		}
		n--
	}
	return ""
}

func (c *crowd) update() {
	id := c.any()
	contact := c.want[id]
	contact.Phone = fmt.Sprintf("040 %03d %03d", c.rand.IntN(900)+100, c.rand.IntN(900)+100)
	contact.Address = fmt.Sprintf("Ulica %d, Maribor, 2000", c.rand.IntN(1000))
	c.w.exec("UPDATE contacts SET phone = $2, address = $3, updated_at = now() WHERE id = $1", id, contact.Phone, contact.Address)
	c.want[id] = contact
}

func (c *crowd) editPartner() {
	id := c.any()
	partner := c.w.one("SELECT coalesce(max(metakocka_id), '') FROM metakocka_contact_mappings WHERE contact_id = $1", id)
	if partner == "" {
		return
	}
	email := fmt.Sprintf("nov%d@primer.si", c.rand.IntN(1_000_000))
	err := c.w.erp.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].Email = email })
	require.NoError(c.w.t, err)
	contact := c.want[id]
	contact.Email = email
	c.want[id] = contact
}

func (c *crowd) remove() {
	id := c.any()
	c.w.exec("DELETE FROM contacts WHERE id = $1", id)
	delete(c.want, id)
	c.gone[id] = true
}

// settled says what is not yet as it must be in the end.
func (c *crowd) settled() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, want := range c.want {
		if err := c.check(id, want); err != nil {
			return err
		}
	}
	names := map[string]string{}
	for _, p := range c.w.erp.Partners() {
		if other := names[p.Customer]; other != "" {
			return fmt.Errorf("two partners for %s: %s and %s", p.Customer, other, p.MKID)
		}
		names[p.Customer] = p.MKID
	}
	var waiting int
	err := c.w.db.QueryRow(c.w.t.Context(), `SELECT count(*) FROM metakocka_contact_mappings
		WHERE intent IS NOT NULL OR sync_status NOT IN ('synced', 'deleted')`).Scan(&waiting)
	if err == nil && waiting > 0 {
		err = fmt.Errorf("%d links are not settled", waiting)
	}
	return err
}

func (c *crowd) check(id string, want mapping.Contact) error {
	ctx := c.w.t.Context()
	var crm mapping.Contact
	err := c.w.db.QueryRow(ctx, "SELECT name, coalesce(email, ''), phone, address, country FROM contacts WHERE id = $1", id).
		Scan(&crm.Name, &crm.Email, &crm.Phone, &crm.Address, &crm.Country)
	if err != nil {
		return fmt.Errorf("contact %s: %w", id, err)
	}
	partner := c.w.one("SELECT coalesce(max(metakocka_id), '') FROM metakocka_contact_mappings WHERE contact_id = $1", id)
	p, ok := c.w.erp.Partner(partner)
	if !ok {
		return fmt.Errorf("contact %s (%s) has no partner", id, want.Name)
	}
	erp := syncer.ContactOf(p)
	for _, f := range mapping.Fields() {
		if !mapping.Equal(f, want.Get(f), crm.Get(f)) || !mapping.Equal(f, want.Get(f), erp.Get(f)) {
			return fmt.Errorf("contact %s (%s): %s must be %q, the CRM has %q, MetaKocka has %q",
				id, want.Name, f, want.Get(f), crm.Get(f), erp.Get(f))
		}
	}
	return nil
}

// TestKilledAtAnyMoment kills the service again and again while both sides are
// edited: no contact twice in MetaKocka, no edit lost.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	s := seed(t)
	r := rand.New(rand.NewPCG(s, 1))
	w := newWorld(t, sim.Options{Seed: s})
	w.cfg.MaxDeletes, w.cfg.PollInterval = 10_000, time.Second
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("MKSYNC_TEST_KILLS")); err == nil {
		kills = n
	}
	require.NoError(t, w.erp.SetFaults(sim.Faults{Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond}))
	people := newCrowd(w, rand.New(rand.NewPCG(s, 2)))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); people.run(ctx, 20*time.Millisecond) }()

	log := &logBuffer{}
	for range kills {
		c := w.spawn(log)
		idle(t.Context(), 400*time.Millisecond+time.Duration(r.IntN(900))*time.Millisecond)
		c.kill()
	}
	last := w.spawn(log)
	idle(t.Context(), time.Second)
	stop()
	<-done
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log.tail())
		}
	})
	waitSettled(t, people, time.Minute+time.Duration(kills)*2*time.Second)
	require.Zero(t, last.terminate(), "SIGTERM ends run with status 0")
	t.Logf("kills %d, edits %d, contacts %d, deleted %d, partners %d, calls %+v",
		kills, people.edits, len(people.want), len(people.gone), len(w.erp.Partners()), w.erp.Calls().Processed)
}

func waitSettled(t *testing.T, people *crowd, limit time.Duration) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := people.settled()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			status, _, statusErr := askStatus(t.Context(), people.w.cfg)
			require.NoError(t, err, "status: %+v %v", status, statusErr)
		}
		idle(t.Context(), 100*time.Millisecond)
	}
}
