package syncer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// A write to MetaKocka is never blind (invariant 3). What is about to be sent
// is stored before it is sent, hardly earlier (metakocka.PreparedFor), in a transaction that proves that
// the contact's lock is held. A lost answer, a cut connection or a killed process leaves the intent:
// the partner is looked at, and nothing more is sent until the write has taken
// effect or no longer can. Without that, a second write could be overtaken by
// the first, and what the first wrote be read as an edit made in the ERP.

// sending is a write under way, of one request or several.
type sending struct {
	*task
	in store.Intent
}

func (k *task) sending(in store.Intent) *sending { return &sending{task: k, in: in} }

// store stores the intent; it is called right before each request.
func (s *sending) store(ctx context.Context) error {
	k, now := s.task, s.now()
	s.in.SentAt = now
	s.in.Deadline = now.Add(metakocka.PreparedFor + k.cfg.CallTimeout + k.cfg.Settle)
	s.in.SentHere = time.Now()
	s.in.Seen = k.st.PartnersSeen
	k.watch.first(k.id, s.in.SentAt)
	k.link.Intent = &s.in
	return k.saveLink(ctx)
}

// saveLink stores the link alone: what is in the journal is not decided yet.
func (k *task) saveLink(ctx context.Context) error {
	journal := k.journal
	k.journal = nil
	err := k.save(ctx, store.Change{})
	k.journal = journal
	return err
}

// answered ends the intent of a write that was answered or certainly not sent.
func (k *task) answered(ctx context.Context, err error) error {
	if k.link.Intent == nil || metakocka.Uncertain(err) {
		return err
	}
	k.link.Intent = nil
	if err == nil {
		return nil // stored with what comes of it
	}
	return errors.Join(err, k.saveLink(ctx))
}

// pending asks to come back: soon at first, then less often, and when the
// intent has run out.
func (k *task) pending() error {
	in := k.link.Intent
	age := time.Since(k.watch.first(k.id, in.SentAt))
	left := max(in.Deadline.Sub(in.SentAt)-age, 0)
	return &PendingError{ContactID: k.id, After: min(max(age/2, 250*time.Millisecond), left+10*time.Millisecond)}
}

// updateIntent is what write is about to do.
func (k *task) updateIntent(had, want mapping.Partner, fields []mapping.Field, e store.Entry) store.Intent {
	in := store.Intent{Kind: store.IntentUpdate, Partner: had, Sent: want, Entry: &e}
	for _, f := range fields {
		if k.restores(f) {
			in.Restored = append(in.Restored, f)
			continue
		}
		in.Fields = append(in.Fields, f)
		if c, noted := k.journal[f]; noted && c.Status == store.ConflictDecided {
			in.Decided = append(in.Decided, c)
		}
	}
	if k.st.Contact != nil {
		in.CRM = *k.st.Contact
	} else {
		in.Kind = store.IntentRetire
	}
	return in
}

// lostUpdate is an update without an answer, and what the partner holds now. Where a
// clearing was cut off it may hold markers, which stand for what was there before.
type lostUpdate struct {
	*store.Intent
	had, sent, got mapping.Contact
}

func (k *task) lostUpdate(p reading, stood mapping.Partner) lostUpdate {
	l := lostUpdate{Intent: k.link.Intent}
	l.had, _ = mapping.FromPartner(stood)
	l.sent, _ = mapping.FromPartner(l.Sent)
	l.got, _ = mapping.FromPartner(withoutMarkers(p.ours, stood))
	return l
}

// written are all fields that it writes.
func (l lostUpdate) written() []mapping.Field { return slices.Concat(l.Fields, l.Restored) }

// took reports whether a field holds what was sent, and did not before.
func (l lostUpdate) took() bool {
	return slices.ContainsFunc(l.written(), func(f mapping.Field) bool {
		return mapping.Equal(f, l.got.Get(f), l.sent.Get(f)) && !mapping.Equal(f, l.had.Get(f), l.sent.Get(f))
	})
}

// stands reports whether a field stands as before that was to be another.
func (l lostUpdate) stands() bool {
	return slices.ContainsFunc(l.written(), func(f mapping.Field) bool { return l.asBefore(f) && !l.dropped(f) })
}

func (l lostUpdate) asBefore(f mapping.Field) bool {
	return mapping.Equal(f, l.got.Get(f), l.had.Get(f)) && !mapping.Equal(f, l.sent.Get(f), l.had.Get(f))
}

// reached reports whether the field was written, where the update took effect in any. One
// that stands as before may be dropped, unless another one says that something is still to come.
func (l lostUpdate) reached(f mapping.Field) bool {
	return !l.asBefore(f) || l.dropped(f) && !l.stands()
}

// became is what the partner held once it had taken effect: what it holds now, or where that
// was edited in the ERP since, what was sent.
func (l lostUpdate) became(f mapping.Field) string {
	if mapping.Equal(f, l.got.Get(f), l.sent.Get(f)) || l.dropped(f) {
		return l.got.Get(f)
	}
	return l.sent.Get(f)
}

func (l lostUpdate) dropped(f mapping.Field) bool {
	return mapping.LikelyDropped(f, l.sent.Get(f), l.got.Get(f))
}

// settleUpdate finds out what became of an update without an answer. One field
// that holds what was sent, and did not before, says that it took effect: the
// base moves as if the answer had come, and what was sent is no edit made in the
// ERP. As one may be sent as several, a field that still stands as before may be
// of one that is on its way. The partner is returned as the link then reads it.
func (k *task) settleUpdate(ctx context.Context, p reading, stood mapping.Partner) (reading, error) {
	in := k.link.Intent
	if in == nil || in.Kind == store.IntentCreate {
		return p, nil
	}
	l := k.lostUpdate(p, stood)
	if (!l.took() || l.stands()) && k.open(k.id, in) {
		return p, k.pending()
	}
	if l.took() {
		if err := k.took(ctx, p, l); err != nil {
			return p, err
		}
	}
	k.arrived(l)
	k.link.Intent = nil
	return k.reads(p.Partner), nil
}

// took moves the base of the fields that an update without an answer wrote, and notes
// for the journal what it replaced. A field that stands as before it is left: it is
// written again. One that holds a third value was edited in the ERP since.
//
// Where an earlier write was taken back the base stays, so that the contact follows what is
// then an edit of the partner; but where the contact was edited since, its edit goes over it.
func (k *task) took(ctx context.Context, p reading, l lostUpdate) error {
	if !l.stands() {
		if err := k.learn(ctx, l.sent, l.got, l.written()); err != nil {
			return err
		}
	}
	wrote := filter(l.written(), func(f mapping.Field) bool { return l.reached(f) && !k.unkept.drops(f) })

	base := *k.link.Base
	for _, f := range wrote {
		restored := slices.Contains(l.Restored, f)
		if restored && mapping.Unedited(f, l.CRM.Get(f), k.st.Contact.Get(f)) {
			continue
		}
		base.Partner.Set(f, l.became(f))
		if restored {
			continue
		}
		base.CRM.Set(f, l.CRM.Get(f))
		delete(k.link.Overrides, f)
		k.sent = append(k.sent, f)
		k.replaced = append(k.replaced, filter(l.Decided, func(c store.ConflictRecord) bool { return c.Field == f })...)
	}

	base.CountryGone(l.Partner, wrote, l.got, k.Policy())
	nameEntry(&base, p, l.got)
	k.link.Base = &base
	return nil
}
