package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
)

// conflictSQL adds to the journal; a field that is parked already keeps its
// entry, with the values as they are now.
const conflictSQL = `
	INSERT INTO mksync_conflicts (link_id, field, base_crm, base_partner, crm_value, partner_value,
		crm_changed_at, partner_after, partner_before, rule, winner, undecidable, status)
	SELECT m.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM metakocka_contact_mappings m WHERE m.contact_id = $1
	ON CONFLICT (link_id, field) WHERE status = 'parked' DO UPDATE SET
		crm_value = excluded.crm_value, partner_value = excluded.partner_value, crm_changed_at = excluded.crm_changed_at,
		partner_after = excluded.partner_after, partner_before = excluded.partner_before`

func conflictArgs(c mapping.ConflictRecord) []any {
	return []any{
		string(c.Field), c.BaseCRM, c.BasePartner, c.CRM, c.Partner,
		nullTime(c.Times.CRM), nullTime(c.Times.PartnerAfter), nullTime(c.Times.PartnerBefore),
		string(c.Rule), string(c.Winner), c.Undecidable, string(c.Status),
	}
}

// DeletionStatus says what becomes of a deletion.
type DeletionStatus string

// The states of a deletion.
const (
	DeletionApplied  DeletionStatus = "applied"
	DeletionHeld     DeletionStatus = "held"     // waits for a person
	DeletionApproved DeletionStatus = "approved" // to be applied by the next reconcile
	DeletionRejected DeletionStatus = "rejected" // by a person
	DeletionVoid     DeletionStatus = "void"     // what was deleted came back
)

// guardWindow is the time over which deletions are counted.
const guardWindow = 10 * time.Minute

// AdmitDeletion decides, under one lock for all deletions, whether this link's
// deletion on side may be applied: yes when a person approved it or when at
// most limit were applied in the last ten minutes; else it is held.
func (s *Session) AdmitDeletion(ctx context.Context, link mapping.Link, side mapping.Side, limit int) (admitted bool, err error) {
	err = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('mksync deletions', 0))"); err != nil {
			return err
		}
		admitted, err = admit(ctx, tx, link, side, limit)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("guard deletion of contact %s: %w", s.id, err)
	}
	return admitted, nil
}

func admit(ctx context.Context, tx pgx.Tx, link mapping.Link, side mapping.Side, limit int) (bool, error) {
	var open string
	err := tx.QueryRow(ctx, `SELECT coalesce((SELECT status FROM mksync_deletions
		WHERE link_id = $1 AND status IN ('held', 'approved')), '')`, link.ID).Scan(&open)
	if err != nil || open == string(DeletionHeld) {
		return false, err
	}
	if open == string(DeletionApproved) {
		_, err := tx.Exec(ctx, "UPDATE mksync_deletions SET status = 'applied' WHERE link_id = $1 AND status = 'approved'", link.ID)
		return err == nil, err
	}
	var recent int
	err = tx.QueryRow(ctx, "SELECT count(*) FROM mksync_deletions WHERE status = 'applied' AND closed_by IS NULL AND created_at > clock_timestamp() - $1::interval",
		guardWindow).Scan(&recent)
	if err != nil {
		return false, err
	}
	status, reason := DeletionApplied, ""
	if recent >= limit {
		status = DeletionHeld
		reason = fmt.Sprintf("more than %d deletions in ten minutes", limit)
	}
	_, err = tx.Exec(ctx, "INSERT INTO mksync_deletions (link_id, side, reason, status) VALUES ($1, $2, $3, $4)",
		link.ID, string(side), reason, string(status))
	return status == DeletionApplied, err
}

// HoldDeletion holds this link's deletion for a person.
func (s *Session) HoldDeletion(ctx context.Context, link mapping.Link, side mapping.Side, reason string) error {
	_, err := s.conn.Exec(ctx, `INSERT INTO mksync_deletions (link_id, side, reason, status) VALUES ($1, $2, $3, 'held')
		ON CONFLICT (link_id) WHERE status IN ('held', 'approved') DO NOTHING`, link.ID, string(side), reason)
	if err != nil {
		return fmt.Errorf("hold deletion of contact %s: %w", s.id, err)
	}
	return nil
}

// VoidDeletion closes a held deletion whose contact came back.
func (s *Session) VoidDeletion(ctx context.Context, link mapping.Link) error {
	_, err := s.conn.Exec(ctx, `UPDATE mksync_deletions SET status = 'void', closed_at = now()
		WHERE link_id = $1 AND status IN ('held', 'approved')`, link.ID)
	if err != nil {
		return fmt.Errorf("close held deletion of contact %s: %w", s.id, err)
	}
	return nil
}

// HoldAll holds the deletion of every living link whose contact is gone, as
// after a TRUNCATE, and returns how many there are.
func (s *Store) HoldAll(ctx context.Context, reason string) (int64, error) {
	t := s.table()
	tag, err := s.pool.Exec(ctx, fmt.Sprintf(`
		INSERT INTO mksync_deletions (link_id, side, reason, status)
		SELECT m.id, 'crm', $1, 'held' FROM metakocka_contact_mappings m LEFT JOIN %s c ON c.%s = m.contact_id
		WHERE m.sync_status NOT IN ('deleted', 'unlinked') AND c.%[2]s IS NULL
		ON CONFLICT (link_id) WHERE status IN ('held', 'approved') DO NOTHING`, t.table, t.key), reason)
	if err != nil {
		return 0, fmt.Errorf("hold deletions: %w", err)
	}
	_, err = s.pool.Exec(ctx, `UPDATE metakocka_contact_mappings m SET sync_status = 'held', last_error = d.reason, updated_at = now()
		FROM mksync_deletions d WHERE d.link_id = m.id AND d.status = 'held' AND m.sync_status NOT IN ('deleted', 'unlinked', 'held')`)
	if err != nil {
		return 0, fmt.Errorf("hold deletions: %w", err)
	}
	return tag.RowsAffected(), nil
}

// Counts reads all figures in one statement.
func (s *Store) Counts(ctx context.Context) (mapping.Counts, error) {
	c := mapping.Counts{Links: map[mapping.Status]int{}}
	err := s.pool.QueryRow(ctx, `
		SELECT coalesce((SELECT jsonb_object_agg(sync_status, n) FROM (SELECT sync_status, count(*) AS n FROM metakocka_contact_mappings GROUP BY 1) x), '{}'),
		       (SELECT count(*) FROM mksync_conflicts WHERE status = 'parked'),
		       (SELECT count(*) FROM mksync_deletions WHERE status = 'held'),
		       (SELECT count(*) FROM metakocka_contact_mappings WHERE differing <> '{}'),
		       (SELECT count(*) FROM metakocka_contact_mappings WHERE intent IS NOT NULL)`).
		Scan(&c.Links, &c.Conflicts, &c.HeldDeletions, &c.Differing, &c.Unresolved)
	if err != nil {
		return c, fmt.Errorf("count links: %w", err)
	}
	return c, nil
}

// Slot looks a replication slot up.
func (s *Store) Slot(ctx context.Context, name string) (slot mapping.Slot, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT active, coalesce(confirmed_flush_lsn::text, ''), greatest(pg_current_wal_lsn() - coalesce(confirmed_flush_lsn, restart_lsn), 0)::bigint
		FROM pg_replication_slots WHERE slot_name = $1`, name).Scan(&slot.Active, &slot.ConfirmedLSN, &slot.LagBytes)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return slot, fmt.Errorf("look up slot %s: %w", name, err)
	}
	return slot, nil
}
