package cdc

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/coded"
)

// stream is the streaming part of a session. One goroutine reads, decodes and
// publishes; another tells the slot what is durable, so that the server hears
// from the listener while Publish blocks.
type stream struct {
	*session
	dec      *decoder
	progress *progress
	ordinal  uint32
	inTx     bool

	owed bool // the slot has yet to bring the stream's newest event
	met  bool // and brought it

	// Of the confirming goroutine alone.
	told  LSN       // newest LSN that was confirmed
	saved time.Time // when a position was last saved
	kept  LSN       // up to where what was saved is kept
	shown Position  // newest event in Status
	out   []byte

	asked      chan struct{}          // the server wants to hear from us
	awaited    atomic.Pointer[string] // content of the heartbeat under way
	beats      chan beat              // heartbeats that came through the slot
	received   atomic.Uint64          // messages so far
	publishing atomic.Bool
}

func (s *session) stream(ctx context.Context) error {
	s.state.Table = s.facts.table.oid
	if s.state.Publication == "" || s.state.Database == 0 || s.state.Confirmed == 0 { // what is there is taken over
		s.state.Publication = s.facts.pub.rows
		s.state.Confirmed = s.facts.slot.confirmed
	}
	s.state.Stored = 0 // what the sink has lost meanwhile shows in what is read again
	if err := s.save(ctx); err != nil {
		return err
	}

	st := &stream{
		session:  s,
		dec:      newDecoder(s.cfg, s.facts.table, s.systemID),
		progress: newProgress(s.cfg.ConfirmDelay, mark{count: s.count, lsn: s.facts.slot.confirmed, last: s.state.LastEvent}),
		told:     s.facts.slot.confirmed,
		asked:    make(chan struct{}, 1),
		beats:    make(chan beat, 1),
		owed:     s.sinkIsOurs() && s.last.Pos.LSN >= s.facts.slot.confirmed,
	}
	if err := st.start(ctx); err != nil {
		return err
	}

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return st.read(ctx) })
	g.Go(func() error { return st.confirm(ctx) })
	g.Go(func() error { return st.watchServer(ctx) })
	g.Go(func() error { return st.heartbeats(ctx) })
	return g.Wait()
}

func (st *stream) start(ctx context.Context) error {
	args := []string{"proto_version '1'", "publication_names " + quoteLiteral(quoteIdent(st.cfg.Publication))}
	if st.beating() {
		args = append(args, "messages 'true'")
	}
	err := pglogrepl.StartReplication(ctx, st.conn, st.cfg.Slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: args})
	if err != nil {
		return st.explainSlot("start replication", err)
	}
	st.streamed = true
	st.setState(StateStreaming)
	st.update(func(s *Status) { s.ConfirmedLSN = st.facts.slot.confirmed })
	st.log.InfoContext(ctx, "listening", "table", st.cfg.Table, "slot", st.cfg.Slot, "from", st.facts.slot.confirmed.String())
	return nil
}

// read takes messages until the connection or the context ends. It bypasses
// pgconn's per-call bookkeeping: a deadline in the past ends a read that waits.
func (st *stream) read(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = st.conn.Conn().SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	frontend := st.conn.Frontend()
	for {
		msg, err := frontend.Receive()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read from Postgres: %w", err)
		}
		if err := st.handle(ctx, msg); err != nil {
			return err
		}
	}
}

func (st *stream) handle(ctx context.Context, msg pgproto3.BackendMessage) error {
	st.received.Add(1)
	switch msg := msg.(type) {
	case *pgproto3.CopyData:
		return st.copyData(ctx, msg.Data)
	case *pgproto3.ErrorResponse:
		return fmt.Errorf("read from Postgres: %w", pgconn.ErrorResponseToPgError(msg))
	case *pgproto3.CopyDone, *pgproto3.CommandComplete, *pgproto3.ReadyForQuery:
		return errStreamEnded
	}
	return nil // notices and parameter changes
}

// Sizes of the headers of the two messages inside CopyData.
const (
	xLogDataHeader = 1 + 8 + 8 + 8
	keepaliveSize  = 1 + 8 + 8 + 1
)

func (st *stream) copyData(ctx context.Context, data []byte) error {
	switch {
	case len(data) >= xLogDataHeader && data[0] == pglogrepl.XLogDataByteID:
		act, err := st.dec.decode(data[xLogDataHeader:])
		if err != nil {
			return fmt.Errorf("decode change: %w", err)
		}
		if change := st.dec.reshaped; change != "" {
			st.dec.reshaped = ""
			st.log.WarnContext(ctx, "the columns of the table changed", "table", st.cfg.Table, "change", change)
		}
		return st.act(ctx, act)
	case len(data) == keepaliveSize && data[0] == pglogrepl.PrimaryKeepaliveMessageByteID:
		return st.keepalive(LSN(binary.BigEndian.Uint64(data[1:])), data[keepaliveSize-1] != 0)
	}
	return fmt.Errorf("%w: unknown copy message of %d bytes", ErrProtocol, len(data))
}

func (st *stream) act(ctx context.Context, act action) error {
	switch act {
	case actBegin:
		st.inTx = true
		st.ordinal = 0
	case actEvent:
		return st.event(ctx)
	case actHeartbeat:
		st.heartbeatCame()
	case actCommit:
		st.inTx = false
		return st.reached(st.dec.endLSN)
	}
	return nil
}

// event publishes the decoded change unless the sink has it (invariant 10).
func (st *stream) event(ctx context.Context) error {
	st.ordinal++
	ev := &st.dec.ev
	ev.Pos = Position{LSN: st.dec.finalLSN, Ordinal: st.ordinal}
	if st.sinkIsOurs() && ev.Pos.Compare(st.last.Pos) <= 0 {
		st.met = st.met || ev.Pos == st.last.Pos
		if ev.Pos.Compare(st.newest) > 0 {
			st.newest = ev.Pos
		}
		return nil
	}
	if st.owed && !st.met {
		return st.otherHistory()
	}
	st.publishing.Store(true)
	err := st.publish(ctx, ev)
	st.publishing.Store(false)
	return err
}

// otherHistory: the slot begins before the stream's newest event, but the log
// does not hold it (invariant 13).
func (st *stream) otherHistory() error {
	return systemChanged(coded.Say("doctor.identity.not_in_log", "the stream's newest event, {event}, is not in the database's log (an older copy was restored, or an installation for another database of this server uses the same streams: MKSYNC_INSTANCE)", st.last.Pos))
}

// publish hands one event to the sink and counts it.
func (s *session) publish(ctx context.Context, ev *Event) error {
	if err := s.sink.Publish(ctx, ev); err != nil {
		return fmt.Errorf("publish %s: %w", ev.Pos, err)
	}
	s.count++
	s.newest = ev.Pos
	return nil
}

// keepalive says how far the server has read; between transactions everything
// up to there has been received.
func (st *stream) keepalive(end LSN, reply bool) error {
	if reply {
		select {
		case st.asked <- struct{}{}:
		default:
		}
	}
	if st.inTx {
		return nil
	}
	return st.reached(end)
}

// reached notes that everything before lsn was received, and may be confirmed in time.
// The stream's newest event has to be among it: a log without it is another one, also
// where nothing of ours comes any more that would show it (invariant 13).
func (st *stream) reached(lsn LSN) error {
	if st.owed && !st.met && lsn > st.last.Pos.LSN {
		return st.otherHistory()
	}
	st.progress.add(mark{count: st.count, lsn: lsn, last: st.newest})
	return nil
}
