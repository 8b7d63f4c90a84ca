package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// usualCall is how long a call to MetaKocka takes normally.
const usualCall = 100 * time.Millisecond

// callsSection counts the calls that one change costs, and one poll.
func callsSection(ctx context.Context, l *lab) (r result, err error) {
	w, err := l.newWorld(ctx, "calls", sim.Options{})
	if err != nil {
		return r, err
	}
	defer w.close()

	if err := w.start(ctx, map[string]string{"MKSYNC_POLL_INTERVAL": "1s"}); err != nil {
		return r, err
	}
	for _, c := range changes(people(3)) {
		if err := w.latency(c.latency); err != nil {
			return r, err
		}

		before := w.calls.count()
		if err := c.change(ctx, w); err != nil {
			return r, fmt.Errorf("%s: %w", c.name, err)
		}
		if err := w.quiet(ctx); err != nil {
			return r, err
		}

		made := w.calls.count().minus(before)
		for _, kind := range []string{callTax, callEmail, callRead, callAdd, callUpdate} {
			r.add(c.name, "mksync", kind, float64(made[kind]))
		}
		c.goal(&r, made)
	}
	return r, l.pollCalls(ctx, &r)
}

// oneChange is a change whose calls are counted.
type oneChange struct {
	name    string
	latency time.Duration
	change  func(ctx context.Context, w *world) error
	goal    func(r *result, made callCount)
}

func changes(some []person) []oneChange {
	full, bare, echo := some[0], some[1], some[2]
	bare.tax = ""

	insert := func(p person) func(context.Context, *world) error {
		return func(ctx context.Context, w *world) error {
			if err := w.exec(ctx, "INSERT INTO contacts (id, name, email, tax_number, country) VALUES ($1, $2, $3, nullif($4, ''), 'SI')", p.id, p.name, p.email, p.tax); err != nil {
				return err
			}
			return w.agree(ctx, p.id, "")
		}
	}

	update := func(ctx context.Context, w *world, phone string) error {
		if err := w.exec(ctx, "UPDATE contacts SET phone = $2 WHERE id = $1", full.id, phone); err != nil {
			return err
		}
		return w.agree(ctx, full.id, phone)
	}

	added := func(most int) func(*result, callCount) {
		return func(r *result, made callCount) {
			r.atMost("new contact: look-ups of the e-mail", float64(made[callEmail]), 1)
			r.atMost("new contact: look-ups of each written form of the tax number", float64(made[callTax])/2, 1)
			r.atMost("new contact: calls in all", float64(made.useful()), float64(most))
		}
	}

	return []oneChange{
		{"a new contact with e-mail", 0, insert(bare), added(2)},
		{"a new contact with e-mail and tax number", 0, insert(full), added(4)},
		{"another, for the edits", 0, insert(echo), func(*result, callCount) {}},
		{"one field edited in the CRM", 0, func(ctx context.Context, w *world) error {
			return update(ctx, w, "041 111 111")
		}, func(r *result, made callCount) { r.atMost("edit in the CRM: calls", float64(made.useful()), 2) }},
		{"50 quick edits of one contact", usualCall, func(ctx context.Context, w *world) error {
			for i := range 49 {
				if err := w.exec(ctx, "UPDATE contacts SET phone = $2 WHERE id = $1", full.id, fmt.Sprintf("041 222 2%02d", i)); err != nil {
					return err
				}
			}
			return update(ctx, w, "041 333 333")
		}, func(r *result, made callCount) { r.atMost("50 quick edits: writes", float64(made[callUpdate]), 3) }},
		{"an update that changes nothing", 0, func(ctx context.Context, w *world) error {
			return w.exec(ctx, "UPDATE contacts SET name = name, updated_at = now() WHERE id = $1", full.id)
		}, func(r *result, made callCount) {
			r.atMost("update that changes nothing: calls", float64(made.useful()), 0)
		}},
		{"one field edited in the ERP", 0, func(ctx context.Context, w *world) error {
			return w.editOne(ctx, full.id, "031 444 444")
		}, func(r *result, made callCount) {
			r.atMost("edit in the ERP: calls besides the poll", float64(made.useful()), 1)
		}},
	}
}

// agree waits until both sides of a contact hold the phone; "" is that it is linked.
func (w *world) agree(ctx context.Context, id, phone string) error {
	return w.reaches(ctx, time.Minute, 1, `SELECT count(*)::float8 FROM metakocka_contact_mappings m JOIN contacts c ON c.id = m.contact_id
		WHERE c.id = $1 AND sync_status = 'synced' AND intent IS NULL
			AND ($2 = '' OR `+digits("c.phone")+" = "+digits("$2")+" AND "+digits("base->'partner'->>'phone'")+" = "+digits("$2")+")", id, phone)
}

// digits is SQL for the last eight digits of a text: a number without its prefix.
func digits(sql string) string {
	return "right(regexp_replace(" + sql + ", '\\D', '', 'g'), 8)"
}

// quiet waits until all events are applied and a further poll saw nothing new.
func (w *world) quiet(ctx context.Context) error {
	if err := syncer.Pause(ctx, 300*time.Millisecond); err != nil { // the event may be on its way
		return err
	}
	return w.reaches(ctx, time.Minute, 1, `SELECT count(*)::float8 FROM mksync_state
		WHERE key = 'poller' AND (value->>'sweptAt')::timestamptz > $1 AND value->>'error' IS NULL
			AND NOT EXISTS (SELECT FROM metakocka_contact_mappings WHERE base_assumed OR intent IS NOT NULL)`, time.Now())
}

func (w *world) editOne(ctx context.Context, id, phone string) error {
	var partner string
	if err := w.db.QueryRow(ctx, "SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", id).Scan(&partner); err != nil {
		return fmt.Errorf("look up partner: %w", err)
	}
	if err := w.erp.EditPartner(partner, func(p *metakocka.Partner) { p.Contacts[0].GSM = phone }); err != nil {
		return fmt.Errorf("edit partner %s: %w", partner, err)
	}
	return w.agree(ctx, id, phone)
}

// pollCalls counts the calls of the first poll and of the next, by listing and by
// letters, where the ERP answers whole and where it cuts answers off.
func (l *lab) pollCalls(ctx context.Context, r *result) error {
	for _, way := range waysToPoll() {
		for _, c := range []struct {
			partners, limit int
		}{{1000, 0}, {1000, 100}, {10000, 0}, {10000, 100}} {

			n := max(l.count(c.partners), 200)
			name := fmt.Sprintf("poll of %s partners %s, whole answers", number(float64(n)), way.name)
			if c.limit > 0 {
				name = fmt.Sprintf("poll of %s partners %s, answers cut at %d", number(float64(n)), way.name, c.limit)
			}

			w, err := l.newWorld(ctx, fmt.Sprintf("poll_%d_%d", n, c.limit), sim.Options{
				Partners: erpPartners(people(n)), AnswerCap: c.limit, ListAll: way.listAll,
			})
			if err != nil {
				return err
			}
			err = w.twoPolls(ctx, r, name)
			w.close()
			if err != nil {
				return err
			}
		}
	}

	n := number(float64(l.count(10000)))
	r.atMost("poll by listing, whole answers: calls", r.median("poll of "+n+" partners by listing, whole answers", "mksync", "next poll"), float64(l.count(10000)/1000+1))
	r.atMost("poll by letters, whole answers: calls of the first", r.median("poll of "+n+" partners by letters, whole answers", "mksync", "first poll"), 40)
	return nil
}

// twoPolls counts the calls of the first two polls.
func (w *world) twoPolls(ctx context.Context, r *result, name string) error {
	if err := w.start(ctx, map[string]string{"MKSYNC_POLL_INTERVAL": "1s"}); err != nil {
		return err
	}

	last := time.Time{}
	for _, column := range []string{"first poll", "next poll"} {
		var swept time.Time
		var calls, seconds float64

		limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
		err := w.mksync.await(limited, 5*time.Millisecond, func() (bool, error) {
			err := w.db.QueryRow(limited, `SELECT coalesce(max((value->>'sweptAt')::timestamptz), 'epoch'), coalesce(max((value->>'calls')::float8), 0), coalesce(max((value->>'duration')::float8), 0)
				FROM mksync_state WHERE key = 'poller'`).Scan(&swept, &calls, &seconds)
			return calls > 0 && swept.After(last), err
		})
		cancel()
		if err != nil {
			return err
		}

		last = swept
		r.add(name, "mksync", column, calls)
		r.add(name, "mksync", column+", s", seconds)
	}
	return nil
}
