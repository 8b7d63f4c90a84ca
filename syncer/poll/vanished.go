package poll

import (
	"context"
	"errors"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/enumerate"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// A poll that misses an unlikely share of the linked partners is rather wrong
// than they are gone: the key or the company may be another one. Each of them is
// held as a deletion for a person; one that is seen again is let go.

// doubtAll looks after the partners that the sweep did not bring.
func (d *diff) doubtAll(ctx context.Context, s enumerate.Partners) error {
	var linked int
	var absent []string
	for id, was := range d.seen {
		if was.Missing || !was.Linked {
			continue
		}
		linked++
		if _, found := s.Of[id]; !found {
			absent = append(absent, id)
		}
	}

	if syncer.Unlikely(len(absent), linked) {
		return d.disbelieve(ctx, absent, linked)
	}

	for id, was := range d.seen {
		if _, found := s.Of[id]; found || was.Missing || was.Held || !was.Linked && !s.Full {
			continue
		}
		if err := d.doubt(ctx, id, was.Linked); err != nil {
			return err
		}
	}
	return nil
}

// disbelieve holds the absent partners, once one that was asked for by id is
// not there: until then the sweep may have left them out.
func (d *diff) disbelieve(ctx context.Context, absent []string, linked int) error {
	for i, id := range absent {
		err := d.lookUp(ctx, id)
		if errors.Is(err, metakocka.ErrNotFound) {
			d.unbelieved = &syncer.UnlikelyError{Absent: len(absent) - i, Linked: linked}
			d.held = absent[i:]
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// doubt asks by id for a linked partner that the sweep did not bring: its new
// name may have none of the letters asked for.
func (d *diff) doubt(ctx context.Context, id string, linked bool) error {
	if linked {
		err := d.lookUp(ctx, id)
		if err == nil || !errors.Is(err, metakocka.ErrNotFound) {
			return err
		}
		if err := d.send(ctx, event.PartnerMissing, event.PartnerEvent{MetaKockaID: id, SeenAt: d.start, After: d.after}); err != nil {
			return err
		}
	}
	d.missing = append(d.missing, id)
	return nil
}

// lookUp compares a partner asked for by id. metakocka.ErrNotFound.
func (d *diff) lookUp(ctx context.Context, id string) error {
	p, err := d.poller.erp.Get(ctx, id)
	d.calls++
	if err != nil {
		return err
	}
	d.doubted++
	d.poller.partners.Missed(p.Customer)
	return d.one(ctx, p, p.Hash())
}
