package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
)

// drainLimit is how long one reader may take for a backlog.
const drainLimit = 5 * time.Minute

// drainOnce measures one reader on one backlog, with a slot and a NATS server of
// its own.
func (l *lab) drainOnce(ctx context.Context, r *result, who reader, round int) (err error) {
	b := who.of
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	const slot = "bench_reader"

	if err := b.copySlot(ctx, slot); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.dropSlot(ctx, slot)) }()

	server, err := l.startNATS(ctx)
	if err != nil {
		return err
	}
	defer server.stop()
	if err := makeStream(ctx, server.conn); err != nil {
		return err
	}

	target := server.url
	if who.own {
		target = server.dir + "-own"
		defer func() { _ = os.RemoveAll(target) }()
	}

	began := time.Now()
	p, err := who.start(b, slot, target)
	if err != nil {
		return err
	}
	defer p.stop()

	if who.stream == "" {
		return l.timeExit(ctx, r, b, who, p, began)
	}

	conn := server.conn
	if who.own {
		if conn, err = connectOwn(ctx, p, target); err != nil {
			return err
		}
		defer conn.Close()
	}

	took, used, err := awaitStored(ctx, p, conn, who.stream, uint64(b.n), began) //nolint:gosec // a positive amount
	if err != nil {
		return err
	}
	note(r, b.name, who.who, b.n, took, used)
	if err := noteServers(ctx, r, who, slot, server, used.cpu); err != nil {
		return err
	}

	wrong, err := noteStream(ctx, r, who, conn)
	if err != nil {
		return err
	}
	l.say("   round %d, %s, %s: %s rows/s, %.2f CPU s, peak %.0f MiB, %s", round+1, b.name, who.who,
		number(float64(b.n)/took.Seconds()), used.cpu, used.peak, wrong)
	return nil
}

// noteStream reads what a reader has published: how large it is, and whether each change is
// there once and in order.
func noteStream(ctx context.Context, r *result, who reader, conn *nats.Conn) (wrong mistakes, err error) {
	s, err := stream(ctx, conn, who.stream)
	if err != nil {
		return wrong, err
	}
	noteBytes(r, who.of.name, who.who, s.CachedInfo().State)
	if who.stream == bus.StreamContacts {
		if who.of.like, err = likenesses(ctx, s); err != nil {
			return wrong, err
		}
	}
	if wrong, err = verify(ctx, conn, who.stream, who.of.n); err != nil {
		return wrong, err
	}
	r.add(who.of.name, who.who, colWrong, float64(wrong.total()))
	return wrong, nil
}

// noteServers adds what the servers took for it: NATS where it is not the reader's own, and
// the process of Postgres that reads the log for whoever reads the slot. Where all cores
// are busy, nobody is faster than the sum of all this allows.
func noteServers(ctx context.Context, r *result, who reader, slot string, server *natsServer, own float64) error {
	b, all := who.of, own
	if u, err := server.usage(); err == nil && !who.own {
		r.add(b.name, who.who, colNATSCPU, u.cpu)
		r.add(b.name, who.who, colNATSMiB, u.peak)
		all += u.cpu
	}

	var pid int
	err := withConn(ctx, b.url, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT coalesce(active_pid, 0) FROM pg_replication_slots WHERE slot_name = $1", slot).Scan(&pid)
	})
	if err != nil {
		return fmt.Errorf("ask who reads the slot: %w", err)
	}
	if u, err := usageOf(pid); err == nil {
		r.add(b.name, who.who, colPostgresCPU, u.cpu)
		all += u.cpu
	}
	r.add(b.name, who.who, colAllCPU, all)
	return nil
}

// noteBytes adds how much the server stores for a message: subject, headers and data, and
// some twenty bytes of its own.
func noteBytes(r *result, what, who string, state jetstream.StreamState) {
	r.add(what, who, colBytes, float64(state.Bytes)/float64(max(state.Msgs, 1)))
}

func stream(ctx context.Context, nc *nats.Conn, name string) (jetstream.Stream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	s, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", name, err)
	}
	return s, nil
}

func note(r *result, what, who string, n int, took time.Duration, used usage) {
	r.add(what, who, colRate, float64(n)/took.Seconds())
	r.add(what, who, colCPU, used.cpu)
	if used.peak > 0 {
		r.add(what, who, colPeak, used.peak)
	}
}

// timeExit measures a reader that ends by itself behind the backlog.
func (l *lab) timeExit(ctx context.Context, r *result, b *backlog, who reader, p *process, began time.Time) error {
	select {
	case <-p.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	took := time.Since(began)
	if p.Err() != nil {
		return fmt.Errorf("run %s: %w: %s", p.name, p.Err(), p.log)
	}
	state := p.Cmd.ProcessState
	note(r, b.name, who.who, b.n, took, usage{cpu: (state.UserTime() + state.SystemTime()).Seconds()})
	l.say("   %s, %s: %s rows/s", b.name, who.who, number(float64(b.n)/took.Seconds()))
	return nil
}

// connectOwn connects to the server inside the measured process.
func connectOwn(ctx context.Context, p *process, dir string) (nc *nats.Conn, err error) {
	err = p.await(ctx, 5*time.Millisecond, func() (bool, error) {
		url, ok := embedded.Lookup(dir)
		if !ok {
			return false, nil
		}
		nc, err = bus.Connect(ctx, url, bus.ConnectOptions{Name: "bench"})
		return err == nil, err
	})
	return nc, err
}

// makeStream makes the stream of those who do not make their own.
func makeStream(ctx context.Context, nc *nats.Conn) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{
		Name: benchStream, Subjects: []string{benchSubject + ".>"}, Storage: jetstream.FileStorage,
		MaxMsgs: -1, MaxBytes: -1, Duplicates: time.Second,
	})
	if err != nil {
		return fmt.Errorf("create stream: %w", err)
	}
	return nil
}

// awaitStored waits until the stream holds n messages, and tells how long that
// took and what the process took for it.
func awaitStored(ctx context.Context, p *process, nc *nats.Conn, stream string, n uint64, began time.Time) (took time.Duration, used usage, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, used, err
	}
	var stored uint64

	// Each look costs the server as much as several messages.
	err = p.await(ctx, 20*time.Millisecond, func() (bool, error) {
		s, err := js.Stream(ctx, stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		stored, took = s.CachedInfo().State.Msgs, time.Since(began)
		return stored >= n, nil
	})
	if err != nil {
		return 0, used, fmt.Errorf("%d of %d messages stored: %w", stored, n, err)
	}

	used, err = p.usage()
	if errors.Is(err, errNoUsage) {
		err = nil
	}
	return took, used, err
}
