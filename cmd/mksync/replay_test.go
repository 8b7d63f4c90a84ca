package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
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

			rows, writes := w.Rows(), w.ERP.Calls().Writes()
			dry := mksync(w, "replay", "--from-seq", "1", "--authority", "crm", "--dry-run").lines()
			require.Len(t, dry, 3)
			require.Contains(t, strings.Join(dry, "\n"), `MetaKocka: phone "030 000 000" -> "040 123 456"`)
			require.Contains(t, strings.Join(dry, "\n"), "make its partner")
			require.Equal(t, rows, w.Rows())
			require.Equal(t, writes, w.ERP.Calls().Writes())

			if running {
				w.Exec("INSERT INTO mksync_replays SELECT id, now() + interval '9 minutes' FROM contacts") // the replay is quicker than the first poll
				w.Start()
			}
			said := mksync(w, "replay", "--since", "1h", "--authority", "crm")
			require.NoError(t, said.err, said.stderr)
			require.Contains(t, said.stderr, "3 of 3 contacts done")
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
	said := mksync(w, "replay", "--from-seq", "1", "--contact", ids[0], "--authority", "metakocka")
	require.NoError(t, said.err, said.stderr)
	require.Equal(t, "040 123 456", w.Contact(ids[0]).Phone)
	require.Equal(t, writes, w.ERP.Calls().Writes())
}

func TestReplaySaysWhatIsGone(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Left(3)
	s := w.Parts()
	purge(w, s, 2)
	s.Close()
	said := mksync(w, "replay", "--from-seq", "1")
	require.NoError(t, said.err, said.stderr)
	require.Contains(t, said.stderr, "events 1 to 1 are gone")
	require.Contains(t, said.stderr, "2 events name 2 contacts")
	said = mksync(w, "replay", "--since", "7d")
	require.Contains(t, said.stderr, "the stream begins with event 2")
	mksync(w, "replay", "--from-seq", "99").refused("ends with event 3")
	mksync(w, "replay", "--since", "yesterday").refused("is not a time")
	mksync(w, "replay", "--since", "1h", "--authority", "me").refused("crm, metakocka, newest")
	mksync(w, "replay").refused("since")
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
	sum, err := replay.NewReplayer(s.Reconciler, s.Bus, s.Store, func(string, ...any) {}, nil).
		Run(t.Context(), replay.ReplayRequest{FromSeq: 1, Authority: syncer.AuthorityCRM})
	require.NoError(t, err)
	require.Equal(t, 3, sum.Done)
	require.Empty(t, w.Contact(ids[0]).Phone)
}

func TestTimesOfAReplay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-08-30T10:00:00Z": time.Date(2026, 8, 30, 10, 0, 0, 0, time.UTC),
		"2026-08-30":           time.Date(2026, 8, 30, 0, 0, 0, 0, time.Local),
		"2026-08-30 14:05":     time.Date(2026, 8, 30, 14, 5, 0, 0, time.Local),
		"36h":                  now.Add(-36 * time.Hour),
		"2d":                   now.Add(-48 * time.Hour),
		"":                     {},
	} {
		got, err := readTime(text, now)
		require.NoError(t, err)
		require.True(t, want.Equal(got), text)
	}
}

// purge removes the events before seq.
func purge(w *world.World, s *service.Service, seq uint64) {
	w.T.Helper()
	js, err := jetstream.New(s.Conn)
	require.NoError(w.T, err)
	stream, err := js.Stream(w.T.Context(), bus.StreamContacts)
	require.NoError(w.T, err)
	require.NoError(w.T, stream.Purge(w.T.Context(), jetstream.WithPurgeSequence(seq)))
}
