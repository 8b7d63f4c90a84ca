package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// BenchmarkCommitToAddPartner measures how long after a contact's commit
// MetaKocka receives add_partner: 200 inserts, one every 20 ms, an ERP that
// answers at once.
func BenchmarkCommitToAddPartner(b *testing.B) {
	const inserts = 200
	for b.Loop() {
		b.StopTimer()
		w := newWorld(b, sim.Options{})
		w.cfg.PollInterval = time.Minute
		_, stop := w.start()
		w.status(w.insert("Ogrevanje", "ogrevanje@primer.si"), "synced")
		arrivals := newArrivals(w.erp)
		b.StartTimer()
		committed := map[string]time.Time{}
		ticker := time.NewTicker(20 * time.Millisecond)
		for i := range inserts {
			<-ticker.C
			name := fmt.Sprintf("Oseba %d", i)
			w.insert(name, fmt.Sprintf("oseba%d@primer.si", i))
			committed[name] = time.Now()
		}
		ticker.Stop()
		delays := arrivals.wait(b, committed)
		b.StopTimer()
		b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "p99-ms")
		b.ReportMetric(float64(delays[len(delays)-1].Microseconds())/1000, "max-ms")
		stop()
		b.StartTimer()
	}
}

// arrivals notes when add_partner came for whom.
type arrivals struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

func newArrivals(erp *sim.Server) *arrivals {
	a := &arrivals{seen: map[string]time.Time{}}
	erp.OnCall(func(c sim.Call) {
		if c.Endpoint != metakocka.EndpointAdd {
			return
		}
		var args struct {
			Partner struct {
				Customer string `json:"customer"`
			} `json:"partner"`
		}
		_ = json.Unmarshal(c.Arguments, &args)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.seen[args.Partner.Customer] = c.Time
	})
	return a
}

// wait returns the sorted delays once all have arrived.
func (a *arrivals) wait(tb testing.TB, committed map[string]time.Time) []time.Duration {
	tb.Helper()
	require.Eventually(tb, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.seen) >= len(committed)
	}, time.Minute, 10*time.Millisecond)
	var delays []time.Duration
	for name, at := range committed {
		delays = append(delays, max(a.seen[name].Sub(at), 0))
	}
	slices.Sort(delays)
	return delays
}
