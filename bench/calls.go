package main

import (
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// Kinds of calls to MetaKocka, by what they are for.
const (
	callSweep  = "sweep"   // by name, or for all partners: enumerates
	callTax    = "tax"     // looks a tax number up
	callEmail  = "e-mail"  // looks an e-mail up
	callRead   = "read"    // a partner by its id
	callAdd    = "add"     //
	callUpdate = "update"  //
	callOther  = "unknown" // is a mistake of the benchmark
)

// callCount is how many calls of each kind there were.
type callCount map[string]int

func (c callCount) minus(other callCount) callCount {
	d := callCount{}
	for kind, n := range c {
		if n -= other[kind]; n != 0 {
			d[kind] = n
		}
	}
	return d
}

func (c callCount) total() (n int) {
	for _, k := range c {
		n += k
	}
	return n
}

// useful are the calls that were for one contact.
func (c callCount) useful() int { return c.total() - c[callSweep] }

// callLog counts the calls that the simulator gets.
type callLog struct {
	mu          sync.Mutex // guards what follows
	counts      callCount
	first, last time.Time // arrival of the first and of the last useful call since forget
}

func kindOf(c sim.Call) string {
	switch c.Endpoint {
	case metakocka.EndpointAdd:
		return callAdd
	case metakocka.EndpointUpdate:
		return callUpdate
	}
	var args map[string]json.RawMessage
	if json.Unmarshal(c.Arguments, &args) != nil {
		return callOther
	}
	for _, k := range []struct{ key, kind string }{
		{"partner_id", callRead}, {"partner_tax_number", callTax}, {"partner_email", callEmail},
	} {
		if args[k.key] != nil {
			return k.kind
		}
	}
	return callSweep
}

func (l *callLog) add(c sim.Call) {
	kind := kindOf(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = callCount{}
	}
	l.counts[kind]++
	if kind == callSweep {
		return
	}
	if l.first.IsZero() {
		l.first = c.Time
	}
	l.last = c.Time
}

func (l *callLog) count() callCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.counts)
}

// forget begins a new stretch of useful calls.
func (l *callLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first = time.Time{}
	l.last = time.Time{}
}

// stretch is how long useful calls came, from the first to the last one's arrival.
func (l *callLog) stretch() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.Sub(l.first)
}
