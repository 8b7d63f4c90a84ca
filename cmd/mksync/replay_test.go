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
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/replay"
)

// restoreERP puts MetaKocka back to an older copy: phones as they were, the last
// partner not made yet.
func (w *world) restoreERP(ids []string) (gone string) {
	w.t.Helper()
	for _, id := range ids[:len(ids)-1] {
		w.edit(w.partner(id), func(p *metakocka.Partner) { p.Contacts[0].Phone, p.Contacts[0].GSM = "", "030 000 000" })
	}
	gone = w.partner(ids[len(ids)-1]).MKID
	require.NoError(w.t, w.erp.DeletePartner(gone))
	return gone
}

func TestReplayBringsUpARestoredERP(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"with the service": true, "without a service": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{})
			ids := w.left(3)
			for _, id := range ids {
				w.set(id, mapping.FieldPhone, "040 123 456")
			}
			s, stop := w.start()
			for _, id := range ids {
				w.agree(id, "040 123 456")
			}
			w.pushed(s)
			stop()
			gone := w.restoreERP(ids)

			rows, writes := w.rows(), w.erp.Calls().Writes()
			dry := w.mksync("replay", "--from-seq", "1", "--authority", "crm", "--dry-run").lines()
			require.Len(t, dry, 3)
			require.Contains(t, strings.Join(dry, "\n"), `MetaKocka: phone "030 000 000" -> "040 123 456"`)
			require.Contains(t, strings.Join(dry, "\n"), "make its partner")
			require.Equal(t, rows, w.rows())
			require.Equal(t, writes, w.erp.Calls().Writes())

			if running {
				w.exec("INSERT INTO mksync_replays SELECT id, now() + interval '1 minute' FROM contacts") // the replay is quicker than the first poll
				w.start()
			}
			said := w.mksync("replay", "--since", "1h", "--authority", "crm")
			require.NoError(t, said.err, said.stderr)
			require.Contains(t, said.stderr, "3 of 3 contacts done")
			for _, id := range ids {
				w.agree(id, "040 123 456")
				w.status(id, "synced")
			}
			require.Equal(t, rows, w.rows(), "the CRM is right")
			require.NotEqual(t, gone, w.partner(ids[2]).MKID)
			require.Len(t, w.erp.Partners(), 3)
			require.Zero(t, w.count("SELECT count(*) FROM mksync_replays"))
		})
	}
}

func TestReplayBringsUpARestoredCRM(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(2)
	w.edit(w.partner(ids[0]), func(p *metakocka.Partner) { p.Contacts[0].GSM = "040 123 456" })
	s, stop := w.start()
	w.agree(ids[0], "040 123 456")
	w.pushed(s)
	stop()
	w.set(ids[0], mapping.FieldPhone, "030 000 000") // as an older copy has it, newer than the base
	writes := w.erp.Calls().Writes()
	said := w.mksync("replay", "--from-seq", "1", "--contact", ids[0], "--authority", "metakocka")
	require.NoError(t, said.err, said.stderr)
	require.Equal(t, "040 123 456", w.contact(ids[0]).Phone)
	require.Equal(t, writes, w.erp.Calls().Writes())
}

func TestReplaySaysWhatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.left(3)
	s := w.parts()
	w.purge(s, 2)
	s.Close()
	said := w.mksync("replay", "--from-seq", "1")
	require.NoError(t, said.err, said.stderr)
	require.Contains(t, said.stderr, "events 1 to 1 are gone")
	require.Contains(t, said.stderr, "2 events name 2 contacts")
	said = w.mksync("replay", "--since", "7d")
	require.Contains(t, said.stderr, "the stream begins with event 2")
	w.mksync("replay", "--from-seq", "99").refused("ends with event 3")
	w.mksync("replay", "--since", "yesterday").refused("is not a time")
	w.mksync("replay", "--since", "1h", "--authority", "me").refused("crm, metakocka, newest")
	w.mksync("replay").refused("since")
}

// TestInterruptedReplayKeepsItsContacts: what was not done is not pulled at once.
func TestInterruptedReplayKeepsItsContacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	ids := w.left(3)
	w.restoreERP(ids)
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	s := w.parts()
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
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	require.Equal(t, 3, w.count("SELECT count(*) FROM mksync_replays WHERE until > now()"))
	_, err := s.Reconciler.Contact(t.Context(), ids[0], syncer.Trigger{Cause: syncer.CausePartner})
	var pending *syncer.PendingError
	require.ErrorAs(t, err, &pending)
	require.True(t, pending.Replayed)
	sum, err := replay.NewReplayer(s.Reconciler, s.Bus, s.Store, func(string, ...any) {}, nil).
		Run(t.Context(), replay.ReplayRequest{FromSeq: 1, Authority: syncer.AuthorityCRM})
	require.NoError(t, err)
	require.Equal(t, 3, sum.Done)
	require.Empty(t, w.contact(ids[0]).Phone)
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
func (w *world) purge(s *service.Service, seq uint64) {
	w.t.Helper()
	js, err := jetstream.New(s.Conn)
	require.NoError(w.t, err)
	stream, err := js.Stream(w.t.Context(), bus.StreamContacts)
	require.NoError(w.t, err)
	require.NoError(w.t, stream.Purge(w.t.Context(), jetstream.WithPurgeSequence(seq)))
}
