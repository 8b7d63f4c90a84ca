package pgstore

import (
	"context"
	"fmt"
	"time"
)

// longestReservation: one that would be longer was made before the clock was put back,
// and is over.
const longestReservation = `interval '10 minutes'`

// ReserveForReplay keeps everything but a replay from reconciling the contacts for
// a while. Reserved again, they are so for longer.
func (s *Store) ReserveForReplay(ctx context.Context, contactIDs []string, lease time.Duration) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO mksync_replays (contact_id, until) SELECT id, clock_timestamp() + $2::interval FROM (`+s.table().key.values("$1")+`) AS k
		ON CONFLICT (contact_id) DO UPDATE SET until = excluded.until`, contactIDs, lease)
	if err != nil {
		return fmt.Errorf("reserve contacts for a replay: %w", err)
	}
	return nil
}

// ReleaseFromReplay lets contacts go on.
func (s *Store) ReleaseFromReplay(ctx context.Context, contactIDs []string) error {
	_, err := s.pool.Exec(ctx, "DELETE FROM mksync_replays WHERE contact_id IN ("+s.table().key.values("$1")+") OR until NOT BETWEEN clock_timestamp() AND clock_timestamp() + "+longestReservation, contactIDs)
	if err != nil {
		return fmt.Errorf("release contacts after replay: %w", err)
	}
	return nil
}
