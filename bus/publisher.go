package bus

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// PublisherConfig bounds what is in flight. Zero values take the defaults.
type PublisherConfig struct {
	MaxMessages int           // 4096
	MaxBytes    int           // 8 MiB, headers and subjects counted; one larger message goes alone
	AckTimeout  time.Duration // 5s without any progress breaks the publisher: a leader that went took the answers with it

	names  Names
	copied bool      // the stream has several copies
	end    streamEnd // nil: the stream is not looked at
	room   func(ctx context.Context, stream string) (free, most int64, err error)
}

func (c PublisherConfig) withDefaults() PublisherConfig {
	if c.MaxMessages <= 0 {
		c.MaxMessages = 4096
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 8 << 20
	}
	if c.AckTimeout <= 0 {
		c.AckTimeout = 5 * time.Second
	}
	return c
}

// streamEnd tells where a stream ends now.
type streamEnd func(ctx context.Context, stream string) (uint64, error)

// Publisher publishes to one stream, in order, without waiting for each acknowledgement.
// It is safe for concurrent use; calls of Publish take turns.
type Publisher struct {
	nc     *nats.Conn
	stream string
	name   string // the stream's at NATS
	cfg    PublisherConfig
	sub    *nats.Subscription
	last   Stored
	found  bool

	turn chan struct{} // held by the one caller that publishes or flushes; guards these:
	msg  nats.Msg
	id   []string // header values, reused
	prev []string
	most int64 // the stream's size is limited to this; 0: it is not
	free int64 // what it takes besides what was published, at least

	mu      sync.Mutex // guards these:
	win     window
	sent    uint64
	acked   uint64
	err     error
	waiting bool // somebody waits until the window is down to these:
	toCount int
	toBytes int

	room chan struct{}
	done chan struct{} // closed when broken or closed
	gone chan struct{} // closed when the watcher has ended
}

// Publisher opens a publisher that goes on behind the newest message of the stream, which
// its Last returns. ctx is for opening only.
func (b *Bus) Publisher(ctx context.Context, stream string, cfg PublisherConfig) (*Publisher, error) {
	s, err := b.open(ctx, stream)
	if err != nil {
		return nil, fmt.Errorf("look up stream %s: %w", stream, err)
	}
	last, found, err := b.newest(ctx, s)
	if err != nil {
		return nil, err
	}

	config := s.CachedInfo().Config
	cfg.names = b.names
	cfg.end = b.end
	cfg.room = b.room
	cfg.copied = config.Replicas > 1
	p, err := newPublisher(b.nc, stream, last, found, cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	p.most = max(config.MaxBytes, 0)
	return p, nil
}

func newPublisher(nc *nats.Conn, stream string, last Stored, found bool, cfg PublisherConfig) (*Publisher, error) {
	p := &Publisher{
		nc: nc, stream: stream, name: cfg.names.Stream(stream), cfg: cfg, last: last, found: found,
		turn: make(chan struct{}, 1), win: newWindow(cfg.MaxMessages),
		msg: nats.Msg{Reply: nc.NewInbox()},
		id:  make([]string, 1), prev: make([]string, 1),
		room: make(chan struct{}, 1), done: make(chan struct{}), gone: make(chan struct{}),
	}
	var err error
	if p.sub, err = nc.Subscribe(p.msg.Reply, p.onAck); err != nil {
		return nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	if err := p.sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	go p.watch(nc.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED))
	return p, nil
}

// Last returns the newest message of the stream as of opening: what is published next
// follows it directly, or is refused. For found see Bus.Last.
func (p *Publisher) Last() (last Stored, found bool) { return p.last, p.found }

// Acked returns how many of the messages published here are stored, counted in order.
func (p *Publisher) Acked() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked
}

// Err returns nil while the publisher works, else what Publish returns.
func (p *Publisher) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Publish sends a message and returns; it blocks while the window is full. The message's
// header and data may be reused when it has returned. An error that is ErrPublisherBroken
// says that this or an earlier message may be missing; after another error nothing was sent.
func (p *Publisher) Publish(ctx context.Context, m Message) error {
	if m.ID == "" {
		return ErrNoMessageID
	}
	select {
	case p.turn <- struct{}{}:
	default:
		if err := p.takeTurn(ctx); err != nil {
			return err
		}
	}
	defer func() { <-p.turn }()
	return p.publish(ctx, m)
}

func (p *Publisher) takeTurn(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-p.done:
		return p.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Publisher) publish(ctx context.Context, m Message) error {
	size := p.prepare(m)
	if limit := p.nc.MaxPayload(); limit > 0 && int64(size) > limit {
		return fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, size, limit)
	}
	if p.most > 0 {
		if err := p.awaitRoom(ctx, size); err != nil {
			return err
		}
	}
	if err := p.reserve(ctx, size); err != nil {
		return err
	}
	p.free -= int64(size)
	if err := p.nc.PublishMsg(&p.msg); err != nil {
		return p.fail(fmt.Errorf("%w: %w", ErrPublisherBroken, err))
	}
	p.prev[0] = m.ID
	return nil
}

// prepare fills the reused message and returns the size it will have at most. The headers
// are put where the caller's are: whoever publishes many messages has them in the same ones.
//
// The first message names its predecessor by its sequence, because the message may have
// expired and its id with it. Later ones name it by its id: a stranger's message that takes
// the place of ours makes the sequence right for the one behind it.
//
// Where the stream has several copies each names it by its sequence. The server compares
// ids only when a copy stores the message, takes a difference for damage, and stops the
// stream for good (nats-server 2.15.3). Sequences its leader compares before.
func (p *Publisher) prepare(m Message) (size int) {
	p.msg.Subject = p.cfg.names.Subject(m.Subject)
	p.msg.Data = m.Data
	p.msg.Header = m.Header
	if m.Header == nil {
		p.msg.Header = nats.Header{}
	}

	h := p.msg.Header
	p.id[0] = m.ID
	h[nats.MsgIdHdr] = p.id
	if p.prev[0] == "" || p.cfg.copied {
		h[nats.ExpectedLastSeqHdr] = []string{strconv.FormatUint(p.last.Sequence+p.sent, 10)}
		delete(h, nats.ExpectedLastMsgIdHdr)
	} else {
		h[nats.ExpectedLastMsgIdHdr] = p.prev
		delete(h, nats.ExpectedLastSeqHdr)
	}

	const around = 100 // the command's words and numbers, and what the stream adds, at most
	size = len(m.Data) + len(p.msg.Subject) + len(p.msg.Reply) + around
	for k, v := range h {
		for _, s := range v {
			size += len(k) + len(s) + 4
		}
	}
	return size
}

// reserve takes a place in the window.
func (p *Publisher) reserve(ctx context.Context, size int) error {
	p.mu.Lock()
	for !p.fits(size) && p.err == nil {
		p.waiting = true
		p.toCount = min(p.cfg.MaxMessages*3/4, p.cfg.MaxMessages-1)
		p.toBytes = max(min(p.cfg.MaxBytes*3/4, p.cfg.MaxBytes-size), 0)
		if err := p.await(ctx); err != nil {
			return err
		}
	}
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	p.sent++
	p.win.push(size)
	return nil
}

func (p *Publisher) fits(size int) bool {
	return p.win.count == 0 || p.win.count < p.cfg.MaxMessages && p.win.bytes+size <= p.cfg.MaxBytes
}

// await waits for room with the mutex given up meanwhile; on an error it stays unlocked.
func (p *Publisher) await(ctx context.Context) error {
	p.mu.Unlock()
	select {
	case <-p.room:
	case <-p.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.mu.Lock()
	return nil
}

// Flush waits until all that was published is stored.
func (p *Publisher) Flush(ctx context.Context) error {
	if err := p.takeTurn(ctx); err != nil {
		return err
	}
	defer func() { <-p.turn }()
	p.mu.Lock()
	for p.win.count > 0 && p.err == nil {
		p.waiting = true
		p.toCount = 0
		p.toBytes = 0
		if err := p.await(ctx); err != nil {
			return err
		}
	}
	defer p.mu.Unlock()
	return p.err
}

// Close ends the publisher without waiting for acknowledgements; Flush does that.
func (p *Publisher) Close() {
	_ = p.fail(ErrPublisherClosed)
	<-p.gone
}

// onAck is called for each acknowledgement, one after another.
func (p *Publisher) onAck(m *nats.Msg) {
	a, err := readAck(m, p.name)
	if err == nil {
		err = p.advance(a)
	}
	if err != nil {
		_ = p.fail(fmt.Errorf("%w: %w", ErrPublisherBroken, p.cause(err)))
	}
}

// advance counts the messages up to the acknowledged one as stored: each was taken only
// directly behind its predecessor. A duplicate counts where it stands at its own place, as
// after an earlier publisher's message that arrived late. Where sequences alone say which
// is the predecessor, each needs its own acknowledgement: a stranger's message may stand in
// the place of one that was lost.
func (p *Publisher) advance(a ack) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := a.sequence - p.last.Sequence
	switch {
	case p.err != nil:
		return nil
	case a.stream != p.name:
		return fmt.Errorf("%w: stored in stream %s", errBadAck, a.stream)
	case a.duplicate && n != p.acked+1:
		return fmt.Errorf("%w: at sequence %d", ErrDuplicate, a.sequence)
	case p.cfg.copied && n > p.acked+1:
		return fmt.Errorf("%w: at sequence %d, before those of earlier messages", errBadAck, a.sequence)
	case a.sequence <= p.last.Sequence || n > p.sent:
		return fmt.Errorf("%w: sequence %d", errBadAck, a.sequence)
	case n > p.acked:
		p.win.pop(int(n - p.acked)) //nolint:gosec // at most MaxMessages
		p.acked = n
		p.wake()
	}
	return nil
}

// wake lets the waiting caller go on once the window is small enough for it, not at every
// acknowledgement: waking is what costs.
func (p *Publisher) wake() {
	if p.waiting && p.win.count <= p.toCount && p.win.bytes <= p.toBytes {
		p.waiting = false
		select {
		case p.room <- struct{}{}:
		default:
		}
	}
}

// fail ends the publisher with its first error, which it returns.
func (p *Publisher) fail(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
		close(p.done)
	}
	return p.err
}

// watch breaks the publisher when acknowledgements can no longer come, and cleans up.
func (p *Publisher) watch(status chan nats.Status) {
	defer close(p.gone)
	defer func() { _ = p.sub.Unsubscribe() }()
	defer func(c chan nats.Status) { p.nc.RemoveStatusListener(c) }(status)
	const parts = 4
	tick := time.NewTicker(max(p.cfg.AckTimeout/parts, time.Millisecond))
	defer tick.Stop()

	var idle int
	var seen uint64

	for {
		select {
		case <-p.done:
			return
		case _, ok := <-status:
			if !ok {
				status = nil
			}
			p.failInFlight(ErrDisconnected)
			if p.nc.IsClosed() {
				_ = p.fail(fmt.Errorf("%w: %w", ErrPublisherBroken, nats.ErrConnectionClosed))
			}
		case <-tick.C:
			acked, inFlight := p.progress()
			if idle++; !inFlight || acked != seen {
				idle, seen = 0, acked
			}
			if idle > parts {
				p.failInFlight(p.cause(ErrAckTimeout))
			}

			if !inFlight {
				p.checkEnd()
			}
		}
	}
}

func (p *Publisher) progress() (acked uint64, inFlight bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acked, p.win.count > 0
}

func (p *Publisher) failInFlight(cause error) {
	if _, inFlight := p.progress(); inFlight {
		_ = p.fail(fmt.Errorf("%w: %w", ErrPublisherBroken, cause))
	}
}
