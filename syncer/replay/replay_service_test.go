package replay_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/replay"
)

// restoreERP puts MetaKocka back to an older copy: phones as they were, the last
// partner not made yet.
func restoreERP(w *world.World, ids []string) (gone string) {
	w.T.Helper()
	for _, id := range ids[:len(ids)-1] {
		w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].Phone, p.Contacts[0].GSM = "", "030 000 000" })
	}
	gone = w.Partner(ids[len(ids)-1]).MKID
	require.NoError(w.T, w.ERP.DeletePartner(gone))
	return gone
}

// replayed replays with a service's parts, whether it runs or not.
func replayed(t *testing.T, s *service.Service, r replay.ReplayRequest) (sum replay.ReplaySummary, shown []syncer.Preview) {
	t.Helper()
	show := func(p syncer.Preview) { shown = append(shown, p) }
	sum, err := replay.NewReplayer(s.Reconciler, s.Bus, s.Store, func(string, ...any) {}, show).Run(context.WithoutCancel(t.Context()), r)
	require.NoError(t, err)
	return sum, shown
}

// TestReplayBringsUpARestoredERP, whether the service runs or not.
func TestReplayBringsUpARestoredERP(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"with the service": true, "without a service": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{})
			ids := w.Left(3)
			for _, id := range ids {
				w.Set(id, mapping.FieldPhone, "040 123 456")
			}
			s, stop := w.Start()
			for _, id := range ids {
				w.Agree(id, "040 123 456")
			}
			w.WorkedOff(s)
			stop()
			gone := restoreERP(w, ids)
			if running {
				w.Exec("INSERT INTO mksync_replays SELECT id, now() + interval '9 minutes' FROM contacts") // the replay is quicker than the first poll
				s, _ = w.Start()
			} else {
				s = w.Parts()
			}

			rows, writes := w.Rows(), w.ERP.Calls().Writes()
			_, dry := replayed(t, s, replay.ReplayRequest{FromSeq: 1, Authority: syncer.AuthorityCRM, DryRun: true})
			require.Len(t, dry, 3)
			for _, p := range dry {
				require.Empty(t, p.ToCRM)
				if p.MetaKockaID == gone || p.MetaKockaID == "" {
					require.Contains(t, p.Does, "make its partner")
					continue
				}
				require.Equal(t, []syncer.FieldChange{{Field: mapping.FieldPhone, From: "030 000 000", To: "040 123 456"}}, p.ToMetaKocka)
			}
			require.Equal(t, rows, w.Rows())
			require.Equal(t, writes, w.ERP.Calls().Writes())

			sum, _ := replayed(t, s, replay.ReplayRequest{FromSeq: 1, Authority: syncer.AuthorityCRM})
			require.Equal(t, []int{3, 3, 0}, []int{sum.Done, sum.Contacts, len(sum.Failed)})
			for _, id := range ids {
				w.Agree(id, "040 123 456")
				w.Status(id, "synced")
			}
			require.Equal(t, rows, w.Rows(), "the CRM is right")
			require.NotEqual(t, gone, w.Partner(ids[2]).MKID)
			require.Len(t, w.ERP.Partners(), 3)
			require.Zero(t, w.Count("SELECT count(*) FROM mksync_replays"))
		})
	}
}

func TestReplayBringsUpARestoredCRM(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(2)
	w.Edit(w.Partner(ids[0]), func(p *metakocka.Partner) { p.Contacts[0].GSM = "040 123 456" })
	s, stop := w.Start()
	w.Agree(ids[0], "040 123 456")
	w.WorkedOff(s)
	stop()
	w.Set(ids[0], mapping.FieldPhone, "030 000 000") // as an older copy has it, newer than the base
	writes := w.ERP.Calls().Writes()
	replayed(t, w.Parts(), replay.ReplayRequest{FromSeq: 1, ContactID: ids[0], Authority: syncer.AuthorityMetaKocka})
	require.Equal(t, "040 123 456", w.Contact(ids[0]).Phone)
	require.Equal(t, writes, w.ERP.Calls().Writes())
}

// TestInterruptedReplayKeepsItsContacts: what was not done is not pulled at once.
func TestInterruptedReplayKeepsItsContacts(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(3)
	restoreERP(w, ids)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	s := w.Parts()
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan string, 100)
	say := func(format string, _ ...any) { said <- format }
	done := make(chan error, 1)
	go func() {
		_, err := replay.NewReplayer(s.Reconciler, s.Bus, s.Store, say, nil).Run(ctx, replay.ReplayRequest{FromSeq: 1, Authority: syncer.AuthorityCRM})
		done <- err
	}()
	for !strings.Contains(<-said, "waiting") {
	}
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)

	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	require.Equal(t, 3, w.Count("SELECT count(*) FROM mksync_replays WHERE until > now()"))
	_, err := s.Reconciler.Contact(t.Context(), ids[0], syncer.Trigger{Cause: syncer.CausePartner})
	var pending *syncer.PendingError
	require.ErrorAs(t, err, &pending)
	require.True(t, pending.Replayed)
	sum, _ := replayed(t, s, replay.ReplayRequest{FromSeq: 1, Authority: syncer.AuthorityCRM})
	require.Equal(t, 3, sum.Done)
	require.Empty(t, w.Contact(ids[0]).Phone)
}
