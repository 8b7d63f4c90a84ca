package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// firstSection measures a first start: contacts that were there before, against
// an ERP that has none of them, all of them, or all of them with another phone.
// A call takes 50 ms.
func firstSection(ctx context.Context, l *lab) (r result, err error) {
	for _, c := range []struct {
		name     string
		contacts int
		partners func([]person) []metakocka.Partner
	}{
		{"empty ERP", 10_000, func([]person) []metakocka.Partner { return nil }},
		{"full ERP", 10_000, erpPartners},
		{"full ERP, all with another phone", 400, func(all []person) []metakocka.Partner {
			partners := erpPartners(all)
			for i := range partners {
				partners[i].Contacts[0].GSM = fmt.Sprintf("031 %03d %03d", i/1000, i%1000)
			}
			return partners
		}},
	} {

		n := l.count(c.contacts)
		name := fmt.Sprintf("%s contacts, %s", number(float64(n)), c.name)
		all := people(n)
		w, err := l.newWorld(ctx, "first", sim.Options{Partners: c.partners(all)})
		if err != nil {
			return r, err
		}
		err = w.firstSync(ctx, &r, name, all)
		w.close()
		if err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
	}

	n := float64(l.count(10_000))
	empty := number(n) + " contacts, empty ERP"
	r.atMost("calls per contact, empty ERP, without the sweep", r.median(empty, "mksync", "calls/contact"), 1.05)
	r.atMost("share of the run in which the database works, %, empty ERP", r.median(empty, "mksync", "database, % of the run"), 5)
	r.atLeast("share of possible calls used, empty ERP", r.median(empty, "mksync", "of possible"), 0.95)
	return r, nil
}

func (w *world) firstSync(ctx context.Context, r *result, name string, all []person) error {
	if err := w.insertContacts(ctx, all); err != nil {
		return err
	}

	if err := w.latency(slowCall); err != nil {
		return err
	}
	before, err := w.databaseTime(ctx)
	if err != nil {
		return err
	}

	began := time.Now()
	if err := w.start(ctx, map[string]string{"MKSYNC_POLL_INTERVAL": "1h"}); err != nil {
		return err
	}
	if err := w.reaches(ctx, 20*time.Minute, float64(len(all)), countSynced); err != nil {
		return err
	}
	took := time.Since(began)

	used, err := w.mksync.usage()
	if err != nil {
		return err
	}
	after, err := w.databaseTime(ctx)
	if err != nil {
		return err
	}

	n, calls := float64(len(all)), w.calls.count()
	r.add(name, "mksync", "s", took.Seconds())
	r.add(name, "mksync", "calls/contact", float64(calls.useful())/n)
	r.add(name, "mksync", "sweep calls", float64(calls[callSweep]))
	if useful := calls.useful(); useful > 0 {
		r.add(name, "mksync", "of possible", float64(useful)/(w.calls.stretch()+slowCall).Seconds()/possibleCalls)
	}

	r.add(name, "mksync", "peak MiB", used.peak)
	r.add(name, "mksync", "CPU ms/contact", 1000*used.cpu/n)

	database := after.minus(before)
	r.add(name, "mksync", "database ms/contact", 1000*database.working/n)
	r.add(name, "mksync", "with waits", 1000*database.active/n)
	r.add(name, "mksync", "database, % of the run", 100*database.working/took.Seconds())
	return nil
}
