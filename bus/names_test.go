package bus

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
)

func (s *testServer) instance(t *testing.T, name string) *Bus {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Names = NamesOf(name)
	b, err := Open(t.Context(), s.connect(t), cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return b
}

func TestNames(t *testing.T) {
	usual, acme := NamesOf(""), NamesOf("acme_2")
	require.Equal(t, "mksync", usual.Base())
	require.Equal(t, "CRM_CONTACTS", usual.Stream(StreamContacts))
	require.Equal(t, "crm.contacts.>", usual.Subject("crm.contacts.>"))
	require.Equal(t, "mksync_acme_2", acme.Base())
	require.Equal(t, "CRM_CONTACTS_ACME_2", acme.Stream(StreamContacts))
	require.Equal(t, "acme_2.crm.contacts.>", acme.Subject("crm.contacts.>"))
	require.Equal(t, "acme_2.mksync.contacts.sync", acme.Subject("mksync.contacts.sync"))
	for _, n := range []Names{usual, acme} {
		require.Equal(t, "crm.contacts.update.acme_2", n.plain(n.Subject("crm.contacts.update.acme_2")))
		require.Equal(t, StreamDeadLetters, n.plainStream(n.Stream(StreamDeadLetters)))
	}
}

// TestInstancesShareAServerUnseen: each publishes, works, puts aside, retries and reads as
// if it were alone, with the same keys and ids.
func TestInstancesShareAServerUnseen(t *testing.T) {
	s := startServer(t)
	buses := map[string]*Bus{"": s.instance(t, ""), "acme": s.instance(t, "acme"), "acme_2": s.instance(t, "acme_2")}
	for name, b := range buses {
		p := openPublisher(t, b, PublisherConfig{})
		for _, key := range []string{"a", "b"} {
			require.NoError(t, p.Publish(t.Context(), Message{Subject: ContactSubject("update", key), ID: key, Data: []byte(name)}))
		}
		require.NoError(t, p.Flush(t.Context()))
	}

	for name, b := range buses {
		require.Equal(t, []string{"a", "b"}, ids(t, b, StreamContacts), name)
		last, found, err := b.Last(t.Context(), StreamContacts)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, ContactSubject("update", "b"), last.Subject)
		waits, err := b.Unapplied(t.Context(), StreamContacts, "pusher", ContactSubject("update", "a"), func(m Stored) bool { return string(m.Data) == name })
		require.NoError(t, err)
		require.True(t, waits)
		workUnseen(t, name, b)
	}

	// What one removes is there for the others.
	require.NoError(t, buses["acme"].DiscardDeadLetter(t.Context(), letters(t, buses["acme"], 1)[0].ID))
	letters(t, buses["acme"], 0)
	letters(t, buses[""], 1)
	letters(t, buses["acme_2"], 1)
	require.Equal(t, []string{
		"CRM_CONTACTS", "CRM_CONTACTS_ACME", "CRM_CONTACTS_ACME_2", "METAKOCKA_PARTNERS", "METAKOCKA_PARTNERS_ACME", "METAKOCKA_PARTNERS_ACME_2",
		"MKSYNC_DEADLETTERS", "MKSYNC_DEADLETTERS_ACME", "MKSYNC_DEADLETTERS_ACME_2",
	}, streamNames(t, buses[""].js))
}

// workUnseen works on both keys of an instance, of which b is put aside and tried again.
func workUnseen(t *testing.T, name string, b *Bus) {
	t.Helper()
	var worked atomic.Int64
	var tried atomic.Int64
	stop := consume(t, b, ConsumerConfig{Filters: []string{"crm.contacts.update.*"}}, func(_ context.Context, w *Work) error {
		for _, d := range w.Deliveries {
			if string(d.Data) != name || d.Subject != ContactSubject("update", w.Key) || d.ID != w.Key {
				t.Errorf("%q was given %s of %q", name, d.Subject, d.Data)
			}
		}
		if w.Key == "b" {
			tried.Add(1)
			return Reject(coded.Words("no"))
		}
		worked.Add(1)
		return nil
	})
	letter := letters(t, b, 1)[0]
	require.Equal(t, []string{"pusher", "b", StreamContacts, ContactSubject("update", "b")}, []string{letter.Consumer, letter.Key, letter.Stream, letter.Subject})
	require.Equal(t, b.names.Stream(StreamContacts), letter.Header.Get(headerStream), "for who reads it there")
	idle(t, b, "pusher")
	require.NoError(t, b.RetryDeadLetter(t.Context(), letter.ID))
	eventually(t, func() bool { return tried.Load() == 2 }, "retry")
	again := letters(t, b, 1)[0]
	require.NotEqual(t, letter.ID, again.ID)
	idle(t, b, "pusher")
	require.EqualValues(t, 1, worked.Load())

	c, err := b.Consumed(t.Context(), StreamContacts, "pusher")
	require.NoError(t, err)
	require.EqualValues(t, 2, c.UpTo["pusher"])
	a, err := b.Activity(t.Context(), StreamContacts, "pusher")
	require.NoError(t, err)
	require.Zero(t, a.Pending)
	require.Less(t, a.Quiet, time.Minute)
	eventually(t, func() bool {
		states, err := b.StreamState(t.Context())
		return err == nil && states[2].Stream == StreamDeadLetters && states[2].Messages == 1
	}, "the retried letter is removed")
	stop()
}

func streamNames(t *testing.T, js jetstream.JetStream) (all []string) {
	t.Helper()
	list := js.StreamNames(t.Context())
	for name := range list.Name() {
		all = append(all, name)
	}
	require.NoError(t, list.Err())
	slices.Sort(all)
	return all
}
