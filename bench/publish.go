package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/crmmind/mksync/bus"
)

// likeness is a message of mksync's, as a pattern for others.
type likeness struct {
	Header map[string]string
	Data   []byte
}

// patternLength is after how many changes a backlog's operations begin anew.
const patternLength = 10

// errTooFew: the first message of a stream names its predecessor in another way.
var errTooFew = errors.New("a backlog needs two rounds of ten changes at least, to be imitated")

// likenesses are the last messages of a stream that begin such a pattern, with as many
// digits in them as most have.
func likenesses(ctx context.Context, s jetstream.Stream) (like []likeness, err error) {
	last := s.CachedInfo().State.LastSeq / patternLength * patternLength
	if last <= patternLength {
		return nil, fmt.Errorf("%w: there are %d", errTooFew, s.CachedInfo().State.LastSeq)
	}
	for seq := last - patternLength + 1; seq <= last; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if err != nil {
			return nil, fmt.Errorf("read message %d: %w", seq, err)
		}
		l := likeness{Header: map[string]string{}, Data: m.Data}
		for name := range m.Header {
			l.Header[name] = m.Header.Get(name)
		}
		like = append(like, l)
	}
	return like, nil
}

// publishConfig is the configuration of the part "publish".
type publishConfig struct {
	NATS  string
	Count int
	Like  []likeness
	Short bool // ids are positions alone, without the database's system identifier
}

// publishPart publishes a backlog's messages without reading anything: as large as
// mksync's, with the same headers, ids of the same length and the same contacts in the
// subjects. It is the limit of the NATS server and its client.
func publishPart(ctx context.Context, config []byte) error {
	var c publishConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}

	nc, err := bus.Connect(ctx, c.NATS, bus.ConnectOptions{Name: "publish"})
	if err != nil {
		return err
	}
	defer nc.Close()
	p, err := newBarePublisher(nc)
	if err != nil {
		return err
	}

	like := newLikely(c.Like, c.Short)
	for i := range c.Count {
		like.fill(&p.msg, i)
		if err := p.publish(ctx); err != nil {
			return err
		}
	}

	<-ctx.Done() // until everything is stored and somebody has looked
	return nil
}

// likely makes messages after a pattern.
type likely struct {
	headers []nats.Header
	data    [][]byte
	id      string // of the message before
}

func newLikely(like []likeness, short bool) *likely {
	l := &likely{}
	for _, one := range like {
		h := nats.Header{}
		for name, value := range one.Header {
			h.Set(name, value)
		}
		if id := h.Get(nats.MsgIdHdr); short {
			_, position, _ := strings.Cut(id, "-")
			h.Set(nats.MsgIdHdr, position)
		}
		l.headers = append(l.headers, h)
		l.data = append(l.data, one.Data)
	}
	return l
}

// likePublisher publishes, for each row, a message like mksync's about the same contact.
type likePublisher struct {
	*barePublisher
	like *likely
}

func (p *likePublisher) row(ctx context.Context, subject string, data []byte) error {
	p.fill(subject, data)
	return p.publish(ctx)
}

func (p *likePublisher) fill(subject string, data []byte) {
	p.like.fill(&p.msg, int(p.sent)) //nolint:gosec // some thousands
	p.msg.Subject = subject + "." + findID("", data, isID)
}

// idHeaders are those that name a message.
var idHeaders = []string{nats.MsgIdHdr, "ce-id"}

// fill makes the i-th message: the pattern's, with an id and a contact of its own, and the
// id of the one before where the pattern has that.
func (l *likely) fill(m *nats.Msg, i int) {
	ch := changeAt(i)
	m.Subject = benchSubject + ".contacts." + ch.op + "." + ch.id
	m.Data = l.data[i%len(l.data)]
	m.Header = l.headers[i%len(l.headers)]

	id := numbered(m.Header.Get(nats.MsgIdHdr), i)
	for _, name := range idHeaders {
		if v := m.Header[name]; v != nil {
			v[0] = id
		}
	}
	if v := m.Header[nats.ExpectedLastMsgIdHdr]; v != nil {
		v[0] = l.id
	}
	l.id = id
}

// numbered is an id of the same length that ends with a number.
func numbered(id string, n int) string {
	digits := fmt.Sprintf("%07d", n)
	return id[:max(len(id)-len(digits), 0)] + digits
}
