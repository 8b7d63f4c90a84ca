package cdc

import (
	"sync"
	"time"
)

// mark says: once count events are durable, everything before lsn is.
type mark struct {
	count uint64
	lsn   LSN
	// last is the newest event before lsn. It moves with events that are skipped
	// because the sink has them, too: those have to age like any other.
	last Position
}

type agedMark struct {
	mark
	since time.Time
}

// maxMarks bounds what a backlog can take; beyond it commits share a mark.
const maxMarks = 1 << 16

// progress finds the LSN that may be confirmed. A mark waits until its events
// are durable (pending), then until they have been for the delay (aging).
type progress struct {
	delay time.Duration

	mu        sync.Mutex // guards what follows
	pending   []mark
	head      int // of pending
	aging     []agedMark
	stored    LSN // every event before it is durable, however short
	confirmed mark
	newest    mark // as added last
}

func newProgress(delay time.Duration, confirmed mark) *progress {
	return &progress{delay: delay, confirmed: confirmed, newest: confirmed}
}

// add notes the end of a transaction, or a position at which nothing is open.
// Marks with the same last event are one: nothing but foreign changes lies between.
func (p *progress) add(m mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.newest = m
	if n := len(p.pending); n > p.head {
		tail := &p.pending[n-1]
		if tail.last == m.last || n-p.head >= maxMarks {
			*tail = m
			return
		}
	}
	if p.head > 0 && len(p.pending) == cap(p.pending) {
		n := copy(p.pending, p.pending[p.head:])
		p.pending = p.pending[:n]
		p.head = 0
	}
	p.pending = append(p.pending, m)
}

// advance takes the number of durable events and returns what may be confirmed.
func (p *progress) advance(durable uint64, now time.Time) mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mature(now)
	if m, ok := p.popDurable(durable); ok {
		p.stored = max(p.stored, m.lsn)
		p.age(m, now)
		p.mature(now)
	}
	return p.confirmed
}

// popDurable takes the durable marks out of pending and returns the last one.
func (p *progress) popDurable(durable uint64) (m mark, ok bool) {
	for p.head < len(p.pending) && p.pending[p.head].count <= durable {
		m, ok = p.pending[p.head], true
		p.head++
	}
	if p.head == len(p.pending) {
		p.pending = p.pending[:0]
		p.head = 0
	}
	return m, ok
}

// age lets the delay begin, unless it began with an earlier mark of the same events.
func (p *progress) age(m mark, now time.Time) {
	n := len(p.aging)
	switch {
	case n > 0 && p.aging[n-1].last == m.last:
		p.aging[n-1].mark = m
	case n == 0 && p.confirmed.last == m.last:
		p.confirmed.lsn = max(p.confirmed.lsn, m.lsn)
	default:
		p.aging = append(p.aging, agedMark{m, now})
	}
}

// mature moves the confirmed mark to the newest one that is old enough.
func (p *progress) mature(now time.Time) {
	n := 0
	for n < len(p.aging) && now.Sub(p.aging[n].since) >= p.delay {
		n++
	}
	if n == 0 {
		return
	}
	m := p.aging[n-1].mark
	m.lsn = max(m.lsn, p.confirmed.lsn)
	p.confirmed = m
	p.aging = append(p.aging[:0], p.aging[n:]...)
}

// storedUpTo is the position before which every event was durable at the last advance.
func (p *progress) storedUpTo() LSN {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stored
}

// received is the newest mark, and whether it waits for more to become durable
// than that. Marks without events of their own may well be there: other tables
// change all the time.
func (p *progress) received(durable uint64) (newest mark, waiting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest, p.newest.count > durable
}
