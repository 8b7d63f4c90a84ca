package metakocka

import (
	"bytes"
	"crypto/sha256"
)

// Memory remembers partners by the bytes they came as, and whole lists of them. Who asks
// for all partners again and again, and only wants to know which of them differ, is spared
// reading the others. It holds no partner's content but the name; it is not safe for use
// by many goroutines.
type Memory struct {
	turn     int
	partners map[digest]*glimpse
	lists    map[digest]*glimpses

	answer  *bytes.Buffer // the last one of this turn, which the next one takes the place of
	largest int           // size of the largest answer so far
}

type digest [sha256.Size]byte

// glimpse is what is remembered of a partner.
type glimpse struct {
	mkID, customer, hash string
	turn                 int // when it was last seen
}

// glimpses are what is remembered of a list.
type glimpses struct {
	of   []*glimpse
	turn int
}

// NewMemory knows no partner yet.
func NewMemory() *Memory {
	m := &Memory{}
	m.Forget()
	return m
}

// Turn ends a look at all partners: what was last seen in the one before it is
// forgotten.
func (m *Memory) Turn() {
	for d, g := range m.partners {
		if g.turn < m.turn {
			delete(m.partners, d)
		}
	}
	for d, l := range m.lists {
		if l.turn < m.turn {
			delete(m.lists, d)
		}
	}
	m.turn++
	m.measure()
	m.answer = nil
}

// buffer is for the next answer, of as many bytes as the largest one so far. Answers
// of megabytes one after another would else be a multiple of that to collect.
func (m *Memory) buffer() *bytes.Buffer {
	if m == nil {
		return &bytes.Buffer{}
	}
	if m.answer == nil {
		m.answer = bytes.NewBuffer(make([]byte, 0, m.largest+m.largest/16))
	}
	m.measure()
	return m.answer
}

func (m *Memory) measure() {
	if m.answer != nil {
		m.largest = max(m.largest, m.answer.Len())
	}
}

// Forget makes every partner be read anew.
func (m *Memory) Forget() {
	m.partners = map[digest]*glimpse{}
	m.lists = map[digest]*glimpses{}
}

// Seen is how a partner came that was asked for with a Memory.
type Seen struct {
	Hash  string // as Partner.Hash gives it
	Known bool   // it came as before: of the Partner only MKID and Customer are set
}

// read is a list of partners, those that came as before without their content.
func (m *Memory) read(r *reader, key string) (partners []Partner, seen []Seen) {
	d := digest(sha256.Sum256(r.object[key]))
	if l := m.lists[d]; l != nil {
		r.take(key)
		l.turn = m.turn
		return m.again(l.of)
	}

	elements := r.list(key)
	list := &glimpses{turn: m.turn}
	for i, raw := range elements {
		p, g, known, err := m.look(raw)
		if err != nil {
			r.failAt(key, i, err)
			return nil, nil
		}
		list.of = append(list.of, g)
		partners, seen = append(partners, p), append(seen, Seen{g.hash, known})
	}

	if r.err == nil {
		m.lists[d] = list
	}
	return partners, seen
}

// again is a list that came as before.
func (m *Memory) again(of []*glimpse) ([]Partner, []Seen) {
	partners, seen := make([]Partner, len(of)), make([]Seen, len(of))
	for i, g := range of {
		g.turn = m.turn
		partners[i], seen[i] = Partner{MKID: g.mkID, Customer: g.customer}, Seen{g.hash, true}
	}
	return partners, seen
}

// look reads one partner, unless it came as before.
func (m *Memory) look(raw []byte) (p Partner, g *glimpse, known bool, err error) {
	d := digest(sha256.Sum256(raw))
	if g = m.partners[d]; g != nil {
		g.turn = m.turn
		return Partner{MKID: g.mkID, Customer: g.customer}, g, true, nil
	}
	if err := p.UnmarshalJSON(raw); err != nil {
		return p, nil, false, err
	}
	g = &glimpse{p.MKID, p.Customer, p.Hash(), m.turn}
	m.partners[d] = g
	return p, g, false, nil
}
