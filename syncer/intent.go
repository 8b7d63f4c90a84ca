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
// is stored before it is sent, hardly earlier (metakocka.PreparedFor), on the connection that holds the contact's
// lock. A lost answer, a cut connection or a killed process leaves the intent:
// the partner is looked at, and nothing more is sent until the write has taken
// effect or no longer can. Without that, a second write could be overtaken by
// the first, and what the first wrote be read as an edit made in the ERP.

// sending gives a context whose writes store the intent before they are sent.
func (k *task) sending(ctx context.Context, in store.Intent) context.Context {
	return metakocka.BeforeSend(ctx, func(ctx context.Context) error {
		now := k.now()
		in.SentAt, in.Deadline = now, now.Add(metakocka.PreparedFor+k.cfg.CallTimeout+k.cfg.Settle)
		in.SentHere, in.Seen = time.Now(), k.st.PartnersSeen
		k.watch.first(k.id, in.SentAt)
		k.link.Intent = &in
		return k.saveLink(ctx)
	})
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
func (k *task) updateIntent(had, want mapping.Partner, fields []mapping.Field) store.Intent {
	in := store.Intent{Kind: store.IntentUpdate, Partner: had, Sent: want, Fields: fields}
	for _, f := range fields {
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

// settleUpdate finds out what became of an update without an answer. One field
// that holds what was sent, and did not before, says that it took effect: the
// base moves as if the answer had come, and what was sent is no edit made in the
// ERP. As one may be sent as several, a field that still stands as before may be
// of one that is on its way.
func (k *task) settleUpdate(p metakocka.Partner) error {
	in := k.link.Intent
	if in == nil || in.Kind == store.IntentCreate {
		return nil
	}
	got, _ := k.reads(p)
	had, _ := mapping.FromPartner(in.Partner)
	sent, _ := mapping.FromPartner(in.Sent)
	took := slices.ContainsFunc(in.Fields, func(f mapping.Field) bool {
		return mapping.Equal(f, got.Get(f), sent.Get(f)) && !mapping.Equal(f, had.Get(f), sent.Get(f))
	})
	stands := slices.ContainsFunc(in.Fields, func(f mapping.Field) bool {
		return mapping.Equal(f, got.Get(f), had.Get(f)) && !mapping.Equal(f, sent.Get(f), had.Get(f)) && !mapping.LikelyDropped(f, sent.Get(f), got.Get(f))
	})
	if (!took || stands) && k.open(k.id, in) {
		return k.pending()
	}
	if took {
		k.took(in, had, sent, got)
	}
	k.link.Intent = nil
	return nil
}

// took moves the base of the fields that an update without an answer wrote, and notes
// for the journal what it replaced. A field that stands as before it is left: it is
// written again. One that holds a third value was edited in the ERP since.
func (k *task) took(in *store.Intent, had, sent, got mapping.Contact) {
	base := *k.link.Base
	for _, f := range in.Fields {
		now := got.Get(f)
		switch {
		case mapping.Equal(f, now, sent.Get(f)), mapping.LikelyDropped(f, sent.Get(f), now):
			base.Partner.Set(f, now)
		case mapping.Equal(f, now, had.Get(f)):
			continue
		default:
			base.Partner.Set(f, sent.Get(f))
		}
		base.CRM.Set(f, in.CRM.Get(f))
		delete(k.link.Overrides, f)
		k.sent = append(k.sent, f)
		k.replaced = append(k.replaced, filter(in.Decided, func(c store.ConflictRecord) bool { return c.Field == f })...)
	}
	k.link.Base = &base
}
