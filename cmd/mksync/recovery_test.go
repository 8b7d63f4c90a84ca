package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestRestoredDatabaseIsNotOverwritten: the database is an older copy. Nothing
// happens until a person accepts it.
func TestRestoredDatabaseIsNotOverwritten(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(4)
	w.Exec("CREATE TABLE backup AS SELECT * FROM contacts")
	w.Exec("CREATE TABLE backup_links AS SELECT * FROM metakocka_contact_mappings")
	w.Exec("CREATE TABLE backup_state AS SELECT * FROM mksync_state")
	_, stop := w.Start()
	w.Set(ids[0], mapping.FieldPhone, "040 123 456")
	w.Agree(ids[0], "040 123 456")
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[1])
	w.Status(ids[1], "deleted")
	stop()
	w.Exec("TRUNCATE contacts, metakocka_contact_mappings CASCADE; INSERT INTO contacts SELECT * FROM backup; INSERT INTO metakocka_contact_mappings SELECT * FROM backup_links")
	w.Exec(`DELETE FROM mksync_state; INSERT INTO mksync_state SELECT * FROM backup_state;
		UPDATE mksync_state SET value = value || '{"Timeline": 77}' WHERE key = 'listener'`)
	rows, writes := w.Rows(), w.ERP.Calls().Writes()

	refused(w, "timeline 77")
	require.Equal(t, rows, w.Rows())
	require.Equal(t, writes, w.ERP.Calls().Writes())

	require.Contains(t, mksync(w, "listener", "accept").lines()[0], "accepted")
	s, _ := w.Start()
	w.Recovered("accepted")
	w.ContactIs(ids[0], mapping.FieldPhone, "040 123 456") // what MetaKocka still has
	w.Status(ids[1], "synced")
	w.Set(ids[2], mapping.FieldPhone, "041 222 333")
	w.Agree(ids[2], "041 222 333")
	w.WorkedOff(s)
	mksync(w, "listener", "accept").refused("a listener runs")
	require.Len(t, w.ERP.Partners(), 4)
}

// TestUnlikelyPollIsDecidedByCommand: most partners are missing. Each waits for a
// person; one that is there again is let go.
func TestUnlikelyPollIsDecidedByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Left(13)
	gone := w.ERP.Partners()[:12]
	for _, p := range gone {
		require.NoError(t, w.ERP.DeletePartner(p.MKID))
	}
	s, _ := w.Start()
	w.Eventually(func() error {
		st := s.Monitor().Status(t.Context())
		if !strings.Contains(st.Poller.Error, "12 of 13 linked partners are missing") || st.HeldDeletions != 12 {
			return fmt.Errorf("the poll is not held: %s, %d deletions held", st.Poller.Error, st.HeldDeletions)
		}
		return nil
	})
	held := mksync(w, "deletions", "list")
	require.Len(t, held.ids(), 12)
	require.Contains(t, held.stdout, "held  deleted in metakocka")
	require.Contains(t, held.stdout, "12 of 13 linked partners are missing in MetaKocka, which is unlikely")
	require.Equal(t, 13, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))

	// Other edits go on; one of a contact whose partner is held decides nothing.
	kept, edited := w.ContactOf(w.ERP.Partners()[0].MKID), w.ContactOf(gone[0].MKID)
	w.Set(kept, mapping.FieldPhone, "041 222 333")
	w.Agree(kept, "041 222 333")
	w.Set(edited, mapping.FieldPhone, "041 222 334")
	w.Status(edited, "held")

	// The partner of one is there again, as after a restored backup.
	_, err := w.ERP.AddPartner(gone[0])
	require.NoError(t, err)
	w.Agree(edited, "041 222 334")
	_, err = w.ERP.AddPartner(gone[1])
	require.NoError(t, err)
	w.Eventually(func() error {
		if n := len(mksync(w, "deletions", "list").ids()); n != 10 {
			return fmt.Errorf("%d are held", n)
		}
		return nil
	})
	w.Status(w.ContactOf(gone[1].MKID), "synced")

	require.Contains(t, mksync(w, "deletions", "approve", gone[2].MKID).lines()[0], "applied  unlinked")
	require.Contains(t, mksync(w, "deletions", "reject", gone[3].MKID).lines()[0], "rejected  unlinked")
	w.Polls(2) // ten of thirteen would not be held: what is held already stays so
	require.Len(t, mksync(w, "deletions", "list").ids(), 8)
	require.Len(t, mksync(w, "deletions", "approve", "--all").lines(), 8)
	require.Equal(t, 10, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'unlinked'"))
	require.Equal(t, 13, w.Count("SELECT count(*) FROM contacts"))
	w.Polls(1)
	require.Empty(t, s.Monitor().Status(t.Context()).Poller.Error)
}
