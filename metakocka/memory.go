package metakocka

import "crypto/sha256"

// Memory remembers partners by the bytes they came as. Who asks for all partners
// again and again, and only wants to know which of them differ, is spared reading
// the others. It holds no partner's content but the name; it is not safe for use
// by many goroutines.
type Memory struct {
	now, before map[[sha256.Size]byte]glimpse
}

// glimpse is what is remembered of a partner.
type glimpse struct{ mkID, customer, hash string }

// NewMemory knows no partner yet.
func NewMemory() *Memory {
	m := &Memory{}
	m.Forget()
	return m
}

// Turn ends a look at all partners: what was last seen in the one before it is
// forgotten.
func (m *Memory) Turn() {
	m.before, m.now = m.now, make(map[[sha256.Size]byte]glimpse, len(m.now))
}

// Forget makes every partner be read anew.
func (m *Memory) Forget() {
	m.now, m.before = map[[sha256.Size]byte]glimpse{}, map[[sha256.Size]byte]glimpse{}
}

// Seen is how a partner came that was asked for with a Memory.
type Seen struct {
	Hash  string // as Partner.Hash gives it
	Known bool   // it came as before: of the Partner only MKID and Customer are set
}

// read is a list of partners, those that came as before without their content.
func (m *Memory) read(r *reader, key string) ([]Partner, []Seen) {
	var partners []Partner
	var seen []Seen
	for i, raw := range r.list(key) {
		digest := sha256.Sum256(raw)
		g, known := m.now[digest]
		if !known {
			g, known = m.before[digest]
		}
		p := Partner{MKID: g.mkID, Customer: g.customer}
		if !known {
			if err := p.UnmarshalJSON(raw); err != nil {
				r.failAt(key, i, err)
				return nil, nil
			}
			g = glimpse{p.MKID, p.Customer, p.Hash()}
		}
		m.now[digest] = g
		partners, seen = append(partners, p), append(seen, Seen{g.hash, known})
	}
	return partners, seen
}
