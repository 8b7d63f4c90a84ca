package main

import (
	"encoding/json"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// writeCount counts the calls that arrived at MetaKocka and write a partner: by
// the partner's id, or by the name of one that is to be made.
type writeCount struct {
	mu              sync.Mutex
	arrived, spoilt map[string]int    // spoilt: the ERP gave no answer, or did nothing
	last            map[string]string // the newest write that was not spoilt
	again           map[string]int    // writes that were the same as the one before
}

// watchWrites counts the writes from now on.
func (st *storm) watchWrites() {
	st.writes = &writeCount{arrived: map[string]int{}, spoilt: map[string]int{}, last: map[string]string{}, again: map[string]int{}}
	st.ERP.OnCall(func(c sim.Call) {
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
		st.writes.mu.Lock()
		defer st.writes.mu.Unlock()
		st.writes.arrived[who]++
		text := string(c.Arguments)
		if st.writes.last[who] == text {
			st.writes.again[who]++
		}
		st.writes.last[who] = text
		if c.Fault != sim.NoFault || st.ERP.Faults().Down {
			st.writes.spoilt[who]++
			st.writes.last[who] = ""
		}
	})
}

// failedWrites counts the writes that the ERP itself made fail.
func (st *storm) failedWrites() (n int) {
	st.writes.mu.Lock()
	defer st.writes.mu.Unlock()
	for _, spoilt := range st.writes.spoilt {
		n += spoilt
	}
	return n
}

// excess is how many writes there were, of all persons' partners, beyond one for
// each edit of the person in the CRM, one more for each value that was emptied
// (the marker), and one for each that the ERP spoilt; none for what was edited of who is
// left out. One person's idle edits do
// not make up for another's writes. A write that repeats the one before is always
// too many, but for contested persons, whom the ERP's users edit back.
func (st *storm) excess(people *crowd) (n int) {
	st.T.Helper()
	s, err := people.look(st.T.Context())
	require.NoError(st.T, err)
	numbers := people.numbers(s)
	st.writes.mu.Lock()
	defer st.writes.mu.Unlock()
	people.mu.Lock()
	defer people.mu.Unlock()
	spare := map[int]int{}
	for who, arrived := range st.writes.arrived {
		number, known := numbers[who]
		if !known {
			number = numberIn(who)
		}
		spare[number] += st.writes.spoilt[who] - arrived
		if !people.contested(number) {
			n += st.writes.again[who]
		}
	}
	for _, p := range people.people {
		n += max(0, -(spare[p.n] + p.edits + p.cleared - p.unsent))
	}
	return n + max(0, -spare[0])
}

// excessAllowed: a process that is killed or frozen, or a wire to MetaKocka that
// breaks, leaves at most as many calls unanswered as are made at once. An update
// that took effect is recognised and not repeated; only one that another edit hid
// may be.
func (st *storm) excessAllowed() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.Config.MetaKockaConcurrency * (st.counts["kill -9"] + st.counts["frozen"] + st.broken)
}

// contested is whether both sides edit the same of a person.
func (c *crowd) contested(number int) bool {
	return number < 1 || number > len(c.people) || c.people[number-1].owner == ownerContested
}

// numbers are the persons' numbers by their partners' ids.
func (c *crowd) numbers(s sides) map[string]int {
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
