package pgstore

import (
	"context"
	"fmt"
	"time"
)

// longestHold: a hold that would be longer was made before the clock was put back,
// and is over.
const longestHold = `interval '10 minutes'`

// HoldForReplay keeps everything but a replay from reconciling the contacts for
// a while. Held again, they are held for longer.
func (s *Store) HoldForReplay(ctx context.Context, contactIDs []string, lease time.Duration) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO mksync_replays (contact_id, until) SELECT id, clock_timestamp() + $2::interval FROM (`+s.table().key.values("$1")+`) AS k
		ON CONFLICT (contact_id) DO UPDATE SET until = excluded.until`, contactIDs, lease)
	if err != nil {
		return fmt.Errorf("hold contacts for replay: %w", err)
	}
	return nil
}

// ReleaseFromReplay lets contacts go on.
func (s *Store) ReleaseFromReplay(ctx context.Context, contactIDs []string) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM mksync_replays WHERE contact_id IN ("+s.table().key.values("$1")+") OR until NOT BETWEEN clock_timestamp() AND clock_timestamp() + "+longestHold, contactIDs)
	if err != nil {
		return fmt.Errorf("release contacts after replay: %w", err)
	}
	return nil
}
