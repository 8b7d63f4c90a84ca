package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestPollReadsWhatIsStoredOtherwise: a partner that comes as it came in the poll
// before is not read again, unless what is stored of it is something else.
func TestPollReadsWhatIsStoredOtherwise(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Partners: []metakocka.Partner{person("700", "Ana Novak", "SI10000003", "ana@primer.si")}})
	w.start(service.RolePoller)
	const swept = "SELECT max(value->>'sweptAt') FROM mksync_state WHERE key = 'poller'"
	polled := func() {
		before := w.one(swept)
		w.eventually(func() error {
			if w.one(swept) == before {
				return errors.New("no further poll yet")
			}
			return nil
		})
	}
	for range 3 {
		polled()
	}
	stored := "SELECT coalesce(max(hash), '')  || ' ' || coalesce(max(data->'partner_contact_list'->0->>'email'), '') FROM mksync_partners"
	want := w.one(stored)
	require.Contains(t, want, "ana@primer.si")
	w.exec("UPDATE mksync_partners SET hash = 'other', data = '{}'")
	w.eventually(func() error {
		if got := w.one(stored); got != want {
			return errors.New("stored is " + got)
		}
		return nil
	})
}
