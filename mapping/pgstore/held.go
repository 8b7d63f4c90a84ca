package pgstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

// Contacts whose match waits for a person wait for what has their keys: another
// contact, or a partner. When that changes they are looked at again.

// wakeSQL has those looked at again that are held for one of the keys $1, but for contact $2.
const wakeSQL = `UPDATE metakocka_contact_mappings SET sync_status = 'pending', updated_at = now()
	WHERE held_keys && $1::text[] AND ` + heldMatch + ` AND contact_id::text <> $2`

// wakeForSQL is wakeSQL for the keys that partners $1 have as last seen. Whoever stores a
// link locks that, then its partner, then those whom it wakes: so does everybody.
const wakeForSQL = `
	WITH partners AS (SELECT keys FROM mksync_partners WHERE metakocka_id = ANY($1) ORDER BY metakocka_id FOR NO KEY UPDATE)
	UPDATE metakocka_contact_mappings SET sync_status = 'pending', updated_at = now()
	WHERE ` + heldMatch + ` AND held_keys && (SELECT array_agg(k) FROM partners, unnest(keys) AS k)`

// wakeShedSQL is wakeSQL for the keys that partner $1 has as last seen, and has no more: its
// keys are $2.
const wakeShedSQL = `
	WITH partner AS (SELECT keys FROM mksync_partners WHERE metakocka_id = $1 FOR NO KEY UPDATE)
	UPDATE metakocka_contact_mappings SET sync_status = 'pending', updated_at = now()
	WHERE ` + heldMatch + ` AND held_keys && (SELECT array_agg(k) FROM partner, unnest(keys) AS k WHERE k <> ALL($2::text[]))`

// wakeWaitingSQL has those looked at again that are held for the sake of a contact that
// has no partner, by its key $1, and share none of the keys $2 with it.
const wakeWaitingSQL = `UPDATE metakocka_contact_mappings SET sync_status = 'pending', updated_at = now()
	WHERE held_keys @> ARRAY[$1::text] AND NOT held_keys && $2::text[] AND sync_status = 'held' AND metakocka_id IS NULL`

// WakeWaiting has the contacts looked at again that are held for the sake of one that had
// no partner, and is gone or left out.
func (s *Store) WakeWaiting(ctx context.Context, contactID string) error {
	if _, err := s.pool.Exec(ctx, wakeWaitingSQL, store.WaitFor(contactID), []string{}); err != nil {
		return fmt.Errorf("look again at held contacts: %w", err)
	}
	return nil
}

// WakeLate has a contact looked at again that was held for the sake of another which is
// not what it was when that was decided: it is gone or left out, or shares no key with its
// partner, or with what it is held for itself.
func (s *Store) WakeLate(ctx context.Context, contactID string) error {
	t := s.table()
	_, err := s.pool.Exec(ctx, fmt.Sprintf(`
		UPDATE metakocka_contact_mappings b SET sync_status = 'pending', updated_at = now()
		WHERE b.contact_id = $1 AND b.sync_status = 'held' AND b.metakocka_id IS NULL AND EXISTS (
			SELECT FROM (SELECT CASE WHEN k LIKE '%[1]s%%' THEN %[2]s END AS id FROM unnest(b.held_keys) AS k) AS w
			LEFT JOIN %[3]s AS c ON c.%[4]s = w.id AND (%[5]s)
			LEFT JOIN metakocka_contact_mappings a ON a.contact_id = w.id
			LEFT JOIN mksync_partners p ON p.metakocka_id = a.metakocka_id AND p.keys && b.held_keys
			WHERE w.id IS NOT NULL AND (c.%[4]s IS NULL OR a.sync_status IN ('deleted', 'unlinked')
				OR a.metakocka_id IS NOT NULL AND p.metakocka_id IS NULL OR a.held_keys IS NOT NULL AND NOT a.held_keys && b.held_keys))`,
		store.WaitFor(""), t.key.value(fmt.Sprintf("substr(k, %d)", len(store.WaitFor(""))+1)), t.table, t.key.name, t.filter), append([]any{contactID}, t.args...)...)
	if err != nil {
		return s.stale(ctx, fmt.Errorf("look again at held contacts: %w", err))
	}
	return nil
}

// WakeOvertaken has a contact looked at again that was held for the sake of partners,
// where one of them, or a link that names it, was stored by a transaction that since did
// not see. Whoever stores one now has either seen that the contact is held, or is waited
// for. No clock decides, for it may be put back in between; it only tells rows apart that
// are so old that the numbers of transactions have come round since.
func (s *Store) WakeOvertaken(ctx context.Context, contactID string, metakockaIDs []string, since store.Snapshot) error {
	if len(metakockaIDs) == 0 {
		return nil
	}
	overtaken := false
	look := func(rows pgx.Rows) error {
		var xid uint32
		_, err := pgx.ForEachRow(rows, []any{&xid}, func() error {
			overtaken = overtaken || !since.Sees(xid)
			return nil
		})
		return err
	}

	b := &pgx.Batch{}
	b.Queue(`SELECT xmin FROM metakocka_contact_mappings
		WHERE metakocka_id = ANY($1) AND updated_at > now() - interval '30 days' FOR SHARE`, metakockaIDs).Query(look)
	b.Queue(`SELECT xmin FROM mksync_partners
		WHERE metakocka_id = ANY($1) AND greatest(observed_at, missing_since) > now() - interval '30 days' FOR SHARE`, metakockaIDs).Query(look)
	err := s.pool.SendBatch(ctx, b).Close()
	if err == nil && overtaken {
		_, err = s.pool.Exec(ctx, `UPDATE metakocka_contact_mappings SET sync_status = 'pending', updated_at = now()
			WHERE contact_id = $1 AND `+heldMatch, contactID)
	}
	if err != nil {
		return s.stale(ctx, fmt.Errorf("look again at held contacts: %w", err))
	}
	return nil
}

// Wake has the contacts looked at again that are held for one of the keys.
func (s *Store) Wake(ctx context.Context, keys []string, but string) error {
	if len(keys) == 0 {
		return nil
	}
	if _, err := s.pool.Exec(ctx, wakeSQL, keys, but); err != nil {
		return fmt.Errorf("look again at held contacts: %w", err)
	}
	return nil
}

// Woken lists contacts that are to be looked at again and that the filter takes.
func (s *Store) Woken(ctx context.Context, limit int) (ids []string, err error) {
	t := s.table()
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT m.contact_id::text FROM metakocka_contact_mappings m JOIN %s AS c ON c.%s = m.contact_id
		WHERE m.held_keys IS NOT NULL AND m.sync_status = 'pending' AND m.metakocka_id IS NULL AND (%s)
		ORDER BY m.updated_at LIMIT $1`, t.table, t.key.name, t.filter), append([]any{limit}, t.args...)...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read contacts to look at again: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read contacts to look at again: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, s.stale(ctx, rows.Err())
}

// GiveUp takes a partner from the contact that holds it where the filter leaves that one
// out and no write to it is under way: its link becomes a tombstone, and the deletion
// journal says why. The guard does not count it. Where only a write without an answer stands
// against it, unsettled is the contact whose write that is: it could still take effect, and
// the history has yet to tell of it.
func (s *Store) GiveUp(ctx context.Context, metakockaID, to string) (given bool, unsettled string, err error) {
	t := s.table()
	note := coded.Say("note.gone.given", "the contact is left out; its partner {partner} went to contact {contact}, which matches it", metakockaID, to)
	sql := fmt.Sprintf(`
		WITH given AS (
			UPDATE metakocka_contact_mappings m SET sync_status = 'deleted', last_error = $NOTE::text, last_error_said = $SAID::jsonb, overrides = NULL, differing = '{}', updated_at = now()
			FROM %s AS c WHERE c.%s = m.contact_id AND m.metakocka_id = $1 AND m.`+livingLink+` AND m.intent IS NULL AND NOT (%s)
			RETURNING m.id, m.contact_id),
		noted AS (INSERT INTO mksync_deletions (link_id, side, reason, reason_said, status, closed_at, closed_by)
			SELECT id, 'crm', $NOTE::text, $SAID::jsonb, 'applied', now(), 'mksync' FROM given),
		told AS (INSERT INTO mksync_history (contact_id, metakocka_id, act, cause) SELECT contact_id, $1, 'unlink', 'match' FROM given),
		closed AS (UPDATE mksync_conflicts SET status = 'resolved', closed_at = now() WHERE `+parkedConflict+` AND link_id IN (SELECT id FROM given))
		SELECT EXISTS (SELECT FROM given), coalesce((SELECT m.contact_id::text FROM metakocka_contact_mappings m JOIN %[1]s AS c ON c.%[2]s = m.contact_id
			WHERE m.metakocka_id = $1 AND m.`+livingLink+` AND m.intent IS NOT NULL AND NOT (%[3]s)), '')`, t.table, t.key.name, t.filter)
	sql = strings.NewReplacer("$NOTE", fmt.Sprintf("$%d", len(t.args)+2), "$SAID", fmt.Sprintf("$%d", len(t.args)+3)).Replace(sql)
	err = s.pool.QueryRow(ctx, sql, append(append([]any{metakockaID}, t.args...), note.String(), note.Record())...).Scan(&given, &unsettled)
	if err != nil {
		return false, "", s.stale(ctx, fmt.Errorf("take partner %s from a contact that is left out: %w", metakockaID, err))
	}
	return given, unsettled, nil
}

// freed are the keys that a link no longer has that was.
func freed(was, now *store.Link) []string {
	if was == nil || now == nil {
		return nil
	}
	return store.Freed(*was, *now)
}
