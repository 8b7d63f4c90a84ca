package pgstore

import (
	"context"
	"fmt"
	"time"
)

// HoldForReplay keeps everything but a replay from reconciling the contacts for
// a while. Held again, they are held for longer.
func (s *Store) HoldForReplay(ctx context.Context, contactIDs []string, lease time.Duration) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO mksync_replays (contact_id, until) SELECT id, clock_timestamp() + $2::interval FROM unnest($1::uuid[]) AS id
		ON CONFLICT (contact_id) DO UPDATE SET until = excluded.until`, contactIDs, lease)
	if err != nil {
		return fmt.Errorf("hold contacts for replay: %w", err)
	}
	return nil
}

// ReleaseFromReplay lets contacts go on.
func (s *Store) ReleaseFromReplay(ctx context.Context, contactIDs []string) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM mksync_replays WHERE contact_id = ANY($1::uuid[]) OR until < clock_timestamp()", contactIDs)
	if err != nil {
		return fmt.Errorf("release contacts after replay: %w", err)
	}
	return nil
}
