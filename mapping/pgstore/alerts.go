package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

const (
	// alertsLock is held while it is decided what people are told.
	alertsLock = "mksync alerts"
	// attentionKey is where what they know is kept.
	attentionKey = "attention"
	// alertsKept is how long messages are kept that were sent or given up.
	alertsKept = 90 * 24 * time.Hour
	// longestRest bounds how long a message rests. One that is to rest longer was stored
	// before the database's clock went back.
	longestRest = time.Hour
)

// DecideAlerts reads what people know into known, lets decide change it, and stores it
// together with the messages that decide returns: all or nothing, and no two processes at
// once (invariant 29). The time is the database's.
func (s *Store) DecideAlerts(ctx context.Context, known any, decide func(now time.Time) []store.Alert) error {
	err := s.inTurn(ctx, alertsLock, func(tx pgx.Tx) error {
		var now time.Time
		if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, "SELECT value FROM mksync_state WHERE key = $1", attentionKey).Scan(known)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}

		alerts := decide(now)
		b := &pgx.Batch{}
		b.Queue(`INSERT INTO mksync_state (key, value) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()`, attentionKey, known)
		for _, a := range alerts {
			b.Queue("INSERT INTO mksync_alerts (channel, type, reasons) VALUES ($1, $2, $3)", string(a.Channel), string(a.Type), a.Reasons)
		}
		if len(alerts) > 0 {
			b.Queue("DELETE FROM mksync_alerts WHERE ended_at < clock_timestamp() - $1::interval", alertsKept)
		}
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return told(fmt.Errorf("decide on alerts: %w", err))
	}
	return nil
}

// TakeAlert takes the oldest message of a way that is to be sent, for lease: then it is
// anybody's again. Messages of one way go one after the other. nil: there is none to send
// now.
func (s *Store) TakeAlert(ctx context.Context, channel store.AlertChannel, lease time.Duration) (*store.Alert, error) {
	a := store.Alert{Channel: channel}
	err := s.pool.QueryRow(ctx, `
		UPDATE mksync_alerts SET try_at = clock_timestamp() + $2::interval, tries = tries + 1
		WHERE id = (SELECT id FROM mksync_alerts WHERE channel = $1 AND ended_at IS NULL ORDER BY number LIMIT 1)
			AND ended_at IS NULL AND (try_at <= clock_timestamp() OR try_at > clock_timestamp() + $3::interval)
		RETURNING id::text, type, reasons, created_at, tries`, string(channel), lease, longestRest).
		Scan(&a.ID, &a.Type, &a.Reasons, &a.At, &a.Tries)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // none is to be sent
	}
	if err != nil {
		return nil, told(fmt.Errorf("take alert: %w", err))
	}
	return &a, nil
}

// AlertSent notes that a message was sent.
func (s *Store) AlertSent(ctx context.Context, id string) error {
	return s.alert(ctx, "UPDATE mksync_alerts SET ended_at = clock_timestamp(), error = NULL WHERE id = $1 AND ended_at IS NULL", id)
}

// AlertFailed notes why a message was not sent; it is tried again after rest.
func (s *Store) AlertFailed(ctx context.Context, id, reason string, rest time.Duration) error {
	return s.alert(ctx, "UPDATE mksync_alerts SET try_at = clock_timestamp() + $3::interval, error = $2 WHERE id = $1 AND ended_at IS NULL", id, reason, rest)
}

// AlertGivenUp notes that a message is not tried any more, and why not.
func (s *Store) AlertGivenUp(ctx context.Context, id, reason string) error {
	return s.alert(ctx, "UPDATE mksync_alerts SET ended_at = clock_timestamp(), error = $2 WHERE id = $1 AND ended_at IS NULL", id, reason)
}

func (s *Store) alert(ctx context.Context, sql string, args ...any) error {
	if _, err := s.pool.Exec(ctx, sql, args...); err != nil {
		return told(fmt.Errorf("note what became of alert %s: %w", args[0], err))
	}
	return nil
}

// Unsent are the ways on which the newest message that ended was given up.
func (s *Store) Unsent(ctx context.Context) ([]store.Unsent, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT channel, error, ended_at FROM (
			SELECT DISTINCT ON (channel) * FROM mksync_alerts WHERE ended_at IS NOT NULL ORDER BY channel, number DESC) newest
		WHERE error IS NOT NULL`)
	if err != nil {
		return nil, told(fmt.Errorf("look up alerts: %w", err))
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (u store.Unsent, err error) {
		err = row.Scan(&u.Channel, &u.Error, &u.At)
		return u, err
	})
}

// TriedAlertsOver are the messages that were tried last, one of each way that was ever tried,
// over a connection that is no store's.
func TriedAlertsOver(ctx context.Context, conn *pgx.Conn, schema string) ([]store.Tried, error) {
	rows, err := over(conn, schema).Query(ctx, `
		SELECT DISTINCT ON (channel) channel, coalesce(ended_at, created_at), coalesce(error, ''), ended_at IS NOT NULL AND error IS NOT NULL
		FROM mksync_alerts WHERE ended_at IS NOT NULL OR error IS NOT NULL ORDER BY channel, number DESC`)
	if err != nil {
		return nil, fmt.Errorf("look up alerts: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t store.Tried, err error) {
		err = row.Scan(&t.Channel, &t.At, &t.Error, &t.GivenUp)
		return t, err
	})
}
