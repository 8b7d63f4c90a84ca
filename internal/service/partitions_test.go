package service_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/check"
)

// partitioned gives the contacts table two partitions.
func partitioned(w *world.World) {
	w.T.Helper()
	w.Exec(`ALTER TABLE contacts RENAME TO plain;
		CREATE TABLE contacts (LIKE plain INCLUDING DEFAULTS, region text NOT NULL DEFAULT 'a', PRIMARY KEY (id, region)) PARTITION BY LIST (region);
		CREATE TABLE contacts_a PARTITION OF contacts FOR VALUES IN ('a');
		CREATE TABLE contacts_b PARTITION OF contacts FOR VALUES IN ('b')`)
}

// TestPartitionsTakeContactsWithThemAndNobodyIsDeleted: whoever went with a partition
// is held, whoever is edited or comes with one is synced, though no event tells.
func TestPartitionsTakeContactsWithThemAndNobodyIsDeleted(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = "anonymize"
	partitioned(w)
	ids := w.Left(5)
	w.Exec("UPDATE contacts SET region = 'b' WHERE id = ANY($1)", ids[3:])
	s, stop := w.Start()
	w.Set(ids[0], mapping.FieldPhone, "040 123 450")
	w.Agree(ids[0], "040 123 450")
	w.WorkedOff(s)
	stop()

	// Asked for before the listener has seen anything of it.
	w.Exec("ALTER TABLE contacts DETACH PARTITION contacts_b")
	asked := w.Parts()
	_, err := asked.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	asked.Close()
	w.Status(ids[3], "held")

	s, _ = w.Start()
	w.Status(ids[4], "held")
	w.Exec("UPDATE contacts_b SET phone = '040 123 454' WHERE id = '" + ids[4] + "'; ALTER TABLE contacts ATTACH PARTITION contacts_b FOR VALUES IN ('b')")
	w.Exec("CREATE TABLE contacts_c (LIKE contacts INCLUDING DEFAULTS, PRIMARY KEY (id, region)); INSERT INTO contacts_c (name, email, region) VALUES ('Nova Oseba', 'nova@primer.si', 'c')")
	w.Exec("ALTER TABLE contacts ATTACH PARTITION contacts_c FOR VALUES IN ('c')")
	w.Agree(ids[4], "040 123 454")
	w.Status(ids[3], "synced")
	w.Status(w.One("SELECT id::text FROM contacts WHERE region = 'c'"), "synced")

	w.Exec("TRUNCATE contacts_b")
	w.Status(ids[3], "held")
	w.Eventually(func() error {
		if st := s.Monitor().Status(t.Context()); st.HeldDeletions != 2 {
			return fmt.Errorf("%d deletions are held", st.HeldDeletions)
		}
		return nil
	})
	require.Equal(t, "Oseba D", w.Partner(ids[3]).Customer)
}
