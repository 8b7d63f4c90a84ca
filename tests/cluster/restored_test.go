package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/crowd"
	"github.com/crmmind/mksync/mapping"
)

// olderCopy puts in the database's place a copy that lacks what happened last, as
// docs/operations.md tells: a standby that was cut off, and is promoted. mksync refuses it
// and touches nothing; once a person accepts it, what MetaKocka has since comes back, and
// nobody gets a second partner.
func (c *cluster) olderCopy() {
	c.T.Helper()
	edited, gone := c.Insert("Vida Prva", "vida@prva.si"), c.Insert("Vida Druga", "vida@druga.si")
	c.Status(edited, "synced")
	c.Status(gone, "synced")
	c.postgres.streaming()
	c.postgres.waitForBoth("")
	c.postgres.log.Cut()

	// What the copy will not have.
	c.Set(edited, mapping.FieldPhone, "040 111 222")
	c.Agree(edited, "040 111 222")
	partner := c.Partner(gone).MKID
	c.Exec("DELETE FROM contacts WHERE id = $1", gone)
	c.Status(gone, "deleted")
	added := c.Partner(c.Insert("Vida Tretja", "vida@tretja.si")).MKID
	partners := len(c.ERP.Partners())

	before, writes := c.refusals(), c.ERP.Calls().Writes()
	c.postgres.failOver()
	c.follow()
	c.refusedSince(before)
	require.Equal(c.T, writes, c.ERP.Calls().Writes(), "nothing is written for a database that nobody has accepted")
	require.Zero(c.T, c.Count("SELECT count(*) FROM contacts WHERE phone = '040 111 222'"))

	c.accept()
	c.ContactIs(edited, mapping.FieldPhone, "040 111 222")
	c.Status(gone, "synced")
	require.Equal(c.T, partner, c.Partner(gone).MKID)
	c.Eventually(func() error {
		if n := c.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE metakocka_id = $1 AND sync_status = 'synced'", added); n != 1 {
			return fmt.Errorf("%d contacts of partner %s, whom the copy does not know", n, added)
		}
		return nil
	})
	crowd.Settled(c.T, c.people, time.Minute)
	require.Len(c.T, c.ERP.Partners(), partners)
}

// TestGrowth measures how many contacts a second one, two and three processes bring over
// where MetaKocka takes 50 ms for a call, and each process makes two at once.
func TestGrowth(t *testing.T) {
	if !long {
		t.Skip("make cluster runs it")
	}
	c := newCluster(t, seed(t))
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
	c.Exec("INSERT INTO contacts (name, email) SELECT 'Rast ' || $1::text, 'rast.' || i || '.' || $1::text || '@primer.si' FROM generate_series(1, $2) i", batch, n)
	c.Eventually(func() error {
		if done := c.Count("SELECT count(*) FROM metakocka_contact_mappings m JOIN contacts c ON c.id = m.contact_id WHERE c.name = 'Rast ' || $1::text AND sync_status = 'synced'", batch); done < n {
			return fmt.Errorf("%d of %d contacts are synced", done, n)
		}
		return nil
	})
	return float64(n) / time.Since(began).Seconds()
}
