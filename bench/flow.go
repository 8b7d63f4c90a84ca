package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// slowCall is how long a call takes where the ERP is slow; mksync keeps two in
// flight by default, so that 40 calls a second are possible.
const (
	slowCall      = 50 * time.Millisecond
	possibleCalls = 40.0
)

// flowSection measures how many changes a second go each way, and with a slow
// ERP how much of what it lets through is used.
func flowSection(ctx context.Context, l *lab) (r result, err error) {
	for round := range l.Rounds {
		for _, of := range l.builds(round) {
			if err := of.flowAtOnce(ctx, &r); err != nil {
				return r, fmt.Errorf("%s: %w", of.mksync.Who, err)
			}
		}
	}
	for _, of := range l.builds(0) {
		if err := of.flowSlowly(ctx, &r); err != nil {
			return r, fmt.Errorf("%s: %w", of.mksync.Who, err)
		}
	}

	for _, what := range []string{"push, new contacts", "push, edits", "pull, edits"} {
		r.atLeast("share of possible calls used, "+what, r.median(what+", ERP answers after 50 ms", "mksync", "of possible"), 0.95)
	}
	return r, nil
}

// flowAtOnce is with an ERP that answers at once.
func (l *lab) flowAtOnce(ctx context.Context, r *result) error {
	w, err := l.newWorld(ctx, "flow", sim.Options{})
	if err != nil {
		return err
	}
	defer w.close()
	return w.flow(ctx, r, "at once", 0, flowCounts{l.count(600), l.count(600), l.count(600)})
}

// flowSlowly is with one that takes its time, beside what can be done with it.
func (l *lab) flowSlowly(ctx context.Context, r *result) error {
	w, err := l.newWorld(ctx, "flow_slow", sim.Options{})
	if err != nil {
		return err
	}
	defer w.close()

	if l.ours() {
		if err := w.latency(slowCall); err != nil {
			return err
		}
		bare, err := w.bareClients(ctx)
		if err != nil {
			return err
		}
		r.add("calls that do nothing, ERP answers after 50 ms", "two bare clients", "of possible", bare/possibleCalls)
	}
	return w.flow(ctx, r, "after 50 ms", slowCall, flowCounts{l.count(120), l.count(200), l.count(400)})
}

// flowCounts are how many contacts are made, and edited on either side.
type flowCounts struct{ creates, pushes, pulls int }

func (w *world) flow(ctx context.Context, r *result, answers string, latency time.Duration, n flowCounts) error {
	all := people(max(n.creates, n.pushes, n.pulls))
	if err := w.start(ctx, map[string]string{"MKSYNC_POLL_INTERVAL": "1h"}); err != nil {
		return err
	}
	if err := w.polled(ctx); err != nil { // its calls are not what is measured
		return err
	}

	note := func(what string, n int, f func() error) error {
		return w.noteFlow(ctx, r, what+", ERP answers "+answers, n, f)
	}
	if err := w.latency(latency); err != nil {
		return err
	}

	if err := note("push, new contacts", n.creates, func() error { return w.pushCreates(ctx, all[:n.creates]) }); err != nil {
		return err
	}
	if rest := all[n.creates:]; len(rest) > 0 { // not measured: as quickly as can be
		if err := w.latency(0); err != nil {
			return err
		}
		if err := w.pushCreates(ctx, rest); err != nil {
			return err
		}
		if err := w.latency(latency); err != nil {
			return err
		}
	}

	if err := note("push, edits", n.pushes, func() error { return w.pushEdits(ctx, all[:n.pushes]) }); err != nil {
		return err
	}

	if err := w.restart(ctx, "1h"); err != nil {
		return err
	}
	if err := w.polled(ctx); err != nil {
		return err
	}

	w.stop()
	began := time.Now()
	err := note("pull, edits", n.pulls, func() error { // its start, and the sweep that it begins with, are in it
		if err := w.editPartners(n.pulls); err != nil {
			return err
		}
		if err := w.start(ctx, map[string]string{"MKSYNC_POLL_INTERVAL": "1h"}); err != nil {
			return err
		}
		return w.reaches(ctx, 5*time.Minute, float64(n.pulls), "SELECT count(*)::float8 FROM contacts WHERE updated_at > $1", began)
	})
	w.stop()
	return err
}

// noteFlow measures one way.
func (w *world) noteFlow(ctx context.Context, r *result, what string, n int, f func() error) error {
	w.calls.forget()
	e, err := w.measure(ctx, f)
	if err != nil {
		return err
	}
	stretch := w.calls.stretch().Seconds()
	faults := w.erp.Faults()
	if faults.Latency > 0 {
		stretch += faults.Latency.Seconds()
		r.add(what, w.lab.mksync.Who, "of possible", float64(e.calls.useful())/stretch/possibleCalls)
	}
	r.add(what, w.lab.mksync.Who, "contacts/s", float64(n)/stretch)
	r.add(what, w.lab.mksync.Who, "calls/contact", float64(e.calls.useful())/float64(n))
	r.add(what, w.lab.mksync.Who, "CPU ms/contact", 1000*e.cpu/float64(n))
	r.add(what, w.lab.mksync.Who, "database ms/contact", 1000*e.database.working/float64(n))
	r.add(what, w.lab.mksync.Who, "with waits", 1000*e.database.active/float64(n))
	return nil
}

func (w *world) pushCreates(ctx context.Context, all []person) error {
	have, err := w.number(ctx, countSynced)
	if err != nil {
		return err
	}
	if err := w.insertContacts(ctx, all); err != nil {
		return err
	}
	return w.reaches(ctx, 5*time.Minute, have+float64(len(all)), countSynced)
}

const countSynced = "SELECT count(*)::float8 FROM metakocka_contact_mappings WHERE sync_status = 'synced'"

// pushEdits gives contacts another phone, in one transaction.
func (w *world) pushEdits(ctx context.Context, all []person) error {
	began := time.Now()
	ids := make([]string, len(all))
	for i, p := range all {
		ids[i] = p.id
	}
	if err := w.exec(ctx, "UPDATE contacts SET phone = '01 ' || right(phone, 7) WHERE id = ANY($1)", ids); err != nil {
		return err
	}
	return w.reaches(ctx, 5*time.Minute, float64(len(all)),
		"SELECT count(*)::float8 FROM metakocka_contact_mappings WHERE intent IS NULL AND updated_at > $1", began)
}

// restart begins with a poll.
func (w *world) restart(ctx context.Context, pollInterval string) error {
	w.stop()
	return w.start(ctx, map[string]string{"MKSYNC_POLL_INTERVAL": pollInterval})
}

// editPartners gives the first partners another phone.
func (w *world) editPartners(n int) error {
	for i, p := range w.erp.Partners()[:n] {
		err := w.erp.EditPartner(p.MKID, func(p *metakocka.Partner) {
			p.Contacts[0].GSM = fmt.Sprintf("031 %03d %03d", i/1000, i%1000)
			p.Contacts[0].Phone = ""
		})
		if err != nil {
			return fmt.Errorf("edit partner %s: %w", p.MKID, err)
		}
	}
	return nil
}

// polled waits until what was made has been seen by a poll.
func (w *world) polled(ctx context.Context) error {
	return w.reaches(ctx, 5*time.Minute, 1, `SELECT count(*)::float8 FROM mksync_state
		WHERE key = 'poller' AND value->>'error' IS NULL
			AND NOT EXISTS (SELECT FROM metakocka_contact_mappings WHERE base_assumed)`)
}

// bareClients is how many calls a second two clients make that do nothing else,
// here and now.
func (w *world) bareClients(ctx context.Context) (float64, error) {
	client, err := w.client(2)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	n := w.count(200)
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for range n {
		g.Go(func() error {
			_, err := client.Find(ctx, metakocka.Query{ID: "1"})
			if errors.Is(err, metakocka.ErrNotFound) {
				return nil
			}
			return err
		})
	}
	err = g.Wait()
	return float64(n) / time.Since(began).Seconds(), err
}
