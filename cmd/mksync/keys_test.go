package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestKeysOfAnOlderVersionAreRenewed: partners that an older version saw, and that nobody
// changed since, are proposed by their names and addresses as others are.
func TestKeysOfAnOlderVersionAreRenewed(t *testing.T) {
	t.Parallel()
	p := person("7301", "Neža Vidmar", "", "")
	p.Addresses = []metakocka.Address{{MKID: "73012", Type: metakocka.AddressBilling, Street: "Kolarjeva 4", City: "Ljubljana", PostNumber: "1000"}}
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{p, person("7302", "Tine Kos", "12345679", "tine@keys-test.si")}})
	const stored = "SELECT string_agg(metakocka_id || ' ' || keys::text, '; ' ORDER BY metakocka_id) FROM mksync_partners"
	_, stop := w.start()
	w.polls(1)
	stop()
	keys := w.one(stored)
	require.Contains(t, keys, `{"name neza vidmar"}`)
	w.exec(`UPDATE mksync_partners SET keys = array(SELECT k FROM unnest(keys) k WHERE k NOT LIKE 'name %')`)
	w.exec(`UPDATE mksync_state SET value = value - 'keysForm' WHERE key = 'poller'`)

	s := w.up()
	w.eventually(func() error {
		if got := w.one(stored); got != keys {
			return errors.New("keys are still " + got)
		}
		return nil
	})
	id := w.add(mapping.Contact{Name: "Vidmar Neža", Address: "Kolarjeva 4, 1000 Ljubljana"})
	w.status(id, "held")
	require.Contains(t, w.mapping(id), "7301")
	rows := w.one("SELECT string_agg(metakocka_id || ' ' || xmin, '; ' ORDER BY metakocka_id) FROM mksync_partners")
	w.quiet(s)
	require.Equal(t, rows, w.one("SELECT string_agg(metakocka_id || ' ' || xmin, '; ' ORDER BY metakocka_id) FROM mksync_partners"), "they are stored again and again")
}
