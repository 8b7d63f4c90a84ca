package syncer_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestKeysOfAnOlderVersionAreRenewed: partners that an older version saw, and that nobody
// changed since, are proposed by their names and addresses as others are.
func TestKeysOfAnOlderVersionAreRenewed(t *testing.T) {
	t.Parallel()
	p := world.Person("7301", "Neža Vidmar", "", "")
	p.Addresses = []metakocka.Address{{MKID: "73012", Type: metakocka.AddressBilling, Street: "Kolarjeva 4", City: "Ljubljana", PostNumber: "1000"}}
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{p, world.Person("7302", "Tine Kos", "12345679", "tine@keys-test.si")}})
	const stored = "SELECT string_agg(metakocka_id || ' ' || keys::text, '; ' ORDER BY metakocka_id) FROM mksync_partners"
	_, stop := w.Start()
	w.Polls(1)
	stop()
	keys := w.One(stored)
	require.Contains(t, keys, `{"name neza vidmar"}`)
	w.Exec(`UPDATE mksync_partners SET keys = array(SELECT k FROM unnest(keys) k WHERE k NOT LIKE 'name %')`)
	w.Exec(`UPDATE mksync_state SET value = value - 'keysForm' WHERE key = 'poller'`)

	s := w.Up()
	w.Eventually(func() error {
		if got := w.One(stored); got != keys {
			return errors.New("keys are still " + got)
		}
		return nil
	})
	id := w.Add(mapping.Contact{Name: "Vidmar Neža", Address: "Kolarjeva 4, 1000 Ljubljana"})
	w.Status(id, "held")
	require.Contains(t, w.Mapping(id), "7301")
	rows := w.One("SELECT string_agg(metakocka_id || ' ' || xmin, '; ' ORDER BY metakocka_id) FROM mksync_partners")
	w.Quiet(s)
	require.Equal(t, rows, w.One("SELECT string_agg(metakocka_id || ' ' || xmin, '; ' ORDER BY metakocka_id) FROM mksync_partners"), "they are stored again and again")
}
