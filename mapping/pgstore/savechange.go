package pgstore

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/mapping/store"
)

// partnerIndex lets one living link name a partner (invariant 11).
const partnerIndex = "metakocka_contact_mappings_partner"

// saveChange stores all of ch but the contact, and commits, in one round trip:
// with b, which begins the transaction if that is not done yet.
func (s *Session) saveChange(ctx context.Context, conn *ownConn, b *pgx.Batch, ch *store.Change) error {
	l := &ch.Link
	isNew := l.ID == ""
	b.Queue(saveLinkSQL, s.table.linkArgs(l)...).QueryRow(func(row pgx.Row) error { return row.Scan(&l.ID) })
	queueAnswers(b, s.table.key, ch)
	queueSearched(b, l, s.read(), ch.ContactGone)
	queueNoImport(b, l, isNew || ch.Unpaired != nil)

	queueErasing(b, ch)
	if ch.TakenIn || ch.Erased || ch.ContactGone {
		b.Queue(takeInSQL, l.ContactID)
	}
	if ch.Erased || ch.ContactGone {
		b.Queue(goneTwoSQL, l.ContactID)
	}
	if ch.Observed != nil {
		// The base of a first match, or of one whose write had no answer, does not tell them.
		b.Queue(wakeShedSQL, ch.Observed.MetaKockaID, ch.Observed.Keys.All())
		b.Queue(observeSQL, observeArgs(ch.Observed)...)
	}
	if ch.Gone != "" {
		b.Queue(missingSQL, []string{ch.Gone})
	}
	if len(ch.Freed) > 0 {
		b.Queue(wakeSQL, ch.Freed, l.ContactID)
	}
	if ch.Unpaired != nil {
		b.Queue(wakeWaitingSQL, store.WaitFor(l.ContactID), ch.Unpaired)
	}
	if len(ch.Lapsed) > 0 {
		b.Queue(lapsedSQL, l.ContactID, fieldNames(ch.Lapsed))
	}

	for _, c := range ch.Conflicts {
		if c.Status == store.ConflictParked {
			b.Queue(supersededSQL, l.ContactID, string(c.Field), c.CRM, c.Partner)
		}
		b.Queue(conflictSQL, append([]any{l.ContactID}, conflictArgs(c)...)...)
	}

	queueHistory(b, l, ch.History)
	if ch.ContactGone {
		b.Queue(scrubSQL, l.ContactID)
	}
	queueClosing(b, l)
	// The COMMIT is in the batch: one round trip for the whole change.
	b.Queue("COMMIT")
	err := rolledBack(ctx, conn, conn.SendBatch(ctx, b).Close())
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == partnerIndex {
		return store.ErrPartnerTaken
	}
	s.grown = s.grown || err == nil && isNew && s.store.grows()
	return err
}
