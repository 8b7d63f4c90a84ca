package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// BenchmarkFirstSync measures a first start: contacts that were there before,
// against an ERP that has none of them, all of them, or all of them with another
// phone. MKSYNC_BENCH_CONTACTS sets how many. The peak of the heap is that of the
// service and the simulator together.
func BenchmarkFirstSync(b *testing.B) {
	n := 1000
	if v, err := strconv.Atoi(os.Getenv("MKSYNC_BENCH_CONTACTS")); err == nil {
		n = v
	}
	for name, partners := range map[string]func(i int) metakocka.Partner{
		"empty ERP": nil,
		"full ERP":  func(i int) metakocka.Partner { return benchPartner(i, "") },
		"differing": func(i int) metakocka.Partner { return benchPartner(i, "01 234 56 78") },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				opts := sim.Options{}
				for i := range n {
					if partners != nil {
						opts.Partners = append(opts.Partners, partners(i))
					}
				}
				benchFirstSync(b, newWorld(b, opts), n)
				b.StartTimer()
			}
		})
	}
}

func benchPartner(i int, phone string) metakocka.Partner {
	p := person(fmt.Sprint(700000+i), fmt.Sprintf("Oseba %d", i), fmt.Sprintf("SI%08d", 10000000+i), fmt.Sprintf("oseba%d@primer.si", i))
	p.Contacts[0].Phone = phone
	return p
}

func benchFirstSync(b *testing.B, w *world, n int) {
	b.Helper()
	w.cfg.PollInterval = time.Minute
	w.exec(`INSERT INTO contacts (name, email, tax_number) SELECT 'Oseba ' || i, 'oseba' || i || '@primer.si', (10000000 + i)::text
		FROM generate_series(0, $1::int - 1) i`, n)
	peak, done := heapPeak()
	b.StartTimer()
	began := time.Now()
	_, stop := w.start()
	require.Eventually(b, func() bool {
		return w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'") == n
	}, 10*time.Minute, 50*time.Millisecond)
	took := time.Since(began)
	b.StopTimer()
	calls := 0
	for _, k := range w.erp.Calls().Received {
		calls += k
	}
	stop()
	done()
	b.ReportMetric(float64(calls)/float64(n), "calls/contact")
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MB")
}

// heapPeak watches the heap until done is called.
func heapPeak() (peak *atomic.Uint64, done func()) {
	runtime.GC()
	peak = &atomic.Uint64{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for ctx.Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			<-ticker.C
		}
	}()
	return peak, func() { cancel(); <-ended }
}
