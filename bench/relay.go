package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/crmmind/mksync/bus"
)

// relayConfig is the configuration of the part "relay".
type relayConfig struct {
	Database, NATS    string
	Slot, Publication string
	Subject           string
	Library           bool       // publish by nats.go's own asynchronous publishing
	Like              []likeness // publish messages like these in place of the rows
}

// relayPart is the do-nothing relay: it publishes the raw message of each row to
// one subject, without an id, and decodes nothing but the message's kind. It
// shows what a listener on this machine can hope for.
func relayPart(ctx context.Context, config []byte) error {
	var c relayConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}

	nc, err := bus.Connect(ctx, c.NATS, bus.ConnectOptions{Name: "relay"})
	if err != nil {
		return err
	}
	defer nc.Close()

	pub, err := newRelayPublisher(nc, c)
	if err != nil {
		return err
	}

	conn, err := replicationConn(ctx, c)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return relay(ctx, conn, pub, c.Subject)
}

func replicationConn(ctx context.Context, c relayConfig) (*pgconn.PgConn, error) {
	pc, err := pgconn.ParseConfig(c.Database)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	pc.RuntimeParams["replication"] = "database"
	pc.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(&pieces{r: r, buf: make([]byte, 256<<10)}, w)
	}
	conn, err := pgconn.ConnectConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("connect to Postgres: %w", err)
	}
	err = pglogrepl.StartReplication(ctx, conn, c.Slot, 0, pglogrepl.StartReplicationOptions{
		PluginArgs: []string{"proto_version '1'", "publication_names '" + c.Publication + "'"},
	})
	if err != nil {
		return nil, fmt.Errorf("start replication: %w", err)
	}
	return conn, nil
}

// pieces reads in large pieces where messages come in quick succession, as
// mksync's listener does: one that waits on the socket for each is woken for each.
type pieces struct {
	r    io.Reader
	buf  []byte
	rest []byte
	due  time.Time
}

// Read gives what was read at once.
func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		const every, burst = 500 * time.Microsecond, 32 * time.Millisecond
		now := time.Now()
		if p.due.Before(now) {
			p.due = now
		}
		if p.due.Sub(now) > burst {
			time.Sleep(time.Millisecond)
		}
		p.due = p.due.Add(every)
		n, err := p.r.Read(p.buf)
		if n == 0 {
			return 0, err
		}
		p.rest = p.buf[:n]
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// relay publishes until ctx ends. It confirms once a second what was last read
// before everything published so far was stored.
func relay(ctx context.Context, conn *pgconn.PgConn, pub relayPublisher, subject string) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Conn().Close() })
	defer stop()

	var read, safe pglogrepl.LSN
	var due uint64 // when so many are stored, read may be confirmed
	var told time.Time
	for {
		msg, err := conn.Frontend().Receive()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from Postgres: %w", err)
		}

		at, alive, err := relayMessage(ctx, pub, subject, msg)
		if err != nil {
			return err
		}

		read = max(read, at)
		// A server that is quiet asks, one that is not is told once a second.
		if alive || pub.count()%1024 == 0 && time.Since(told) > time.Second {
			if pub.stored() >= due {
				safe, due = read, pub.count()
			}
			if err := pglogrepl.SendStandbyStatusUpdate(ctx, conn, pglogrepl.StandbyStatusUpdate{WALWritePosition: safe}); err != nil {
				return fmt.Errorf("confirm: %w", err)
			}
			told = time.Now()
		}
	}
}

// relayMessage publishes a row's message as it is. A keep-alive is answered.
func relayMessage(ctx context.Context, pub relayPublisher, subject string, msg pgproto3.BackendMessage) (at pglogrepl.LSN, alive bool, err error) {
	data, ok := msg.(*pgproto3.CopyData)
	if !ok || len(data.Data) < 18 {
		return 0, false, nil
	}
	at = pglogrepl.LSN(binary.BigEndian.Uint64(data.Data[1:]))
	if data.Data[0] == pglogrepl.PrimaryKeepaliveMessageByteID {
		return at, data.Data[17] != 0, nil
	}
	const header = 1 + 8 + 8 + 8
	if body := data.Data[header:]; len(body) > 0 && strings.IndexByte("IUD", body[0]) >= 0 {
		return at, false, pub.row(ctx, subject, body)
	}
	return at, false, nil
}

// relayPublisher publishes rows with a bounded window.
type relayPublisher interface {
	row(ctx context.Context, subject string, data []byte) error
	count() uint64  // sent so far
	stored() uint64 // acknowledged so far
}

func newRelayPublisher(nc *nats.Conn, c relayConfig) (relayPublisher, error) {
	if c.Library {
		return newLibraryPublisher(nc)
	}
	bare, err := newBarePublisher(nc)
	if err != nil || len(c.Like) == 0 {
		return bare, err
	}
	return &likePublisher{barePublisher: bare, like: newLikely(c.Like, false)}, nil
}

// libraryPublisher is the way of publishing that nats.go has ready.
type libraryPublisher struct {
	js    jetstream.JetStream
	opts  []jetstream.PublishOpt
	sent  uint64
	broke atomic.Pointer[string]
}

func newLibraryPublisher(nc *nats.Conn) (*libraryPublisher, error) {
	p := &libraryPublisher{opts: []jetstream.PublishOpt{jetstream.WithStallWait(time.Minute)}}
	var err error
	p.js, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(bareWindow), jetstream.WithPublishAsyncErrHandler(
		func(_ jetstream.JetStream, _ *nats.Msg, err error) {
			text := err.Error()
			p.broke.Store(&text)
		}))
	return p, err
}

func (p *libraryPublisher) row(_ context.Context, subject string, data []byte) error {
	if text := p.broke.Load(); text != nil {
		return errors.New("publish: " + *text)
	}
	p.sent++
	// It keeps the data until it is acknowledged.
	_, err := p.js.PublishAsync(subject, bytes.Clone(data), p.opts...)
	return err
}

func (p *libraryPublisher) count() uint64 { return p.sent }

func (p *libraryPublisher) stored() uint64 {
	return p.sent - uint64(p.js.PublishAsyncPending()) //nolint:gosec // not negative
}

func (p *barePublisher) row(ctx context.Context, subject string, data []byte) error {
	p.msg.Subject = subject
	p.msg.Data = data
	return p.publish(ctx)
}

func (p *barePublisher) count() uint64 { return p.sent }

func (p *barePublisher) stored() uint64 { return p.acked.Load() }

// barePublisher publishes with as little as is possible: one inbox, a bounded
// window, acknowledgements that are counted and not read.
type barePublisher struct {
	nc    *nats.Conn
	msg   nats.Msg // reused
	sent  uint64
	acked atomic.Uint64
	room  chan struct{}
	broke atomic.Pointer[string]
}

const bareWindow = 4096

func newBarePublisher(nc *nats.Conn) (*barePublisher, error) {
	p := &barePublisher{nc: nc, msg: nats.Msg{Reply: nc.NewInbox()}, room: make(chan struct{}, 1)}
	sub, err := nc.Subscribe(p.msg.Reply, func(m *nats.Msg) {
		if len(m.Data) < 3 || m.Data[2] == 'e' { // {"error":…
			text := string(m.Data)
			p.broke.Store(&text)
		}
		p.acked.Add(1)
		select {
		case p.room <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	return p, sub.SetPendingLimits(-1, -1)
}

func (p *barePublisher) publish(ctx context.Context) error {
	for p.sent-p.acked.Load() >= bareWindow {
		// Half of the window is free before it goes on: waking is what costs.
		for p.sent-p.acked.Load() > bareWindow/2 {
			select {
			case <-p.room:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	if text := p.broke.Load(); text != nil {
		return errors.New("publish: " + *text)
	}
	p.sent++
	return p.nc.PublishMsg(&p.msg)
}
