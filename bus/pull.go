package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pulls are the requests to one consumer for messages, one at a time. The inbox outlives
// each of them: a consumer of several copies gives a message out when a majority of them
// knows of it, and tells of a request's end at once, so the end comes before the messages
// (nats-server issue 6952). jetstream.Consumer.Fetch leaves when it hears of the end, and
// the messages reach nobody, again and again. Here the end is taken at its word: it says
// how many messages were not sent, and the others are waited for.
type pulls struct {
	nc      *nats.Conn
	sub     *nats.Subscription
	subject string // to which the consumer's requests go
	inbox   string
	count   int
}

const (
	// fetchWait is how long one request for messages stands.
	fetchWait = 20 * time.Second
	// fetchBeat is how often the server tells that it still stands. Where a server of several
	// went with all requests, its successor is asked when two have not come.
	fetchBeat = 2 * time.Second
	// fetchLate is how long messages are waited for behind their request's end. What comes
	// later yet is taken with the next request's.
	fetchLate = 2 * time.Second
)

func (b *Bus) pulls(stream, durable string) (*pulls, error) {
	p := &pulls{nc: b.nc, inbox: b.nc.NewInbox(), subject: fmt.Sprintf("%sCONSUMER.MSG.NEXT.%s.%s", jetstream.DefaultAPIPrefix, stream, durable)}
	var err error
	if p.sub, err = b.nc.SubscribeSync(p.inbox + ".*"); err != nil {
		return nil, fmt.Errorf("subscribe to messages: %w", err)
	}
	if err := p.sub.SetPendingLimits(-1, -1); err != nil { // no more comes than is asked for
		p.close()
		return nil, fmt.Errorf("subscribe to messages: %w", err)
	}
	return p, nil
}

func (p *pulls) close() { _ = p.sub.Unsubscribe() }

// fetch asks for as much as there is room for, and gives to take what comes until the
// request is over.
func (p *pulls) fetch(ctx context.Context, room load, take func(*nats.Msg) error) error {
	reply, err := p.request(room)
	if err != nil {
		return fmt.Errorf("fetch messages: %w", err)
	}

	ended := false
	for room.messages > 0 && room.bytes > 0 { // what may still come
		m, err := p.next(ctx, ended)
		if m == nil {
			return err
		}
		if m.Reply == "" { // no message, which could be acknowledged there
			notSent, end, err := readStatus(m, reply)
			if err != nil {
				return fmt.Errorf("fetch messages: %w", err)
			}
			ended, room.messages = ended || end, room.messages-notSent
			continue
		}

		room.messages -= 1
		room.bytes -= m.Size()
		if err := take(m); err != nil {
			return fmt.Errorf("read message: %w", err)
		}
	}
	return nil
}

// request sends a request and returns where its end will be told.
func (p *pulls) request(room load) (reply string, err error) {
	body, err := json.Marshal(struct {
		Batch    int           `json:"batch"`
		MaxBytes int           `json:"max_bytes"`
		Expires  time.Duration `json:"expires"`
		Beat     time.Duration `json:"idle_heartbeat"`
	}{room.messages, room.bytes, fetchWait, fetchBeat})
	if err != nil {
		return "", err
	}
	p.count++
	reply = p.inbox + "." + strconv.Itoa(p.count)
	return reply, p.nc.PublishRequest(p.subject, reply, body)
}

// next is the next message or status; nil without an error when those of a request that
// has ended are late.
func (p *pulls) next(ctx context.Context, ended bool) (*nats.Msg, error) {
	patience := 2 * fetchBeat
	if ended {
		patience = fetchLate
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := p.sub.NextMsgWithContext(wait)
	switch {
	case err == nil:
		return m, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded) && ended:
		return nil, nil //nolint:nilnil // nothing is an answer, not an error
	case errors.Is(err, context.DeadlineExceeded):
		err = jetstream.ErrNoHeartbeat
	}
	return nil, fmt.Errorf("fetch messages: %w", err)
}

// readStatus reads what the server tells of a request: whether the one that replies there
// has ended, and how many of its messages were not sent. An error: the server cannot serve
// it, or the consumer is gone.
func readStatus(m *nats.Msg, reply string) (notSent int, end bool, err error) {
	left := m.Header.Get("Nats-Pending-Messages")
	switch code := m.Header.Get("Status"); {
	case code == "100": // it still stands
		return 0, false, nil
	case code == "503":
		return 0, false, nats.ErrNoResponders
	case left == "":
		return 0, false, fmt.Errorf("%w: %s", errPullEnded, m.Header.Get("Description"))
	case m.Subject != reply: // an earlier one's, that was given up
		return 0, false, nil
	}
	notSent, err = strconv.Atoi(left)
	return notSent, true, err
}
