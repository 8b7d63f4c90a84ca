package service_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/smalldisk"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestTheStreamsDiskIsFull: what changes meanwhile waits where it is, the disk is named
// for as long, and all of it is synced once there is room, without a restart.
func TestTheStreamsDiskIsFull(t *testing.T) {
	long.Only(t)
	t.Parallel()
	disk := smalldisk.New(t, 48)
	w := world.New(t, sim.Options{})
	w.Config.DataDir = filepath.Join(disk.Dir, "data")
	s, stop := w.Start()
	t.Cleanup(stop) // before the disk goes
	id := w.Insert("Hana Smreka", "hana@primer.si")
	edited := w.Insert("Ivo Javor", "ivo@primer.si") // in MetaKocka, and there alone
	w.Status(id, "synced")
	w.Status(edited, "synced")
	p := w.Partner(edited)

	disk.Fill()
	for i := range 60 {
		w.Exec("UPDATE contacts SET phone = $2 WHERE id = $1", id, fmt.Sprintf("041 555 1%02d", i))
	}
	for i := range 20 {
		w.Insert(fmt.Sprintf("Polni Disk %d", i), fmt.Sprintf("polni%d@primer.si", i))
	}
	require.NoError(t, w.ERP.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].Email = "ivo.javor@primer.si" }))
	named := func() error {
		said := strings.Join(s.Monitor().Status(t.Context()).Problems, "\n")
		for _, want := range []string{w.Config.DataDir, "no space left on device", "MiB free"} {
			if !strings.Contains(said, want) {
				return fmt.Errorf("%q is not said: %q", want, said)
			}
		}
		return nil
	}
	w.Eventually(named)
	w.Ready(s, http.StatusServiceUnavailable, "the streams cannot be written to")
	w.Eventually(func() error { // the listener has tried again, and the first reason stands
		if l := s.Listener.Status(); !strings.Contains(l.Problem.String(), bus.ErrUnwritable.Error()) {
			return errors.New("the listener says " + l.Problem.String())
		}
		return named()
	})

	disk.Empty()
	w.Ready(s, http.StatusOK, "ready")
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"); n != 22 {
			return fmt.Errorf("%d of 22 are synced: %s", n, w.One("SELECT string_agg(sync_status || ' ' || coalesce(last_error, ''), ', ') FROM metakocka_contact_mappings"))
		}
		return nil
	})
	w.Agree(id, "041 555 159")
	w.Eventually(func() error {
		if got := w.One("SELECT email FROM contacts WHERE id = $1", edited); got != "ivo.javor@primer.si" {
			return fmt.Errorf("e-mail is %s, %+v, %q", got, w.Partner(edited), s.Monitor().Status(t.Context()).Problems)
		}
		return nil
	})
	require.Len(t, w.ERP.Partners(), 22, "one for each contact")
	once := map[string]bool{}
	require.NoError(t, s.Bus.Replay(t.Context(), bus.StreamContacts, bus.Range{}, func(m bus.Stored) error {
		require.False(t, once[m.ID], "event %s is in the stream twice", m.ID)
		once[m.ID] = true
		return nil
	}))
	require.GreaterOrEqual(t, len(once), 2+60+20, "every change")
	require.Empty(t, s.NATS.Refusal())
}
