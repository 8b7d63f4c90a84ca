package main

import (
	"context"
	"crypto/md5" //nolint:gosec // spreads ids, protects nothing
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// change is one row change of a backlog.
type change struct {
	op string // insert, update, delete
	id string // of the contact
}

// changeAt is the i-th change of every backlog: of ten, six inserts, three
// updates and one deletion of what was inserted last.
func changeAt(i int) change {
	group, n := i/10, i%10
	switch {
	case n < 6:
		return change{"insert", contactID(group*6 + n)}
	case n < 9:
		return change{"update", contactID(group*6 + n - 6)}
	default:
		return change{"delete", contactID(group*6 + 5)}
	}
}

// contactID spreads the ids as random ones are; bench_id in SQL gives the same.
func contactID(k int) string {
	sum := md5.Sum(fmt.Appendf(nil, "contact %d", k)) //nolint:gosec // spreads ids, protects nothing
	h := hex.EncodeToString(sum[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// backlogSQL makes bench_change, which makes the i-th change, and two procedures
// that make n of them: each in a transaction of its own, or all in one.
const backlogSQL = `
CREATE FUNCTION bench_id(k int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT md5('contact ' || k)::uuid $$;
CREATE PROCEDURE bench_change(i int) LANGUAGE plpgsql AS $$
DECLARE base int := i / 10 * 6; n int := i % 10;
BEGIN
	IF n < 6 THEN
		INSERT INTO contacts (id, name, email, phone, address, country, tax_number)
		VALUES (bench_id(base + n), 'Janez Novak ' || i, 'janez.novak' || i || '@example.si', '+386 40 ' || 100000 + i,
			'Slovenska cesta ' || i % 200 || ', Ljubljana, 1000', 'SI', 'SI' || 10000000 + i);
	ELSIF n < 9 THEN
		UPDATE contacts SET phone = '+386 41 ' || 100000 + i, updated_at = clock_timestamp() WHERE id = bench_id(base + n - 6);
	ELSE
		DELETE FROM contacts WHERE id = bench_id(base + 5);
	END IF;
END $$;
CREATE PROCEDURE bench_singly(n int) LANGUAGE plpgsql AS $$
BEGIN FOR i IN 0..n-1 LOOP CALL bench_change(i); COMMIT; END LOOP; END $$;
CREATE PROCEDURE bench_at_once(n int) LANGUAGE plpgsql AS $$
BEGIN FOR i IN 0..n-1 LOOP CALL bench_change(i); END LOOP; END $$;`

// backlog is a database in whose log changes wait behind a slot.
type backlog struct {
	name  string // "200,000 transactions of one row"
	url   string
	slot  string // stays where the changes begin; readers get copies
	n     int
	state string // the listener's, as it was there
	end   string // the log's position behind the changes

	like []likeness // of mksync's messages about it, once it has read it
}

// publication is what the listener named its publication in the benchmark's databases.
const publication = "mksync"

// prepare lets the service itself make publication, slot and state, and then
// writes the changes while nobody listens.
func (l *lab) prepare(ctx context.Context, database, procedure, name string, n int) (*backlog, error) {
	b := &backlog{name: name, slot: database, n: n}
	var err error
	if b.url, err = l.database(ctx, database); err != nil {
		return nil, err
	}

	if err := l.firstStart(ctx, b); err != nil {
		return nil, fmt.Errorf("let the listener start for the first time: %w", err)
	}

	// Written as quickly as can be: how is not what is measured.
	began := time.Now()
	err = withConn(ctx, b.url, func(conn *pgx.Conn) error {
		for _, sql := range []string{backlogSQL, "ALTER TABLE contacts SET (autovacuum_enabled = false)", "SET synchronous_commit = off"} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		if _, err := conn.Exec(ctx, "CALL "+procedure+"($1)", n); err != nil {
			return err
		}
		if err := conn.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&b.end); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "CHECKPOINT")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write a backlog: %w", err)
	}

	l.say("   prepared %s in %s", name, time.Since(began).Round(100*time.Millisecond))
	return b, nil
}

// firstStart runs the listener until its first snapshot, of the empty table, is
// done, and keeps the state that it leaves.
func (l *lab) firstStart(ctx context.Context, b *backlog) error {
	n, err := l.startNATS(ctx)
	if err != nil {
		return err
	}
	defer n.stop()
	p, err := l.startMksync(b.variables(b.slot, n.url), "run", "--roles", "listener")
	if err != nil {
		return err
	}
	defer p.stop()
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return withConn(limited, b.url, func(conn *pgx.Conn) error {
		err := p.await(limited, 10*time.Millisecond, func() (ready bool, err error) {
			err = conn.QueryRow(limited, `SELECT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = $1 AND active)
				AND EXISTS (SELECT 1 FROM mksync_state WHERE key = 'listener' AND value->>'SnapshotDone' = 'true')`, b.slot).Scan(&ready)
			return ready, err
		})
		if err != nil {
			return err
		}

		// While it runs, and as it stops, it confirms what it has read.
		p.stop()
		return conn.QueryRow(limited, "SELECT value::text FROM mksync_state WHERE key = 'listener'").Scan(&b.state)
	})
}

// variables are mksync's configuration for a slot of this database.
func (b *backlog) variables(slot, nats string) map[string]string {
	return map[string]string{
		"MKSYNC_DATABASE_URL": b.url, "MKSYNC_SLOT": slot, "MKSYNC_PUBLICATION": publication,
		"MKSYNC_NATS_URL": nats, "MKSYNC_NATS_SYNC_INTERVAL": syncInterval.String(),
		"MKSYNC_METAKOCKA_URL": "http://127.0.0.1:9/", "MKSYNC_METAKOCKA_COMPANY_ID": "1", "MKSYNC_METAKOCKA_SECRET_KEY": "none",
		"MKSYNC_LOG_FORMAT": "text",
	}
}

// copySlot gives a reader a slot of its own at the same point, and puts the
// listener's state back to it.
func (b *backlog) copySlot(ctx context.Context, name string) error {
	return withConn(ctx, b.url, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_copy_logical_replication_slot($1, $2)", b.slot, name); err != nil {
			return fmt.Errorf("copy slot: %w", err)
		}
		_, err := conn.Exec(ctx, "UPDATE mksync_state SET value = $1 WHERE key = 'listener'", b.state)
		return err
	})
}

// dropSlot drops a reader's slot once its connection has gone.
func (b *backlog) dropSlot(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return withConn(ctx, b.url, func(conn *pgx.Conn) error {
		for {
			_, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot($1)", name)
			if err == nil || ctx.Err() != nil {
				return err
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
}
