package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// ContactKnown tells whether the contact is in the table, and whether the
// configured filter takes it.
func (s *Store) ContactKnown(ctx context.Context, id string) (exists, inScope bool, err error) {
	t := s.table()
	err = s.pool.QueryRow(ctx, fmt.Sprintf("SELECT count(*) > 0, coalesce(bool_and(%s), false) FROM %s AS c WHERE c.%s = %s",
		t.filter, t.table, t.key.name, t.key.value("$1")), append([]any{id}, t.args...)...).Scan(&exists, &inScope)
	if err != nil {
		return false, false, s.stale(ctx, fmt.Errorf("look up contact %s: %w", id, err))
	}
	return exists, inScope, nil
}

// ListPartners lists the partners as last seen, without those that are missing,
// by id.
func (s *Store) ListPartners(ctx context.Context, q store.PartnerQuery) ([]store.ListedPartner, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT p.metakocka_id, p.name, p.tax_number, p.email, p.first_seen_at, p.observed_at,
			coalesce(m.id::text, ''), coalesce(m.contact_id::text, ''), coalesce(m.sync_status, '')
		FROM mksync_partners p LEFT JOIN LATERAL (
			SELECT id, contact_id, sync_status, `+tombstone+` AS dead FROM metakocka_contact_mappings
			WHERE metakocka_id = p.metakocka_id ORDER BY `+tombstone+`, updated_at DESC LIMIT 1) m ON true
		WHERE p.missing_since IS NULL AND p.metakocka_id > $1 AND (NOT $2 OR m.id IS NULL OR m.dead)
		ORDER BY p.metakocka_id`+limitSQL(q.Limit), q.After, q.Unsynced)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.ListedPartner, error) {
		var p store.ListedPartner
		err := row.Scan(&p.MetaKockaID, &p.Name, &p.TaxNumber, &p.Email, &p.FirstSeenAt, &p.ObservedAt, &p.LinkID, &p.ContactID, &p.LinkStatus)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return found, nil
}

// orphansSQL gives every link its kind of orphan; null: none. A tombstone is one
// only when the guard no longer counts its deletion.
func (c *contacts) orphansSQL() string {
	return fmt.Sprintf(`
		SELECT m.id, m.contact_id, coalesce(m.metakocka_id, '') AS metakocka_id, m.sync_status, CASE
			WHEN m.`+tombstone+` THEN CASE
				WHEN c.%[2]s IS NULL AND (m.metakocka_id IS NULL OR p.missing_since IS NOT NULL) AND m.updated_at < clock_timestamp() - $1::interval
				THEN '%[3]s' END
			WHEN c.%[2]s IS NULL THEN CASE WHEN d.id IS NULL THEN '%[4]s' END
			WHEN p.missing_since IS NOT NULL AND d.id IS NULL THEN '%[5]s' END AS kind
		FROM metakocka_contact_mappings m
		LEFT JOIN %[1]s c ON c.%[2]s = m.contact_id
		LEFT JOIN mksync_partners p ON p.metakocka_id = m.metakocka_id
		LEFT JOIN mksync_deletions d ON d.link_id = m.id AND d.`+openDeletion,
		c.table, c.key.name, store.OrphanBothGone, store.OrphanContactGone, store.OrphanPartnerGone)
}

// Orphans lists the links that have lost a side, by contact id from after on.
func (s *Store) Orphans(ctx context.Context, after string, limit int) ([]store.Orphan, error) {
	t := s.table()
	rows, err := s.pool.Query(ctx, `SELECT id::text, contact_id::text, metakocka_id, sync_status, kind FROM (`+t.orphansSQL()+`) o
		WHERE kind IS NOT NULL AND `+t.key.behind("contact_id", "$2", after)+` ORDER BY o.contact_id`+limitSQL(limit), guardWindow, after)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read orphans: %w", err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Orphan, error) {
		var o store.Orphan
		err := row.Scan(&o.LinkID, &o.ContactID, &o.MetaKockaID, &o.Status, &o.Kind)
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("read orphans: %w", err)
	}
	return found, nil
}

// RemoveTombstones removes the tombstones that guard nothing any more, with
// their journals, and returns how many there were.
func (s *Store) RemoveTombstones(ctx context.Context) (int64, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM metakocka_contact_mappings WHERE id IN (SELECT id FROM ("+s.table().orphansSQL()+") o WHERE kind = $2)",
		guardWindow, string(store.OrphanBothGone))
	if err != nil {
		return 0, s.stale(ctx, fmt.Errorf("remove tombstones: %w", err))
	}
	return tag.RowsAffected(), nil
}
