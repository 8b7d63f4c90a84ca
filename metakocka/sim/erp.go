package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/crmmind/mksync/metakocka"
)

// ErrUnknownPartner says that the ERP holds no partner with the id.
var ErrUnknownPartner = errors.New("no such partner")

// Call is one call as it arrived, before it was processed.
type Call struct {
	Time      time.Time       `json:"time"`
	Endpoint  string          `json:"endpoint"`
	Arguments json.RawMessage `json:"arguments"` // without the secret key
	Fault     Fault           `json:"fault,omitempty"`
}

// Calls counts by endpoint: what arrived, and what was processed, which a cut
// connection may hide from the caller.
type Calls struct {
	Received  map[string]int `json:"received"`
	Processed map[string]int `json:"processed"`
}

// Writes is how many calls arrived that change partners.
func (c Calls) Writes() int {
	return c.Received[metakocka.EndpointAdd] + c.Received[metakocka.EndpointUpdate]
}

// Total is how many calls arrived.
func (c Calls) Total() int {
	total := 0
	for _, n := range c.Received {
		total += n
	}
	return total
}

// receive counts a call, tells the watchers and decides what becomes of it.
func (s *Server) receive(name string, args map[string]json.RawMessage) plan {
	s.mu.Lock()
	s.calls.Received[name]++
	p := s.plan(name)
	watchers := slices.Clone(s.watchers)
	s.mu.Unlock()
	if len(watchers) == 0 {
		return p
	}
	clean := maps.Clone(args)
	delete(clean, "secret_key")
	raw, _ := json.Marshal(clean)
	for _, watch := range watchers {
		watch(Call{Time: s.opts.Now(), Endpoint: name, Arguments: raw, Fault: p.fault})
	}
	return p
}

func (s *Server) plan(name string) plan {
	f := s.faults
	p := plan{
		fault: f.pick(name, s.dice.Float64()), down: f.Down, refuse: f.RefuseAll,
		latency: f.latency(name, s.dice.Float64()), lateBy: f.LateBy, retryAfter: f.RetryAfter,
	}
	if next := s.script[name]; len(next) > 0 {
		p.fault, s.script[name] = next[0], next[1:]
	}
	return p
}

// AddPartner is a partner entered at the ERP's screens; ids it lacks are given.
func (s *Server) AddPartner(p metakocka.Partner) (metakocka.Partner, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store.insert(p, s.opts.Now().Year())
}

// EditPartner is an edit at the ERP's screens: no rule of the API applies.
func (s *Server) EditPartner(id string, edit func(*metakocka.Partner)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.store.byID[id]
	if r == nil {
		return fmt.Errorf("edit partner %s: %w", id, ErrUnknownPartner)
	}
	p := r.partner.Clone()
	edit(&p)
	p.MKID = id
	p.Buyer = fallback(p.Buyer, r.partner.Buyer)
	p.Supplier = fallback(p.Supplier, r.partner.Supplier)
	s.store.number(&p)
	r.set(p.Clone())
	return nil
}

// DeletePartner is a deletion at the ERP's screens: the partner is no longer found.
func (s *Server) DeletePartner(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.store.remove(id) {
		return fmt.Errorf("delete partner %s: %w", id, ErrUnknownPartner)
	}
	return nil
}

// Partners are all partners as the ERP holds them, oldest first.
func (s *Server) Partners() []metakocka.Partner {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]metakocka.Partner, len(s.store.partners))
	for i, r := range s.store.partners {
		out[i] = r.partner.Clone()
	}
	return out
}

// Partner is one partner as the ERP holds it.
func (s *Server) Partner(id string) (metakocka.Partner, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.store.byID[id]
	if r == nil {
		return metakocka.Partner{}, false
	}
	return r.partner.Clone(), true
}

// Calls counts the calls since New or Reset.
func (s *Server) Calls() Calls {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Calls{Received: maps.Clone(s.calls.Received), Processed: maps.Clone(s.calls.Processed)}
}

// OnCall is told of every call when it arrives, before it is processed and
// before its latency. It may use the Server.
func (s *Server) OnCall(watch func(Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers = append(s.watchers, watch)
}

// SetFaults changes how badly the server behaves from the next call on.
func (s *Server) SetFaults(f Faults) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("set faults: %w", err)
	}
	f.EndpointLatency = maps.Clone(f.EndpointLatency) // the caller's may change
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
	return nil
}

// Faults is what SetFaults set.
func (s *Server) Faults() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

// FailNext gives the endpoint's next calls these faults, one each, before any
// dice are thrown; NoFault lets one call through.
func (s *Server) FailNext(endpoint string, faults ...Fault) error {
	for _, f := range faults {
		if f != NoFault && !slices.Contains(allFaults, f) {
			return fmt.Errorf("fail next: unknown fault %q", f)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[endpoint] = append(s.script[endpoint], faults...)
	return nil
}

// AwaitLate waits until every call that takes effect late (FaultLate) has done so.
func (s *Server) AwaitLate() { s.late.Wait() }

// Relent forgets the faults of FailNext that no call has met.
func (s *Server) Relent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = map[string][]Fault{}
}

// Reset forgets partners, calls and faults and begins again with
// Options.Partners. Watchers stay.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store = newStore()
	s.faults = Faults{}
	s.script = map[string][]Fault{}
	s.dice = rand.New(rand.NewPCG(s.opts.Seed, s.opts.Seed)) //nolint:gosec // repeatable dice, no secret
	s.calls = Calls{Received: map[string]int{}, Processed: map[string]int{}}
	for _, p := range s.opts.Partners {
		_, _ = s.store.insert(p, s.opts.Now().Year())
	}
}

func fallback(v, old *bool) *bool {
	if v == nil {
		return old
	}
	return v
}

// SetNotes changes what happens to notes, as Options.Notes says it.
func (s *Server) SetNotes(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opts.Notes = what
}
