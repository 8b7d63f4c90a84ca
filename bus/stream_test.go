package bus

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOpenRefusesMemoryStream(t *testing.T) {
	s := startServer(t)
	nc := s.connect(t)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: StreamPartners, Subjects: []string{"metakocka.partners.>"}, Storage: jetstream.MemoryStorage})
	require.NoError(t, err)
	_, err = Open(t.Context(), nc, DefaultConfig(), nil)
	require.ErrorIs(t, err, ErrMemoryStream)
	require.ErrorContains(t, err, StreamPartners)
}

func TestOpenUpdatesStreams(t *testing.T) {
	s := startServer(t)
	nc := s.connect(t)
	_, err := Open(t.Context(), nc, DefaultConfig(), nil)
	require.NoError(t, err)
	cfg := DefaultConfig()
	cfg.ContactsMaxAge, cfg.ContactsMaxBytes, cfg.Lower = time.Minute, 1<<30, true
	b, err := Open(t.Context(), nc, cfg, nil)
	require.NoError(t, err)
	st, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	got := st.CachedInfo().Config
	require.Equal(t, time.Minute, got.MaxAge)
	require.EqualValues(t, 1<<30, got.MaxBytes)
	require.Equal(t, jetstream.FileStorage, got.Storage)
	for _, sc := range b.streams {
		st, err := b.js.Stream(t.Context(), sc.Name)
		require.NoError(t, err)
		require.Empty(t, differences(st.CachedInfo().Config, overlay(st.CachedInfo().Config, sc)), "opening again changes nothing")
	}
}

// A start with other settings, a default among them, must not cost an event. What changes
// is said, and what does not although the settings say so.
func TestOpenLowersNothingByItself(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	nc := s.connect(t)
	var log strings.Builder
	settings := func(cfg Config) jetstream.StreamConfig {
		t.Helper()
		log.Reset()
		b, err := Open(t.Context(), nc, cfg, slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, err)
		st, err := b.js.Stream(t.Context(), StreamContacts)
		require.NoError(t, err)
		return st.CachedInfo().Config
	}
	cfg := DefaultConfig()
	cfg.ContactsMaxAge, cfg.ContactsMaxBytes = 48*time.Hour, 1<<30
	settings(cfg)
	require.Contains(t, log.String(), "stream made")

	less := cfg
	less.ContactsMaxAge, less.ContactsMaxBytes = time.Hour, 1<<20
	got := settings(less)
	require.Equal(t, 48*time.Hour, got.MaxAge)
	require.EqualValues(t, 1<<30, got.MaxBytes)
	require.Contains(t, log.String(), "maximum age 1h0m0s -> 48h0m0s")
	require.Contains(t, log.String(), "--lower-streams")

	more := cfg
	more.ContactsMaxAge, more.Keep = 0, true
	require.Equal(t, 48*time.Hour, settings(more).MaxAge, "who only looks changes nothing")
	require.Empty(t, log.String())
	more.Keep = false
	require.Zero(t, settings(more).MaxAge)
	require.Contains(t, log.String(), "stream changed")
	require.Equal(t, 1<<30, int(settings(cfg).MaxBytes))
	require.Zero(t, settings(cfg).MaxAge, "an age is less than none")

	less.Lower = true
	got = settings(less)
	require.Equal(t, time.Hour, got.MaxAge)
	require.EqualValues(t, 1<<20, got.MaxBytes)
	require.Equal(t, jetstream.DiscardNew, got.Discard)
}

func TestReplayRange(t *testing.T) {
	b := newBus(t)
	for i := range 10 {
		publish(t, b, string(rune('a'+i%2)), string(rune('0'+i)))
	}
	read := func(r Range) (out string) {
		require.NoError(t, b.Replay(t.Context(), StreamContacts, r, func(m Stored) error {
			out += m.ID
			return nil
		}))
		return out
	}
	require.Equal(t, "0123456789", read(Range{}))
	require.Equal(t, "789", read(Range{FromSeq: 8}))
	require.Equal(t, "79", read(Range{FromSeq: 8, Filters: []string{"crm.contacts.*.b"}}))
	require.Empty(t, read(Range{FromSeq: 11}))
	require.Empty(t, read(Range{Since: time.Now().Add(time.Hour)}))
	require.Empty(t, read(Range{Until: time.Now().Add(-time.Hour)}))
	require.Empty(t, read(Range{Filters: []string{"crm.contacts.*.zzz"}}))
	s, err := b.js.Stream(t.Context(), StreamContacts)
	require.NoError(t, err)
	m, err := s.GetMsg(t.Context(), 5)
	require.NoError(t, err)
	require.Equal(t, "456789", read(Range{Since: m.Time}))
	require.Equal(t, "0123", read(Range{Until: m.Time}))
	require.NoError(t, s.DeleteMsg(t.Context(), 10))
	require.Equal(t, "78", read(Range{FromSeq: 8}))
}

func TestSubjects(t *testing.T) {
	id := "2f1d9c3e-5b0a-4c58-9f0e-6a1f4f1f7f10"
	require.Equal(t, "crm.contacts.update."+id, ContactSubject("update", id))
	require.Equal(t, "crm.contacts.truncate", ContactSubject("truncate", ""))
	require.Equal(t, "metakocka.partners.changed.228000046627", PartnerSubject("changed", "228000046627"))
	require.Equal(t, "mksync.deadletters.pusher.a=2Eb", DeadLetterSubject("pusher", "a.b"))
	require.Equal(t, "crm.contacts.insert.a=2Eb=20c=2F=C5=A1=2A=3E", ContactSubject("insert", "a.b c/š*>"))
	require.Equal(t, "truncate", Key(ContactSubject("update", "truncate")))
	require.Empty(t, Key("crm.contacts.truncate"), "it is no contact's event, whatever contacts are called")
	for _, token := range []string{"a=b", "a=2eb", "a=2", "a=41", "=="} {
		require.Equal(t, token, Key("crm.contacts.update."+token), "a token of somebody else is no id")
	}
}

func TestSubjectsTakeAnyID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ .*>=A-Fa-f0-9\r\n]*`), rapid.SampledFrom([]string{"retry", "truncate", "="})).Draw(t, "id")
		token := escapeToken(id)
		require.Regexp(t, `^[A-Za-z0-9_=-]+$`, token)
		require.Equal(t, id, unescapeToken(token))
		require.Equal(t, id, Key(PartnerSubject("changed", id)))
		for _, subject := range []string{DeadLetterSubject("pusher", id), retrySubject("pusher", id)} {
			consumer, key := deadLetterKey(subject)
			require.Equal(t, []string{"pusher", id}, []string{consumer, key})
		}
	})
}

// TestIDsThatStandInNoSubject have something else there, each its own; it is told from an id.
func TestIDsThatStandInNoSubject(t *testing.T) {
	long := strings.Repeat("š", LongestID/2)
	for _, id := range []string{long, " ", "==", "7"} {
		require.Equal(t, id, ContactKey(id))
		require.False(t, StandsIn(id))
	}
	seen := map[string]bool{}
	for _, id := range []string{"", long + "a", long + "b", "a\xff"} {
		key := ContactKey(id)
		require.True(t, StandsIn(key))
		require.False(t, seen[key])
		require.Equal(t, key, Key(ContactSubject("update", key)))
		seen[key] = true
	}
	require.Less(t, len(retrySubject("pusher-bulk", strings.Repeat(" ", LongestID))), 2048)
}

func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 8).Draw(t, "limit")
		w := newWindow(limit)
		var model []int
		for range 50 {
			if len(model) < limit && rapid.Bool().Draw(t, "push") {
				size := rapid.IntRange(0, 100).Draw(t, "size")
				w.push(size)
				model = append(model, size)
			} else {
				n := rapid.IntRange(0, len(model)).Draw(t, "n")
				w.pop(n)
				model = model[n:]
			}
			sum := 0
			for _, s := range model {
				sum += s
			}
			require.Equal(t, len(model), w.count)
			require.Equal(t, sum, w.bytes)
		}
	})
}
