package cluster

import (
	"fmt"
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
