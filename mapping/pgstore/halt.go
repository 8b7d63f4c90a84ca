package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// Halt stops sending, and tells the history of it; where it is stopped already, it stays so
// as it was. It returns how it stands.
func (s *Store) Halt(ctx context.Context, by, reason string) (h store.Halt, err error) {
	_, err = s.pool.Exec(ctx, `
		WITH halted AS (INSERT INTO mksync_state (key, value)
			VALUES ('`+store.HaltKey+`', jsonb_strip_nulls(jsonb_build_object('since', clock_timestamp(), 'by', $1::text, 'reason', $2::text)))
			ON CONFLICT (key) DO NOTHING RETURNING key)
		INSERT INTO mksync_history (act, cause, by, note) SELECT 'pause', 'person', $1, $2 FROM halted`, nullText(by), nullText(reason))
	if err != nil {
		return h, fmt.Errorf("pause sending: %w", err)
	}
	found, err := s.Halted(ctx)
	if err == nil && found != nil {
		h = *found
	}
	return h, err
}

// Resume lets sending go on, and tells the history of it; false: it was not stopped.
func (s *Store) Resume(ctx context.Context, by, reason string) (was bool, err error) {
	err = s.pool.QueryRow(ctx, `
		WITH halted AS (DELETE FROM mksync_state WHERE key = '`+store.HaltKey+`' RETURNING key)
		INSERT INTO mksync_history (act, cause, by, note) SELECT 'resume', 'person', $1, $2 FROM halted RETURNING true`, nullText(by), nullText(reason)).Scan(&was)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("resume sending: %w", err)
	}
	return was, nil
}

// Halted tells since when a person has stopped sending; nil: nobody has.
func (s *Store) Halted(ctx context.Context) (*store.Halt, error) {
	var h store.Halt
	found, err := s.LoadState(ctx, store.HaltKey, &h)
	if err != nil || !found {
		return nil, err
	}
	return &h, nil
}
