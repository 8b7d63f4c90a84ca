package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/syncer"
)

// times notes when contacts were committed and when what they cause was seen.
type times struct {
	mu        sync.Mutex
	committed map[string]time.Time
	seen      map[string]time.Time // the first time
}

func newTimes() *times {
	return &times{committed: map[string]time.Time{}, seen: map[string]time.Time{}}
}

func (t *times) commit(id string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.committed[id] = at
}

func (t *times) see(id string, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.seen[id]; !again {
		t.seen[id] = at
	}
}

// missing is how many commits have caused nothing yet.
func (t *times) missing() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for id := range t.committed {
		if _, ok := t.seen[id]; !ok {
			n++
		}
	}
	return n
}

// delays are in milliseconds. One can be below zero: an event may be seen before
// the CRM has heard that its commit is done.
func (t *times) delays() []float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var d []float64
	for id, at := range t.committed {
		if seen, ok := t.seen[id]; ok {
			d = append(d, seen.Sub(at).Seconds()*1000)
		}
	}
	return d
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:]
}

// insertSQL makes one contact; its name tells which.
const insertSQL = `INSERT INTO contacts (id, name, email, phone, address, country)
VALUES ($1, $2, $3, '+386 40 123 456', 'Slovenska cesta 1, Ljubljana, 1000', 'SI')`

// executor is a connection or a pool of them.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

func insertOne(ctx context.Context, q executor, id string) error {
	_, err := q.Exec(ctx, insertSQL, id, "Oseba "+id, id+"@primer.si")
	return err
}

// insert commits contacts at a rate, at uneven times, each when its time has come,
// whether the one before is done or not.
func (l *lab) insert(ctx context.Context, url string, rate int, t *times) error {
	const clients = 8
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("read database URL: %w", err)
	}

	config.MaxConns = clients
	config.MinConns = clients
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	defer pool.Close()

	total := rate * max(int(latencySeconds*min(l.Scale, 3)), 2)
	due := make(chan time.Time, total)

	g, ctx := errgroup.WithContext(ctx)
	for range clients {
		g.Go(func() error {
			for at := range due {
				if err := syncer.Pause(ctx, time.Until(at)); err != nil {
					return err
				}
				id := newID()
				if err := insertOne(ctx, pool, id); err != nil {
					return err
				}
				t.commit(id, time.Now())
			}
			return nil
		})
	}

	// Arrivals are spread at random over their steps, so that nothing falls into its rhythm.
	began, step := time.Now().Add(200*time.Millisecond), time.Second/time.Duration(rate)
	dice := l.rand("arrivals")
	for i := range total {
		due <- began.Add(time.Duration(i)*step + time.Duration(dice.Int64N(int64(step))))
	}

	close(due)
	return g.Wait()
}

// warmUp waits until the stream holds a contact that is inserted now, and so
// everything from before.
func warmUp(ctx context.Context, url string, p *process, nc *nats.Conn, stream string) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}

	return withConn(ctx, url, func(conn *pgx.Conn) error {
		mine := map[string]bool{}
		var next time.Time
		return p.await(ctx, 10*time.Millisecond, func() (bool, error) {
			// The first start reads a snapshot, so one contact may not do.
			if now := time.Now(); now.After(next) {
				id := newID()
				mine[id], next = true, now.Add(200*time.Millisecond)
				if err := insertOne(ctx, conn, id); err != nil {
					return false, err
				}
			}

			s, err := js.Stream(ctx, stream)
			if errors.Is(err, jetstream.ErrStreamNotFound) {
				return false, nil
			}
			if err != nil {
				return false, err
			}

			last := s.CachedInfo().State.LastSeq
			if last == 0 {
				return false, nil
			}
			m, err := s.GetMsg(ctx, last)
			if err != nil {
				return false, err
			}

			return mine[findID(m.Subject, m.Data, func(id string) bool { return mine[id] })] && len(mine) > 1, nil
		})
	})
}

// watchStream notes when a reader of the stream sees a contact's message.
func watchStream(ctx context.Context, nc *nats.Conn, stream string, t *times) (stop func(), err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	run, err := consumer.Consume(func(m jetstream.Msg) {
		at := time.Now()
		if id := findID(m.Subject(), m.Data(), isID); id != "" {
			t.see(id, at)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read stream: %w", err)
	}
	return run.Stop, nil
}

// isID reports whether text is the text of a UUID of newID.
func isID(text string) bool {
	return text[8] == '-' && text[13] == '-' && text[14] == '4' && text[18] == '-' && text[19] == '8' && text[23] == '-'
}

// findID is the first id in a message's subject or data that known accepts.
func findID(subject string, data []byte, known func(id string) bool) string {
	const size = 36
	for _, text := range []string{subject, string(data)} {
		for i := 0; i+size <= len(text); i++ {
			if id := text[i : i+size]; id[8] == '-' && id[13] == '-' && known(id) {
				return id
			}
		}
	}
	return ""
}

// logWatch samples how old the oldest unconfirmed part of the log is.
type logWatch struct {
	cancel context.CancelFunc
	done   chan time.Duration
}

func watchLog(ctx context.Context, url, slot string) *logWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &logWatch{cancel: cancel, done: make(chan time.Duration, 1)}
	go func() {
		var worst time.Duration
		_ = withConn(ctx, url, func(conn *pgx.Conn) error { return sampleLog(ctx, conn, slot, &worst) })
		w.done <- worst
	}()
	return w
}

func (w *logWatch) stop() time.Duration {
	w.cancel()
	return <-w.done
}

// sampleLog notes when the log's end was where: what is not confirmed begins
// where the end was that long ago.
func sampleLog(ctx context.Context, conn *pgx.Conn, slot string, worst *time.Duration) error {
	type end struct {
		at  time.Time
		lsn int64
	}

	var ends []end
	for {
		var now, confirmed int64
		err := conn.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0')::int8, (confirmed_flush_lsn - '0/0')::int8
			FROM pg_replication_slots WHERE slot_name = $1`, slot).Scan(&now, &confirmed)
		if err != nil {
			return err
		}

		at := time.Now()
		ends = append(ends, end{at, now})
		for len(ends) > 1 && ends[0].lsn <= confirmed {
			ends = ends[1:]
		}
		if ends[0].lsn > confirmed {
			*worst = max(*worst, at.Sub(ends[0].at))
		}

		if err := syncer.Pause(ctx, time.Until(at.Add(50*time.Millisecond))); err != nil {
			return err
		}
	}
}
