package crowd

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// Writes counts the calls that arrived at MetaKocka and write a partner: by
// the partner's id, or by the name of one that is to be made.
type Writes struct {
	erp *sim.Server

	mu              sync.Mutex
	arrived, spoilt map[string]int    // spoilt: the ERP gave no answer, or did nothing
	last            map[string]string // the newest write that was not spoilt
	again           map[string]int    // writes that were the same as the one before
}

// WatchWrites counts the writes from now on.
func WatchWrites(erp *sim.Server) *Writes {
	w := &Writes{erp: erp, arrived: map[string]int{}, spoilt: map[string]int{}, last: map[string]string{}, again: map[string]int{}}
	erp.OnCall(w.note)
	return w
}

// note counts a call that writes.
func (w *Writes) note(c sim.Call) {
	if c.Endpoint != metakocka.EndpointAdd && c.Endpoint != metakocka.EndpointUpdate {
		return
	}

	var args struct {
		Partner struct {
			ID       string `json:"mk_id"`
			Customer string `json:"customer"`
		} `json:"partner"`
	}
	_ = json.Unmarshal(c.Arguments, &args) // what has neither is counted together
	who := args.Partner.ID
	if c.Endpoint == metakocka.EndpointAdd {
		who = args.Partner.Customer
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived[who]++
	text := string(c.Arguments)
	if w.last[who] == text {
		w.again[who]++
	}
	w.last[who] = text
	if c.Fault != sim.NoFault || w.erp.Faults().Down {
		w.spoilt[who]++
		w.last[who] = ""
	}
}

// Failed counts the writes that the ERP itself made fail.
func (w *Writes) Failed() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, spoilt := range w.spoilt {
		n += spoilt
	}
	return n
}

// Excess is how many writes in excess there were.
func (w *Writes) Excess(t testing.TB, people *Crowd) int {
	t.Helper()
	return len(w.InExcess(t, people))
}

// InExcess are the writes that there were, of all persons' partners, beyond one for
// each edit of the person in the CRM, one more for each value that was emptied
// (the marker), and one for each that the ERP spoilt; none for what was edited of who is
// left out. One person's idle edits do
// not make up for another's writes. A write that repeats the one before is always
// too many, but for contested persons, whom the ERP's users edit back.
func (w *Writes) InExcess(t testing.TB, people *Crowd) (all []string) {
	t.Helper()
	s, err := people.look(t.Context())
	require.NoError(t, err)
	numbers := people.numbers(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	people.mu.Lock()
	defer people.mu.Unlock()

	spare, again := map[int]int{}, map[int]int{}
	for who, arrived := range w.arrived {
		number, known := numbers[who]
		if !known {
			number = numberIn(who)
		}
		spare[number] += w.spoilt[who] - arrived
		if !people.contested(number) {
			again[number] += w.again[who]
		}
	}

	// A write that is both, beyond the edits and the same as the one before, counts once.
	for _, p := range people.people {
		beyond := -(spare[p.n] + p.edits + p.cleared - p.unsent)
		for range max(beyond, again[p.n]) {
			all = append(all, fmt.Sprintf("a write of %s (owner %d): %d more than its %d edits, %d values emptied and %d edits unsent allow, %d the same as the one before",
				p.want.Name, p.owner, beyond, p.edits, p.cleared, p.unsent, again[p.n]))
		}
	}
	for range max(-spare[0], again[0]) {
		all = append(all, "a write of nobody")
	}
	return all
}

// contested is whether both sides edit the same of a person.
func (c *Crowd) contested(number int) bool {
	return number < 1 || number > len(c.people) || c.people[number-1].owner == ownerContested
}

// numbers are the persons' numbers by their partners' ids.
func (c *Crowd) numbers(s sides) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	numbers := map[string]int{}
	for _, p := range c.people {
		if l := s.links[p.id]; p.id != "" && l.partner != "" {
			numbers[l.partner] = p.n
		}
	}
	for id, p := range s.partners {
		numbers[id] = numberIn(p.Customer)
	}
	return numbers
}
