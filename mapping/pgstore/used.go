package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// UseUp uses up what is good once, in whichever process; false: it was used already. It is
// remembered until then.
func (s *Store) UseUp(ctx context.Context, id string, until time.Time) (first bool, err error) {
	b := &pgx.Batch{}
	b.Queue("DELETE FROM mksync_used WHERE until < clock_timestamp()")
	b.Queue("INSERT INTO mksync_used (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true", id, until).QueryRow(func(row pgx.Row) error {
		if err := row.Scan(&first); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		return nil
	})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return false, fmt.Errorf("use up what is good once: %w", err)
	}
	return first, nil
}

// UsedUp tells whether it was.
func (s *Store) UsedUp(ctx context.Context, id string) (used bool, err error) {
	err = s.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM mksync_used WHERE id = $1)", id).Scan(&used)
	if err != nil {
		return false, fmt.Errorf("look for what is good once: %w", err)
	}
	return used, nil
}

// Keep keeps what became of what was used up, for as long as that is remembered.
func (s *Store) Keep(ctx context.Context, id string, became []byte) error {
	if _, err := s.pool.Exec(ctx, "UPDATE mksync_used SET became = $2 WHERE id = $1", id, became); err != nil {
		return fmt.Errorf("keep what became of what is good once: %w", err)
	}
	return nil
}

// Kept gives it; nil: it is not known, or not yet.
func (s *Store) Kept(ctx context.Context, id string) (became []byte, err error) {
	err = s.pool.QueryRow(ctx, "SELECT became FROM mksync_used WHERE id = $1", id).Scan(&became)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("look what became of what is good once: %w", err)
	}
	return became, nil
}
