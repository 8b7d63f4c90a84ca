package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// TestGrowth measures how many contacts a second one, two and three processes bring over
// where MetaKocka takes 50 ms for a call, and each process makes two at once.
func TestGrowth(t *testing.T) {
	if !long {
		t.Skip("make cluster runs it")
	}
	c := newCluster(t, testenv.Seed(t))
	c.latency(50*time.Millisecond, 0)
	c.startProcesses(splits[0])
	for _, p := range c.processes[1:] {
		p.Hold(true)
	}

	var rates []float64
	for n := 1; n <= machines; n++ {
		c.processes[n-1].Hold(false)
		c.Eventually(func() error { return ask(t.Context(), c.processes[n-1]).failed })
		rates = append(rates, c.rate(fmt.Sprint(n), 300))
		t.Logf("%d of %d processes: %.0f contacts a second", n, machines, rates[n-1])
	}
	require.Greater(t, rates[2], rates[0])
}

// rate adds so many contacts at once, and returns how many a second get a partner.
func (c *cluster) rate(batch string, n int) float64 {
	c.T.Helper()
	began := time.Now()
	c.Exec("INSERT INTO contacts (name, email) SELECT 'Rast ' || i || ' ' || $1::text, 'rast' || i || '@rast' || $1::text || '.si' FROM generate_series(1, $2) i", batch, n)
	waits.Eventually(c.T, 2*time.Minute, func() error {
		if done := c.Count("SELECT count(*) FROM metakocka_contact_mappings m JOIN contacts c ON c.id = m.contact_id WHERE c.email LIKE '%@rast' || $1::text || '.si' AND sync_status = 'synced'", batch); done < n {
			return fmt.Errorf("%d of %d contacts are synced", done, n)
		}
		return nil
	})
	return float64(n) / time.Since(began).Seconds()
}
