package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
)

// parts opens the service's parts without running any.
func (w *world) parts() *service.Service {
	w.t.Helper()
	log := telemetry.NewLogger(w.t.Output(), telemetry.LogConfig{Level: "info", Format: "text"})
	s, err := service.New(w.t.Context(), w.cfg, service.Options{Version: buildVersion(), Pace: quickPace}, log)
	require.NoError(w.t, err)
	w.t.Cleanup(s.Close)
	return s
}

// synced adds contacts, lets a service bring them over and stops it.
func (w *world) left(n int) (ids []string) {
	w.t.Helper()
	s, stop := w.start()
	for i := range n {
		ids = append(ids, w.insert(fmt.Sprintf("Oseba %c", 'A'+i), fmt.Sprintf("oseba%d@primer.si", i)))
	}
	for _, id := range ids {
		w.status(id, "synced")
	}
	w.polls(2)
	w.pushed(s)
	stop()
	return ids
}

// pushed waits until every event was worked on.
func (w *world) pushed(s *service.Service) {
	w.t.Helper()
	w.eventually(func() error {
		st := s.Monitor().Status(w.t.Context())
		if n := st.Pusher.Pending + st.Pusher.InFlight + st.Puller.Pending + st.Puller.InFlight; n > 0 {
			return fmt.Errorf("%d events wait", n)
		}
		return nil
	})
}

// kinds are the findings of a report by contact.
func kinds(rep check.CheckReport) map[string]syncer.FindingKind {
	found := map[string]syncer.FindingKind{}
	for _, f := range rep.Findings {
		found[f.ContactID] = f.Kind
	}
	return found
}

func TestFullCheckFindsAndRepairsWhatNoEventTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = "deactivate"
	ids := w.left(9)
	w.loseSlot() // no event will ever tell
	w.set(ids[0], mapping.FieldPhone, "040 123 456")
	edited := w.partner(ids[1])
	w.edit(edited, func(p *metakocka.Partner) { p.Contacts[0].Email = "nova@primer.si" })
	gone := w.partner(ids[2])
	w.exec("DELETE FROM contacts WHERE id = $1", ids[2])
	require.NoError(t, w.erp.DeletePartner(w.partner(ids[3]).MKID))
	fresh := w.insert("Nova Oseba", "neznana@primer.si")

	s := w.parts()
	want := map[string]syncer.FindingKind{
		ids[0]: syncer.FindingDiffers, ids[1]: syncer.FindingDiffers, ids[2]: syncer.FindingContactGone,
		ids[3]: syncer.FindingPartnerGone, fresh: syncer.FindingUnlinked,
	}
	rows, writes := w.rows(), w.erp.Calls().Writes()
	rep, err := s.Checker.Check(t.Context(), check.CheckRequest{})
	require.NoError(t, err)
	require.Equal(t, want, kinds(rep))
	require.Equal(t, 5, rep.Differing)
	require.Equal(t, rows, w.rows())
	require.Equal(t, writes, w.erp.Calls().Writes())
	st := s.Monitor().Status(t.Context())
	require.Equal(t, 5, st.Differing)
	require.NotNil(t, st.Check.LastCheckAt)

	rep, err = s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, want, kinds(rep))
	require.Zero(t, rep.Differing, "%+v", rep.Findings)
	w.agree(ids[0], "040 123 456")
	w.contactIs(ids[1], mapping.FieldEmail, "nova@primer.si")
	w.status(ids[2], "deleted")
	p, _ := w.erp.Partner(gone.MKID)
	require.False(t, *p.Buyer)
	w.status(ids[3], "unlinked")
	w.status(fresh, "synced")

	before := w.erp.Calls().Received
	rep, err = s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	after := w.erp.Calls().Received
	require.Equal(t, before[metakocka.EndpointAdd], after[metakocka.EndpointAdd])
	require.Equal(t, before[metakocka.EndpointUpdate], after[metakocka.EndpointUpdate])
	require.Zero(t, s.Monitor().Status(t.Context()).Differing)
}

// outdated makes the link of a contact one whose sides differ from what they agreed on.
func (w *world) outdated(id string) {
	w.t.Helper()
	w.exec(`UPDATE metakocka_contact_mappings SET base = jsonb_set(base, '{crm,phone}', '"+38640999999"') WHERE contact_id = $1`, id)
}

func TestFullCheckByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world) string {
		id := w.left(2)[0]
		w.outdated(id)
		return id
	}, func(w *world, id string) {
		check := w.mksync("check")
		require.ErrorIs(w.t, check.err, errReported, check.stderr)
		require.Contains(w.t, check.stdout, id)
		require.Contains(w.t, check.stdout, "differs in phone")
		repaired := w.mksync("check", "--repair")
		require.NoError(w.t, repaired.err, repaired.stderr)
		require.Empty(w.t, w.mksync("check").lines())
	})
}

func TestPeriodicFullCheckPublishesWhatDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(2)
	w.outdated(ids[0])
	w.cfg.CheckInterval = 1 // due at once
	w.cfg.MetaKockaTimeout, w.cfg.PollInterval = 100*time.Millisecond, 100*time.Millisecond
	s, _ := w.start()
	w.eventually(func() error {
		if st := s.Monitor().Status(t.Context()); st.Differing != 1 || st.Check.LastCheckAt == nil {
			return fmt.Errorf("check: %+v, differing %d", st.Check, st.Differing)
		}
		return nil
	})
	_, metrics := get(t, s, "/metrics")
	require.Contains(t, metrics, "mksync_differing 1")
	require.Contains(t, metrics, "mksync_check_last_success_timestamp_seconds")
}

// again is a store that a full check reads its findings from again after act.
type again struct {
	*pgstore.Store
	act func()
}

func (a again) PairsOf(ctx context.Context, contactIDs []string) ([]store.Pair, error) {
	a.act()
	return a.Store.PairsOf(ctx, contactIDs)
}

// TestContactDeletedWhileAPeriodicCheckWaits: a contact without a link is found,
// and is gone when the check looks at it again.
func TestContactDeletedWhileAPeriodicCheckWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.insert("Nova Oseba", "nova@partner.si")
	s := w.parts()
	store := again{s.Store, func() { w.exec("DELETE FROM contacts") }}
	checking(t, s, store, 1)
	w.eventually(func() error {
		st := s.Monitor().Status(t.Context())
		if st.Check.LastCheckAt == nil || st.Check.Differing > 0 {
			return fmt.Errorf("check: %+v", st.Check)
		}
		return nil
	})
	require.Zero(t, w.count("SELECT count(*) FROM contacts"))
}

// checking makes full checks, as a process does, until the test ends.
func checking(t *testing.T, s *service.Service, store check.CheckStore, interval time.Duration) {
	t.Helper()
	cfg := check.CheckerConfig{Slot: s.Config.Slot, Interval: interval, Look: quickPace.Look}
	checker := check.NewChecker(cfg, s.Reconciler, s.Matcher, s.ERP.Lane(metakocka.Bulk), store, s.Bus, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- checker.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
}

// TestFailedFullCheckIsNotRepeatedAtOnce: not by another process either. One that
// is asked for is made.
func TestFailedFullCheckIsNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.left(14)
	w.erp.Reset()
	s := w.parts()
	calls := func() int { return w.erp.Calls().Received[metakocka.EndpointGet] }
	before := calls()
	checking(t, s, s.Store, 1)
	checking(t, s, s.Store, 1)
	failed := func() error {
		if st := s.Monitor().Status(t.Context()); st.Check.Error == "" {
			return fmt.Errorf("check: %+v", st.Check)
		}
		return nil
	}
	w.eventually(failed)
	once := calls()
	require.Greater(t, once, before)
	time.Sleep(20 * quickPace.Look)
	require.Equal(t, once, calls())
	require.NoError(t, failed())

	_, err := s.Checker.Check(t.Context(), check.CheckRequest{})
	require.ErrorContains(t, err, "unlikely")
	asked := calls()
	require.Greater(t, asked, once)
	w.eventually(func() error { // later it is
		if calls() == asked {
			return errors.New("no further check yet")
		}
		return nil
	})
}

// TestTruncateIsNoMissedDeletion: the service is down, the TRUNCATE waits in the
// slot, and some contacts are there again under their ids.
func TestTruncateIsNoMissedDeletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = "anonymize"
	w.left(4)
	w.exec("CREATE TABLE saved AS SELECT * FROM contacts")
	w.exec("TRUNCATE contacts")
	w.exec("INSERT INTO contacts SELECT * FROM saved WHERE name <> 'Oseba A'")
	writes := w.erp.Calls().Writes()

	rep, err := w.parts().Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, 1, rep.Differing)
	require.Contains(t, rep.Findings[0].Note, "truncated")
	require.Equal(t, writes, w.erp.Calls().Writes())
	require.Equal(t, 1, w.count("SELECT count(*) FROM mksync_deletions WHERE status = 'held'"))
}

func TestMissedDeletionsGoThroughTheGuard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.MaxDeletes = 1
	ids := w.left(5)
	w.exec("DELETE FROM contacts WHERE id = ANY($1::uuid[])", ids[:3])
	rep, err := w.parts().Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, 2, rep.Differing)
	require.Equal(t, 1, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'deleted'"))
	require.Equal(t, 2, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'held'"))
}

func TestFullCheckThatSeesHardlyAPartnerIsNoCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.left(14)
	w.erp.Reset()
	s := w.parts()
	_, err := s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.ErrorContains(t, err, "unlikely")
	require.Equal(t, 14, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))

	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	_, err = s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.Error(t, err)
}
