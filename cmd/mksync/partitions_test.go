package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/check"
)

// partitioned gives the contacts table two partitions.
func (w *world) partitioned() {
	w.t.Helper()
	w.exec(`ALTER TABLE contacts RENAME TO plain;
		CREATE TABLE contacts (LIKE plain INCLUDING DEFAULTS, region text NOT NULL DEFAULT 'a', PRIMARY KEY (id, region)) PARTITION BY LIST (region);
		CREATE TABLE contacts_a PARTITION OF contacts FOR VALUES IN ('a');
		CREATE TABLE contacts_b PARTITION OF contacts FOR VALUES IN ('b')`)
}

// TestPartitionsTakeContactsWithThemAndNobodyIsDeleted: whoever went with a partition
// is held, whoever is edited or comes with one is synced, though no event tells.
func TestPartitionsTakeContactsWithThemAndNobodyIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = "anonymize"
	w.partitioned()
	ids := w.left(5)
	w.exec("UPDATE contacts SET region = 'b' WHERE id = ANY($1)", ids[3:])
	s, stop := w.start()
	w.set(ids[0], mapping.FieldPhone, "040 123 450")
	w.agree(ids[0], "040 123 450")
	w.pushed(s)
	stop()

	// Asked for before the listener has seen anything of it.
	w.exec("ALTER TABLE contacts DETACH PARTITION contacts_b")
	asked := w.parts()
	_, err := asked.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	asked.Close()
	w.status(ids[3], "held")

	s, _ = w.start()
	w.status(ids[4], "held")
	w.exec("UPDATE contacts_b SET phone = '040 123 454' WHERE id = '" + ids[4] + "'; ALTER TABLE contacts ATTACH PARTITION contacts_b FOR VALUES IN ('b')")
	w.exec("CREATE TABLE contacts_c (LIKE contacts INCLUDING DEFAULTS, PRIMARY KEY (id, region)); INSERT INTO contacts_c (name, email, region) VALUES ('Nova Oseba', 'nova@primer.si', 'c')")
	w.exec("ALTER TABLE contacts ATTACH PARTITION contacts_c FOR VALUES IN ('c')")
	w.agree(ids[4], "040 123 454")
	w.status(ids[3], "synced")
	w.status(w.one("SELECT id::text FROM contacts WHERE region = 'c'"), "synced")

	w.exec("TRUNCATE contacts_b")
	w.status(ids[3], "held")
	w.eventually(func() error {
		if st := s.Monitor().Status(t.Context()); st.HeldDeletions != 2 {
			return fmt.Errorf("%d deletions are held", st.HeldDeletions)
		}
		return nil
	})
	require.Equal(t, "Oseba D", w.partner(ids[3]).Customer)
}
