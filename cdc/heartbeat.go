package cdc

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A heartbeat tells a listener that has nothing to do from one that does not get
// on. It is a message in the server's log, in a transaction of its own: it goes
// the way a change goes, and counts as through when everything before it is
// durable and the sink has answered.

const (
	heartbeatPrefix = "mksync"
	// heartbeatVersion is the first version whose pgoutput passes messages on.
	heartbeatVersion = 140000
)

// beat is a heartbeat that came through the slot behind count published events.
type beat struct {
	content string
	count   uint64
}

// beating is whether heartbeats are sent at all.
func (s *session) beating() bool {
	return s.cfg.Heartbeat > 0 && s.facts.server.version >= heartbeatVersion
}

// heartbeatCame hands the heartbeat on that is awaited; one that nobody has taken
// yet is older. Others come, too: of listeners with another slot, or sent before
// the connection was made.
func (st *stream) heartbeatCame() {
	if awaited := st.awaited.Load(); awaited == nil || *awaited != st.dec.beat {
		return
	}
	select {
	case <-st.beats:
	default:
	}
	st.beats <- beat{content: st.dec.beat, count: st.count}
}

// heartbeats sends one heartbeat after the other over a connection of their own.
// What keeps one from being sent keeps it on its way, as Status shows; but where the
// right to send one is missing, none is.
func (st *stream) heartbeats(ctx context.Context) error {
	if !st.beating() {
		<-ctx.Done()
		return ctx.Err()
	}
	defer st.update(func(s *Status) { s.HeartbeatSince = time.Time{} })
	for {
		err := st.beatOn(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		st.log.DebugContext(ctx, "heartbeat did not get through", "error", err)
		if pgCode(err) == codeNoRight {
			st.heartbeatRefused(ctx, err)
		}
		if err := sleep(ctx, st.cfg.WatchInterval); err != nil {
			return err
		}
	}
}

// beatOn sends heartbeats over one connection until it fails.
func (st *stream) beatOn(ctx context.Context) error {
	st.heartbeatUnderWay()
	conn, err := connect(ctx, st.cfg, false)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	for {
		st.heartbeatUnderWay()
		if err := st.oneBeat(ctx, conn, rand.Text()); err != nil {
			return err
		}
		st.update(func(s *Status) {
			s.HeartbeatAt = time.Now()
			s.HeartbeatSince = time.Time{}
			s.HeartbeatRefused = ""
		})
		if err := sleep(ctx, st.cfg.Heartbeat); err != nil {
			return err
		}
	}
}

// heartbeatRefused says so, to other processes too: that none comes means nothing.
func (st *stream) heartbeatRefused(ctx context.Context, err error) {
	st.update(func(s *Status) {
		s.HeartbeatSince = time.Time{}
		s.HeartbeatRefused = pgMessage(err)
	})
	if err := st.tellHeartbeat(ctx, time.Time{}); err != nil {
		st.log.DebugContext(ctx, "heartbeat is not taken back", "error", err)
	}
}

func (st *stream) heartbeatUnderWay() {
	st.update(func(s *Status) {
		if s.HeartbeatSince.IsZero() && s.HeartbeatRefused == "" {
			s.HeartbeatSince = time.Now()
		}
	})
}

// oneBeat sends one heartbeat and returns when it is through. Its content is its own.
func (st *stream) oneBeat(ctx context.Context, conn *pgconn.PgConn, content string) error {
	st.awaited.Store(&content)
	r, err := execRow(ctx, conn, fmt.Sprintf("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, pg_logical_emit_message(true, %s, %s)",
		quoteLiteral(heartbeatPrefix), quoteLiteral(content)))
	if err != nil {
		return fmt.Errorf("send heartbeat: %w", err)
	}
	micros, err := strconv.ParseInt(r[0], 10, 64)
	if err != nil {
		return fmt.Errorf("send heartbeat: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-st.beats:
			if b.content == content {
				return st.deliverBeat(ctx, b, time.UnixMicro(micros))
			}
		}
	}
}

func (st *stream) deliverBeat(ctx context.Context, b beat, sentAt time.Time) error {
	for st.sink.Durable() < b.count {
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return st.tellHeartbeat(ctx, sentAt)
}

func (st *stream) tellHeartbeat(ctx context.Context, sentAt time.Time) error {
	if s, ok := st.sink.(interface {
		Heartbeat(ctx context.Context, sentAt time.Time) error
	}); ok {
		return s.Heartbeat(ctx, sentAt)
	}
	return nil
}
