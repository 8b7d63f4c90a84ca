package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestReplayByCommand: what a dry run shows, that it is done, and what the stream no longer
// holds.
func TestReplayByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	id := w.Left(3)[0]
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "030 000 000" })
	one := []string{"replay", "--from-seq", "1", "--contact", strings.ToUpper(id), "--authority", "metakocka"}
	dry := mksync(w, append(one, "--dry-run")...).lines()
	require.Len(t, dry, 1)
	require.Contains(t, dry[0], `CRM: phone "" -> "030 000 000"`)
	require.Empty(t, w.Contact(id).Phone)
	require.Contains(t, mksync(w, one...).stderr, "1 of 1 contacts done, 0 of them refused")
	require.Equal(t, "030 000 000", w.Contact(id).Phone)

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
