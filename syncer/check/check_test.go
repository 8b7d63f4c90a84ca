package check_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
)

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
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = "deactivate"
	w.Config.MetaKockaTimeout = time.Minute // each write is answered, on any machine
	ids := w.Left(9)
	w.LoseSlot() // no event will ever tell
	w.Set(ids[0], mapping.FieldPhone, "040 123 456")
	edited := w.Partner(ids[1])
	w.Edit(edited, func(p *metakocka.Partner) { p.Contacts[0].Email = "nova@primer.si" })
	gone := w.Partner(ids[2])
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[2])
	require.NoError(t, w.ERP.DeletePartner(w.Partner(ids[3]).MKID))
	fresh := w.Insert("Nova Oseba", "neznana@primer.si")

	s := w.Parts()
	want := map[string]syncer.FindingKind{
		ids[0]: syncer.FindingDiffers, ids[1]: syncer.FindingDiffers, ids[2]: syncer.FindingContactGone,
		ids[3]: syncer.FindingPartnerGone, fresh: syncer.FindingUnlinked,
	}
	rows, writes := w.Rows(), w.ERP.Calls().Writes()
	rep, err := s.Checker.Check(t.Context(), check.CheckRequest{})
	require.NoError(t, err)
	require.Equal(t, want, kinds(rep))
	require.Equal(t, 5, rep.Differing)
	require.Equal(t, rows, w.Rows())
	require.Equal(t, writes, w.ERP.Calls().Writes())
	st := s.Monitor().Status(t.Context())
	require.Equal(t, 5, st.Differing)
	require.NotNil(t, st.Check.LastCheckAt)

	rep, err = s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, want, kinds(rep))
	require.Zero(t, rep.Differing, "%+v", rep.Findings)
	w.Agree(ids[0], "040 123 456")
	w.ContactIs(ids[1], mapping.FieldEmail, "nova@primer.si")
	w.Status(ids[2], "deleted")
	p, _ := w.ERP.Partner(gone.MKID)
	require.False(t, *p.Buyer)
	w.Status(ids[3], "unlinked")
	w.Status(fresh, "synced")

	before := w.ERP.Calls().Received
	rep, err = s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	after := w.ERP.Calls().Received
	require.Equal(t, before[metakocka.EndpointAdd], after[metakocka.EndpointAdd])
	require.Equal(t, before[metakocka.EndpointUpdate], after[metakocka.EndpointUpdate])
	require.Zero(t, s.Monitor().Status(t.Context()).Differing)
}

// TestWhatARepairLeavesToAPersonHasNotFailed: a match that is not clear is named apart from a
// contact that cannot be sent, and is no difference of the check's any more.
func TestWhatARepairLeavesToAPersonHasNotFailed(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Ana", "", "ana@primer.si"), world.Person("7002", "Bor", "", "ana@primer.si"),
	}})
	unclear := w.Add(mapping.Contact{Name: "Ana", Email: "ana@primer.si"})
	nameless := w.Insert("", "brez@primer.si")
	s := w.Parts()
	require.NoError(t, s.Poller.Poll(t.Context()))

	rep, err := s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 1}, []int{rep.Differing, rep.Waiting, rep.Failed}, "%+v", rep.Findings)
	for _, f := range rep.Findings {
		require.Equal(t, map[string]bool{unclear: true, nameless: false}[f.ContactID], f.Waits)
		require.False(t, f.Repaired)
		require.NotEmpty(t, f.Said.Code)
	}
	st := s.Monitor().Status(t.Context())
	require.Equal(t, []int{1, 1}, []int{st.Check.Differing, st.HeldMatches})
}

func TestPeriodicFullCheckPublishesWhatDiffers(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(2)
	w.Outdated(ids[0])
	w.Config.CheckInterval = 1                     // due at once
	w.Config.PollInterval = 200 * time.Millisecond // it waits for two before it tells
	s, _ := w.Start()
	w.Eventually(func() error {
		if st := s.Monitor().Status(t.Context()); st.Differing != 1 || st.Check.LastCheckAt == nil {
			return fmt.Errorf("check: %+v, differing %d", st.Check, st.Differing)
		}
		return nil
	})
	_, metrics := world.Get(t, s, "/metrics")
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
	w := world.New(t, sim.Options{})
	w.Insert("Nova Oseba", "nova@partner.si")
	s := w.Parts()
	store := again{s.Store, func() { w.Exec("DELETE FROM contacts") }}
	checking(t, s, store, 1)
	w.Eventually(func() error {
		st := s.Monitor().Status(t.Context())
		if st.Check.LastCheckAt == nil || st.Check.Differing > 0 {
			return fmt.Errorf("check: %+v", st.Check)
		}
		return nil
	})
	require.Zero(t, w.Count("SELECT count(*) FROM contacts"))
}

// looks is a store that counts how often it is looked whether a check is due.
type looks struct {
	*pgstore.Store
	n atomic.Int64
}

func (l *looks) CheckState(ctx context.Context) (store.CheckState, error) {
	l.n.Add(1)
	return l.Store.CheckState(ctx)
}

// checking makes full checks, as a process does, until the test ends.
func checking(t *testing.T, s *service.Service, store check.CheckStore, interval time.Duration) {
	t.Helper()
	cfg := check.CheckerConfig{Slot: s.Config.Slot, Interval: interval, Look: 50 * time.Millisecond}
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
	w := world.New(t, sim.Options{})
	w.Left(14)
	w.ERP.Reset()
	s := w.Parts()
	calls := func() int { return w.ERP.Calls().Received[metakocka.EndpointGet] }
	before := calls()
	looked := &looks{Store: s.Store}
	checking(t, s, looked, 1)
	checking(t, s, looked, 1)
	failed := func() error {
		if st := s.Monitor().Status(t.Context()); st.Check.Error == "" {
			return fmt.Errorf("check: %+v", st.Check)
		}
		return nil
	}
	w.Eventually(failed)
	once := calls()
	require.Greater(t, once, before)
	until := looked.n.Load() + 5
	w.Eventually(func() error {
		if n := looked.n.Load(); n < until {
			return fmt.Errorf("looked %d times, not yet %d", n, until)
		}
		return nil
	})
	require.Equal(t, once, calls())
	require.NoError(t, failed())

	_, err := s.Checker.Check(t.Context(), check.CheckRequest{})
	require.ErrorContains(t, err, "unlikely")
	asked := calls()
	require.Greater(t, asked, once)
	w.Exec("UPDATE mksync_state SET value = value || jsonb_build_object('failedAt', now() - interval '1 day') WHERE key = 'check'")
	w.Eventually(func() error { // later it is
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
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = "anonymize"
	w.Left(4)
	w.Exec("CREATE TABLE saved AS SELECT * FROM contacts")
	w.Exec("TRUNCATE contacts")
	w.Exec("INSERT INTO contacts SELECT * FROM saved WHERE name <> 'Oseba A'")
	writes := w.ERP.Calls().Writes()

	rep, err := w.Parts().Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 0}, []int{rep.Differing, rep.Waiting, rep.Failed})
	require.Contains(t, rep.Findings[0].Note, "truncated")
	require.Equal(t, writes, w.ERP.Calls().Writes())
	require.Equal(t, 1, w.Count("SELECT count(*) FROM mksync_deletions WHERE status = 'held'"))
}

// ahead is a store whose log is where the listener has not been yet.
type ahead struct {
	*pgstore.Store
}

func (ahead) LogPosition(context.Context) (cdc.LSN, error) { return math.MaxUint64, nil }

// TestNothingIsHeldForAListenerThatIsBehind: nobody has to decide what the log is about to
// tell. What else is found is brought in order.
func TestNothingIsHeldForAListenerThatIsBehind(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(4)
	w.Outdated(ids[1])
	s, _ := w.Start(service.RoleListener)
	w.Eventually(func() error {
		if state := s.Listener.Status().State; state != cdc.StateStreaming {
			return errors.New("the listener is " + state)
		}
		return nil
	})
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[0])
	cfg := check.CheckerConfig{Slot: s.Config.Slot, Publication: s.Config.Publication, Look: 10 * time.Millisecond, CatchUp: 100 * time.Millisecond}
	behind := check.NewChecker(cfg, s.Reconciler, s.Matcher, s.ERP.Lane(metakocka.Bulk), ahead{s.Store}, s.Bus, slog.New(slog.DiscardHandler))

	rep, err := behind.Check(t.Context(), check.CheckRequest{Repair: true})
	require.ErrorContains(t, err, "1 contact is gone, and the listener has not read far enough")
	require.Equal(t, 1, rep.Differing, "%+v", rep.Findings)
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_deletions"))
	w.Status(ids[0], "synced")
	w.Status(ids[1], "synced")

	rep, err = s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Zero(t, rep.Differing, "%+v", rep.Findings)
	w.Status(ids[0], "deleted")
}

func TestMissedDeletionsGoThroughTheGuard(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.MaxDeletes = 1
	ids := w.Left(5)
	w.Exec("DELETE FROM contacts WHERE id = ANY($1::uuid[])", ids[:3])
	rep, err := w.Parts().Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, []int{2, 2, 0}, []int{rep.Differing, rep.Waiting, rep.Failed})
	require.Equal(t, 1, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'deleted'"))
	require.Equal(t, 2, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'held'"))
}

func TestFullCheckThatSeesHardlyAPartnerIsNoCheck(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Left(14)
	w.ERP.Reset()
	s := w.Parts()
	_, err := s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.ErrorContains(t, err, "unlikely")
	require.Equal(t, 14, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))

	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	_, err = s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.Error(t, err)
}
