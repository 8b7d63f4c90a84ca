package match

import (
	"slices"

	"github.com/crmmind/mksync/coded"
)

// settleRivals lets only one of the contacts that share a key, and match no
// partner, get a partner of its own.
func (m *matching) settleRivals() {
	byKey := map[string][]int{}
	note := func(i int) {
		for _, key := range Keys(m.decisions[i].party).Names() {
			byKey[key] = append(byKey[key], i)
		}
	}

	// Linked ones first: whoever comes later is compared with them and with each other.
	for i, d := range m.decisions {
		if d.Verdict == VerdictLinked || d.Verdict == VerdictLink {
			note(i)
		}
	}

	for i := range m.decisions {
		d := &m.decisions[i]
		if d.Verdict != VerdictCreate {
			continue
		}
		if rival, reason := m.rival(byKey, d); rival != nil {
			m.hold(d, reason)
			if rival.Verdict != VerdictLinked || rival.MetaKockaID == "" {
				d.rival = rival.ContactID
			}
			continue
		}
		note(i)
	}
}

// rival is a contact whose twin one that is to get a partner may be, and why; nil: there
// is none.
func (m *matching) rival(byKey map[string][]int, d *Decision) (rival *Decision, reason coded.Text) {
	for _, name := range Keys(d.party).Names() {
		for _, i := range byKey[name] {
			if slices.Contains(d.not, m.decisions[i].MetaKockaID) {
				continue
			}
			if pair := Compare(d.party, m.decisions[i].party); pair.Grade >= Doubtful {
				return &m.decisions[i], sameKey(m.decisions[i].ContactID, pair)
			}
		}
	}
	return nil, coded.Text{}
}
