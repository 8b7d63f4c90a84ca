package support

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/crmmind/mksync/pgsession"
)

// databaseQueries are what is asked of the CRM's Postgres: of sizes and states, never of rows.
var databaseQueries = map[string]string{
	"settings": `SELECT name, setting FROM pg_settings WHERE name IN ('server_version', 'wal_level', 'max_replication_slots', 'max_wal_senders',
		'max_connections', 'max_slot_wal_keep_size', 'wal_sender_timeout', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
		'synchronous_commit', 'server_encoding', 'hot_standby', 'track_commit_timestamp') ORDER BY name`,
	"slots": `SELECT slot_name::text, plugin::text, active, wal_status, restart_lsn::text, confirmed_flush_lsn::text, pg_current_wal_lsn()::text AS now
		FROM pg_replication_slots ORDER BY slot_name`,
	"tables": `SELECT relname::text AS name, reltuples::bigint AS rows, pg_total_relation_size(oid) AS bytes FROM pg_class
		WHERE relname LIKE 'mksync%' AND relkind IN ('r', 'i') OR relname = 'metakocka_contact_mappings' ORDER BY 1`,
	"connections": `SELECT application_name, state, wait_event_type, wait_event, count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'mksync%' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
}

// Postgres tells how the CRM's database stands.
func Postgres(ctx context.Context, c *Cleaner, url string) ([]byte, error) {
	conn, err := pgsession.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to Postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	found := map[string]any{}
	for name, sql := range databaseQueries {
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if found[name], err = pgx.CollectRows(rows, pgx.RowToMap); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return c.JSON(found)
}

// NATS tells how the server and the streams of ours stand, by their names.
func NATS(ctx context.Context, c *Cleaner, nc *nats.Conn, streams []string) ([]byte, error) {
	found := map[string]any{"server": map[string]any{"version": nc.ConnectedServerVersion(), "maxPayload": nc.MaxPayload(), "servers": len(nc.Servers())}}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("reach JetStream: %w", err)
	}

	for _, name := range streams {
		s, err := js.Stream(ctx, name)
		if err != nil {
			found[name] = err.Error()
			continue
		}

		consumers := []any{}
		list := s.ListConsumers(ctx)
		for info := range list.Info() {
			consumers = append(consumers, info)
		}
		found[name] = map[string]any{"stream": s.CachedInfo(), "consumers": consumers}
		if list.Err() != nil {
			return nil, fmt.Errorf("list consumers of %s: %w", name, list.Err())
		}
	}
	return c.JSON(found)
}

// mostMetrics bounds what is read of the metrics.
const mostMetrics = 4 << 20

// Metrics are those of the service that listens on addr. They name nobody; secrets are taken
// out all the same.
func Metrics(ctx context.Context, c *Cleaner, addr string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the metrics: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostMetrics))
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return []byte(c.withoutSecrets(string(text))), nil
}

// Lines are values, each as JSON in a line of its own.
func Lines[T any](c *Cleaner, all []T) ([]byte, error) {
	var text []byte
	for _, v := range all {
		line, err := c.JSON(v)
		if err != nil {
			return nil, err
		}
		var flat json.RawMessage = line
		if line, err = json.Marshal(flat); err != nil {
			return nil, fmt.Errorf("write line: %w", err)
		}
		text = append(append(text, line...), '\n')
	}
	return text, nil
}
