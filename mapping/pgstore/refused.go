package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// TakeRefused takes up to limit contacts that could not be brought over, or that a list of
// pairs linked and nobody merged, and whose next try is due or whose reason holds the words.
// Nobody else gets those that are due for 15 seconds: the try itself says when the next is. Left out are contacts outside the filter, and those that are
// not there, but where their deletion was admitted and then refused.
func (s *Store) TakeRefused(ctx context.Context, words string, limit int) ([]store.Refused, error) {
	t := s.table()
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		WITH due AS (
			SELECT m.id, there.key IS NULL AS gone FROM metakocka_contact_mappings m
			LEFT JOIN LATERAL (SELECT c.%[2]s AS key, %[3]s AS synced FROM %[1]s AS c WHERE c.%[2]s = m.contact_id) AS there ON true
			WHERE m.retry_at IS NOT NULL AND (m.sync_status IN ('error', 'deleted') OR m.sync_status = 'pending' AND m.metakocka_id IS NOT NULL)
				AND (m.retry_at <= now() OR m.retry_at > now() + interval '2 days'
					OR $1::text <> '' AND strpos(m.last_error, $1) > 0)
				AND (there.synced OR there.key IS NULL AND EXISTS (
					SELECT FROM mksync_deletions WHERE link_id = m.id AND side = 'crm' AND `+admittedDeletion+`))
			ORDER BY m.retry_at LIMIT %[4]d FOR UPDATE OF m SKIP LOCKED)
		UPDATE metakocka_contact_mappings m SET retries = m.retries + 1, retry_at = now() + interval '15 seconds'
		FROM due WHERE m.id = due.id RETURNING m.contact_id::text, due.gone`, t.table, t.key.name, t.filter, limit), append([]any{words}, t.args...)...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("take contacts to try again: %w", err))
	}

	taken, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Refused])
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("take contacts to try again: %w", err))
	}
	return taken, nil
}
