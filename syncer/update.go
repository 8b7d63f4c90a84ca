package syncer

import (
	"context"
	"errors"
	"slices"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// maxWrites bounds how often one reconcile writes a partner that an ERP user
// edits at the same time.
const maxWrites = 4

// update merges a linked contact and its partner.
func (k *task) update(ctx context.Context) error {
	if k.link.Status == store.StatusHeld {
		if err := k.s.VoidDeletion(ctx, k.link, mapping.SideCRM); err != nil {
			return err
		}
	}

	done, err := k.nothingToDo(ctx)
	if done || err != nil {
		return err
	}
	if err := mapping.Nameless(*k.st.Contact); err != nil {
		return k.reject(ctx, coded.Of(err))
	}

	p, err := k.read(ctx)
	if errors.Is(err, metakocka.ErrNotFound) {
		return k.partnerGone(ctx)
	}
	if err != nil {
		return AboutAll(err)
	}

	// What became of an earlier write comes first: else its values would be read as edits.
	stood := k.stood(p)
	if p, err = k.settleUpdate(ctx, p, stood); err != nil {
		return err
	}
	if p, err = k.unmarkLeft(ctx, p, stood); err != nil {
		return k.writeFailed(ctx, err)
	}

	if k.anonymizedSince(p) {
		return k.revive(ctx, p)
	}
	return k.merge(ctx, p)
}

// anonymizedSince is whether mksync itself anonymized the partner after what the link
// knows, as when a database was restored to before its contact was deleted: that is no
// edit made in the ERP.
func (k *task) anonymizedSince(p reading) bool {
	return isAnonymous(p.Partner) && slices.ContainsFunc(namesOf, func(f mapping.Field) bool {
		return !mapping.Equal(f, p.contact.Get(f), k.link.Base.Partner.Get(f))
	})
}

// read asks for the partner and remembers when: right before it is written,
// always, so that an edit made in the ERP a moment ago is not lost (invariant 5). A
// partner is not found only where it was not found before either (invariant 8).
func (k *task) read(ctx context.Context) (reading, error) {
	k.readAt = k.now()
	p, err := k.erp.Get(ctx, k.link.MetaKockaID)
	switch {
	case err == nil:
		k.absences.found(k.link.MetaKockaID)
	case errors.Is(err, metakocka.ErrNotFound):
		if left := k.absences.missed(k.link.MetaKockaID, k.cfg.Settle); left > 0 {
			return reading{}, &PendingError{ContactID: k.id, After: left, Absent: k.link.MetaKockaID}
		}
	}
	if err != nil {
		return reading{}, err
	}
	return k.reads(p), nil
}

// merge brings both sides together: MetaKocka is written first, then the
// contact and the link commit together. Cut off in between, the next reconcile
// finds both sides alike and only moves the base.
func (k *task) merge(ctx context.Context, p reading) error {
	for range maxWrites {
		base := *k.link.Base
		if k.link.BaseAssumed {
			var err error
			if base, err = k.settleCreated(ctx, base, p.contact); err != nil {
				return err
			}
		}

		base.Phone = p.ours.PhonePlace()
		k.link.Base = &base
		k.link.BaseAssumed = false

		res, times, err := k.combine(ctx, p)
		if err != nil {
			return err
		}

		conflicts := res.Conflicts
		k.restore(&res, p)

		k.record(conflicts, times)
		k.nameAlong(&res, p.contact)
		k.nameOver(&res, p.ours)

		want := mapping.ToPartner(res.Partner, p.ours, res.ToPartner, k.Policy())
		_, differs := partnerUpdate(p.Partner, want)

		switch {
		case !differs && len(res.ToPartner) == 0:
			return k.finish(ctx, p, res)
		case !differs: // MetaKocka keeps what it has: an address that the contact shows less of
			k.advance(res, p, p)
			continue
		}

		e := k.writing(mapping.SideMetaKocka, res.ToPartner, p.contact, res.Partner)
		written, err := k.write(ctx, p, want, res.ToPartner, nil, e)
		if err != nil {
			return k.writeFailed(ctx, err)
		}

		if err := k.learn(ctx, res.Partner, written.contact, res.ToPartner); err != nil {
			return err
		}

		if k.standing != nil && k.link.LastError.String() != k.standing.Error() {
			return k.standsYet(ctx, res, p, written)
		}
		k.advance(res, p, written)
		p = written
	}

	// An ERP user edits the partner all the time.
	return ErrAgain
}

// standsYet puts the contact aside where what was to be emptied stands, because that was
// refused: it is tried again, for the refusal may have been about every write. Where the
// same words come again, it is said to stand.
func (k *task) standsYet(ctx context.Context, res mapping.MergeResult, was, written reading) error {
	res.ToPartner = filter(res.ToPartner, func(f mapping.Field) bool {
		return mapping.Equal(f, res.Partner.Get(f), written.contact.Get(f))
	})
	k.advance(res, was, written)
	return k.reject(ctx, coded.Of(k.standing))
}

// combine merges the contact and the partner. When the sides changed is looked up for
// the fields in which they conflict.
func (k *task) combine(ctx context.Context, p reading) (mapping.MergeResult, map[mapping.Field]mapping.Times, error) {
	in := mapping.MergeInput{
		Base: *k.link.Base, CRM: *k.st.Contact, Partner: p.contact, Unreadable: p.unreadable.Fields(), Overrides: k.overrides(p.contact),
	}
	res := mapping.Merge(in, k.mergePolicy())
	if len(res.Conflicts) == 0 || k.t.Plan != nil && k.link.LastSyncedAt.IsZero() { // of the first match of all, nobody can tell
		return res, nil, nil
	}
	var err error
	if in.Times, err = k.times(ctx, p.contact, res.Conflicts); err != nil {
		return res, nil, err
	}
	return mapping.Merge(in, k.mergePolicy()), in.Times, nil
}

func (k *task) writeFailed(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, metakocka.ErrNotFound):
		return ErrAgain // it was read just now
	case metakocka.IsRefusal(err):
		return k.refused(ctx, err)
	}
	return err
}
