package pgstore

import (
	"context"
	"fmt"
	"time"
)

// What mksync keeps of people besides the two sides themselves goes with them (erase.go), or
// by age. What stays in the streams goes by their own ages.

// keep is how long what is kept for a time only is kept; a merge can be undone so long.
const keep = "90 days"

// emptied is a merge without anybody's data.
const emptied = `loser_row = NULL, loser_link = NULL, winner_link = NULL, partner_before = NULL, partner_after = NULL,
	winner_before = '{}', winner_after = '{}'`

// blank is a partner as last seen of whom nothing is known but the id.
const blank = `hash = '', name = '', tax_number = '', email = '', keys = '{}', data = '{}'`

// forgetSQL forgets by age. A partner that is gone and a tombstone leave their ids, so
// that they are known should they be there again.
var forgetSQL = []string{
	`UPDATE mksync_merges SET ` + emptied + ` WHERE loser_row IS NOT NULL AND NOT ` + openMerge + ` AND finished_at < now() - $1::interval`,
	`DELETE FROM mksync_conflicts WHERE status <> 'parked' AND coalesce(closed_at, created_at) < now() - $1::interval`,
	`DELETE FROM mksync_deletions WHERE status IN ('applied', 'rejected', 'void') AND coalesce(closed_at, created_at) < now() - $1::interval`,
	`UPDATE mksync_partners p SET ` + blank + ` WHERE data <> '{}' AND missing_since < now() - $1::interval
		AND NOT EXISTS (SELECT FROM metakocka_contact_mappings m WHERE m.metakocka_id = p.metakocka_id AND m.` + livingLink + `)`,
	`UPDATE metakocka_contact_mappings SET base = NULL, overrides = NULL WHERE sync_status = 'deleted' AND updated_at < now() - $1::interval
		AND (base IS NOT NULL OR overrides IS NOT NULL)`,
	`DELETE FROM mksync_answers a WHERE NOT EXISTS (SELECT FROM metakocka_contact_mappings m
		WHERE m.contact_id = a.contact_id AND (m.sync_status <> 'deleted' OR m.updated_at >= now() - $1::interval))`,
}

// ForgetOld forgets what is kept of people for a time only; the history after an age, 0:
// never.
func (s *Store) ForgetOld(ctx context.Context, historyAge time.Duration) error {
	for _, sql := range forgetSQL {
		if _, err := s.pool.Exec(ctx, sql, keep); err != nil {
			return fmt.Errorf("forget what is old: %w", err)
		}
	}
	if err := s.forgetTwo(ctx); err != nil {
		return err
	}
	if historyAge > 0 {
		return s.forgetHistory(ctx, historyAge)
	}
	return nil
}
