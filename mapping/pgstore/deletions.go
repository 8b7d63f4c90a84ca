package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// guardWindow is the time over which deletions are counted.
const guardWindow = 10 * time.Minute

// AdmitDeletion decides, under one lock for all deletions, whether this link's
// deletion on side may be applied: yes when a person approved it, or when at
// most limit were applied in the last ten minutes and no reason keeps it; else it is held.
func (s *Session) AdmitDeletion(ctx context.Context, link store.Link, side mapping.Side, limit int, reason coded.Text) (admitted bool, err error) {
	err = s.store.inTurn(ctx, deletionsLock, func(tx pgx.Tx) error {
		if err := s.lock.prove(ctx, tx); err != nil {
			return err
		}
		admitted, err = admit(ctx, tx, link, side, limit, reason)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("guard deletion of contact %s: %w", s.id, err)
	}
	return admitted, nil
}

// admit leaves an approved deletion approved, and one that was admitted before
// applied: the tombstone's saving closes them, so that a deletion cut off in
// between is admitted again and counted once.
func admit(ctx context.Context, tx pgx.Tx, link store.Link, side mapping.Side, limit int, reason coded.Text) (bool, error) {
	// One that the other side waits with goes when that side is there again; this one is to stay.
	_, err := tx.Exec(ctx, `UPDATE mksync_deletions SET side = $2 WHERE link_id = $1 AND status = 'held' AND side <> $2`, link.ID, string(side))
	if err != nil {
		return false, err
	}

	// What is open, or has just been applied, is not counted once more.
	var open string
	err = tx.QueryRow(ctx, `SELECT coalesce((SELECT status FROM mksync_deletions WHERE link_id = $1 AND (`+openDeletion+`
			OR status = 'applied' AND closed_at IS NULL AND side = $2 AND created_at > clock_timestamp() - $3::interval)
		ORDER BY status = 'applied' LIMIT 1), '')`, link.ID, string(side), guardWindow).Scan(&open)
	if err != nil || open != "" {
		return open != string(store.DeletionHeld) && err == nil, err
	}

	// One that was admitted long ago and not carried out since is this one.
	_, err = tx.Exec(ctx, `UPDATE mksync_deletions SET status = 'void', closed_at = now()
		WHERE link_id = $1 AND status = 'applied' AND closed_at IS NULL AND side = $2`, link.ID, string(side))
	if err != nil {
		return false, err
	}

	var recent int
	err = tx.QueryRow(ctx, "SELECT count(*) FROM mksync_deletions WHERE status = 'applied' AND closed_by IS NULL AND created_at > clock_timestamp() - $1::interval",
		guardWindow).Scan(&recent)
	if err != nil {
		return false, err
	}

	status := store.DeletionApplied
	switch {
	case !reason.IsZero():
		status = store.DeletionHeld
	case recent >= limit:
		status = store.DeletionHeld
		reason = coded.Say("note.held.guard", "more than {count} deletions in ten minutes", limit)
	}

	_, err = tx.Exec(ctx, "INSERT INTO mksync_deletions (link_id, side, reason, reason_said, status) VALUES ($1, $2, $3, $4, $5)",
		link.ID, string(side), reason.String(), reason.Record(), string(status))
	return status == store.DeletionApplied, err
}

// DeletionHeld tells whether the link's deletion on side waits for a person.
func (s *Session) DeletionHeld(ctx context.Context, link store.Link, side mapping.Side) (held bool, err error) {
	err = s.store.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM mksync_deletions WHERE link_id = $1 AND side = $2 AND status = 'held')",
		link.ID, string(side)).Scan(&held)
	if err != nil {
		return false, fmt.Errorf("read held deletion of contact %s: %w", s.id, err)
	}
	return held, nil
}

// VoidDeletion closes a held deletion of what came back on side.
func (s *Session) VoidDeletion(ctx context.Context, link store.Link, side mapping.Side) error {
	return s.void(ctx, link, side, openDeletion)
}

// RefuseDeletion takes back that the guard admitted a deletion which turns out to be
// refused: nothing was deleted, and nothing counts. What a person approved stays approved.
func (s *Session) RefuseDeletion(ctx context.Context, link store.Link, side mapping.Side) error {
	return s.void(ctx, link, side, "status = 'applied' AND closed_at IS NULL")
}

func (s *Session) void(ctx context.Context, link store.Link, side mapping.Side, which string) error {
	b := &pgx.Batch{}
	s.lock.queueProof(b)
	b.Queue(`UPDATE mksync_deletions SET status = 'void', closed_at = now() WHERE link_id = $1 AND side = $2 AND `+which, link.ID, string(side))
	if err := s.store.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("close deletion of contact %s: %w", s.id, err)
	}
	return nil
}

// HoldAll holds the deletion of every living link whose contact is gone, as
// after a TRUNCATE, and returns how many there are; why is what the history says of it.
func (s *Store) HoldAll(ctx context.Context, reason coded.Text, why store.Why) (int64, error) {
	t := s.table()
	tag, err := s.pool.Exec(ctx, fmt.Sprintf(`
		INSERT INTO mksync_deletions (link_id, side, reason, reason_said, status)
		SELECT m.id, 'crm', $1, $2::jsonb, 'held' FROM metakocka_contact_mappings m LEFT JOIN %s c ON c.%s = m.contact_id
		WHERE m.`+livingLink+` AND c.%[2]s IS NULL
		ON CONFLICT (link_id) WHERE `+openDeletion+` DO NOTHING`, t.table, t.key.name), reason.String(), reason.Record())
	if err != nil {
		return 0, s.stale(ctx, fmt.Errorf("hold deletions: %w", err))
	}
	_, err = s.pool.Exec(ctx, `
		WITH held AS (UPDATE metakocka_contact_mappings m SET sync_status = 'held', last_error = d.reason, last_error_said = d.reason_said, updated_at = now()
			FROM mksync_deletions d WHERE d.link_id = m.id AND d.status = 'held' AND m.sync_status NOT IN ('deleted', 'unlinked', 'held')
			RETURNING m.contact_id, m.metakocka_id)
		INSERT INTO mksync_history (contact_id, metakocka_id, act, cause, by) SELECT contact_id, metakocka_id, 'hold', $1, $2 FROM held`,
		string(why.Cause), nullText(why.By))
	if err != nil {
		return 0, fmt.Errorf("hold deletions: %w", err)
	}
	return tag.RowsAffected(), nil
}

// HoldMissing holds the loss of the partners' living links for a person. The
// links stay as they are: the partners may well be there.
func (s *Store) HoldMissing(ctx context.Context, metakockaIDs []string, reason coded.Text) error {
	_, err := s.pool.Exec(ctx, `
		WITH held AS (INSERT INTO mksync_deletions (link_id, side, reason, reason_said, status)
			SELECT id, 'metakocka', $2, $3::jsonb, 'held' FROM metakocka_contact_mappings
			WHERE metakocka_id = ANY($1) AND `+livingLink+` ORDER BY metakocka_id
			ON CONFLICT (link_id) WHERE `+openDeletion+` DO NOTHING RETURNING link_id)
		INSERT INTO mksync_history (contact_id, metakocka_id, act, cause)
		SELECT m.contact_id, m.metakocka_id, 'hold', 'poll' FROM held h JOIN metakocka_contact_mappings m ON m.id = h.link_id`, metakockaIDs, reason.String(), reason.Record())
	if err != nil {
		return fmt.Errorf("hold missing partners: %w", err)
	}
	return nil
}

// ReleaseMissing voids what is held for partners that are there.
func (s *Store) ReleaseMissing(ctx context.Context, metakockaIDs []string) error {
	if len(metakockaIDs) == 0 {
		return nil
	}
	_, err := s.pool.Exec(ctx, `
		UPDATE mksync_deletions d SET status = 'void', closed_at = now() FROM metakocka_contact_mappings m
		WHERE m.metakocka_id = ANY($1) AND d.link_id = m.id AND d.side = 'metakocka' AND d.`+openDeletion, metakockaIDs)
	if err != nil {
		return fmt.Errorf("release partners that are back: %w", err)
	}
	return nil
}

// Deletions lists the deletion journal, oldest first.
func (s *Store) Deletions(ctx context.Context, q store.RecordQuery) ([]store.DeletionRecord, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT d.id, m.id::text, m.contact_id::text, coalesce(m.metakocka_id, ''), d.side, d.reason, d.reason_said, d.status, d.created_at, d.closed_at, coalesce(d.closed_by, '')
		FROM mksync_deletions d JOIN metakocka_contact_mappings m ON m.id = d.link_id
		WHERE `+fmt.Sprintf(ofSQL, "d", "m")+` AND d.id > $5 AND (NOT $6 OR d.`+openDeletion+`) ORDER BY d.id`+limitSQL(q.Limit),
		append(s.table().key.ofArgs(q.Of), q.After, q.Open)...)
	if err != nil {
		return nil, fmt.Errorf("read deletions: %w", err)
	}

	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.DeletionRecord, error) {
		var d store.DeletionRecord
		var closed *time.Time
		var reason said
		err := row.Scan(&d.ID, &d.LinkID, &d.ContactID, &d.MetaKockaID, &d.Side, &reason.words, &reason.record, &d.Status, &d.CreatedAt, &closed, &d.ClosedBy)
		d.ClosedAt = deref(closed)
		d.Reason = reason.text()
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read deletions: %w", err)
	}
	return found, nil
}

// ApproveDeletion lets the next reconcile apply a held deletion; it does not
// count against the guard. store.ErrNotOpen: it is not held.
func (s *Store) ApproveDeletion(ctx context.Context, id int64, by string) error {
	tag, err := s.pool.Exec(ctx, `
		WITH approved AS (UPDATE mksync_deletions SET status = 'approved', closed_by = coalesce($2, 'mksync')
			WHERE id = $1 AND `+openDeletion+` RETURNING link_id)
		INSERT INTO mksync_history (contact_id, metakocka_id, act, cause, by)
		SELECT m.contact_id, m.metakocka_id, 'approve', 'person', $2 FROM approved a JOIN metakocka_contact_mappings m ON m.id = a.link_id`,
		id, nullText(by))
	if err == nil && tag.RowsAffected() == 0 {
		err = store.ErrNotOpen
	}
	if err != nil {
		return fmt.Errorf("approve deletion %d: %w", id, err)
	}
	return nil
}

// RejectDeletion closes a held deletion and makes its link a tombstone with the
// given status, without anything done to the other side. store.ErrNotOpen: it
// is not held.
func (s *Store) RejectDeletion(ctx context.Context, d store.DeletionRecord, status store.Status, note coded.Text, by string) error {
	err := s.locked(ctx, handOver, []string{s.lockName(contactLock, d.ContactID)}, func(lock *locks) error {
		return s.change(ctx, lock, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `UPDATE mksync_deletions SET status = 'rejected', closed_at = now(), closed_by = $2
				WHERE id = $1 AND `+openDeletion, d.ID, nullText(by))
			if err == nil && tag.RowsAffected() == 0 {
				return store.ErrNotOpen
			}
			if err != nil {
				return err
			}

			_, err = tx.Exec(ctx, `UPDATE metakocka_contact_mappings SET sync_status = $2, last_error = $3, last_error_said = $5, intent = NULL, overrides = NULL,
				base = CASE $2::varchar WHEN 'deleted' THEN NULL ELSE base END, updated_at = now(), updated_by = $4 WHERE id = $1 AND `+livingLink,
				d.LinkID, string(status), nullText(note.String()), nullText(by), note.Record())
			if err != nil {
				return err
			}

			_, err = tx.Exec(ctx, "UPDATE mksync_conflicts SET status = 'resolved', closed_at = now(), closed_by = $2 WHERE link_id = $1 AND "+parkedConflict,
				d.LinkID, nullText(by))
			if err == nil {
				_, err = tx.Exec(ctx, decidedSQL, d.LinkID, string(store.ActReject), nullText(by))
			}
			if err == nil && status == store.StatusDeleted {
				_, err = tx.Exec(ctx, scrubSQL, d.ContactID)
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("reject deletion %d: %w", d.ID, err)
	}
	return nil
}
