package status

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// TestAStreamThatIsFullIsAProblem: what waits for room in it is said, of each something else.
func TestAStreamThatIsFullIsAProblem(t *testing.T) {
	t.Parallel()
	b, js := newStreams(t)
	subjects := map[string]string{
		bus.StreamContacts: bus.ContactSubject("update", "c"), bus.StreamPartners: bus.PartnerSubject("changed", "p"), bus.StreamDeadLetters: bus.DeadLetterSubject("pusher", "c"),
	}
	for stream, subject := range subjects {
		_, err := b.PublishSync(t.Context(), stream, bus.Message{Subject: subject, ID: "1", Header: nats.Header{"Mksync-Reason": {"no"}}, Data: []byte(strings.Repeat("x", 1000))})
		require.NoError(t, err)
	}
	states, err := b.StreamState(t.Context())
	require.NoError(t, err)
	require.Len(t, states, len(subjects))

	says := map[string]bool{}
	for _, st := range states {
		look := func(most uint64) (s Status) {
			t.Helper()
			stream, err := js.Stream(t.Context(), st.Name)
			require.NoError(t, err)
			cfg := stream.CachedInfo().Config
			cfg.MaxBytes = int64(most) //nolint:gosec // some thousand
			_, err = js.UpdateStream(t.Context(), cfg)
			require.NoError(t, err)
			_, m := sound()
			m.Bus = b
			_, err = m.stored(t.Context(), &s)
			require.NoError(t, err)
			require.Equal(t, 1, s.DeadLetters)
			return s
		}
		require.Empty(t, look(st.Bytes*10/9+20).Problems, "%s: nine tenths of it", st.Name)
		problems := look(st.Bytes + 10).Problems
		require.Len(t, problems, 1)
		_, why, _ := strings.Cut(problems[0], "bytes): ")
		says[why] = true
		require.Empty(t, look(st.Bytes*10).Problems)
	}
	require.Len(t, says, 3)
}

// TestWhatCouldNotBeAppliedIsSaidOnce: dead letters expire, the links stay.
func TestWhatCouldNotBeAppliedIsSaidOnce(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	_, m := sound()
	m.Bus, m.Heartbeat = b, 0
	said := func() []string {
		t.Helper()
		s := Status{Mappings: map[store.Status]int{store.StatusError: 2}, Oldest: map[string]time.Duration{}}
		require.NoError(t, m.askStreams(t.Context(), &s))
		return s.Problems
	}
	require.Equal(t, []string{"2 contacts could not be brought over: mksync mappings --status error"}, said())
	_, err := b.PublishSync(t.Context(), bus.StreamDeadLetters, bus.Message{Subject: bus.DeadLetterSubject("pusher", "1"), Header: nats.Header{"Mksync-Reason": {"no"}}})
	require.NoError(t, err)
	require.Equal(t, []string{"1 event could not be applied: mksync deadletters list"}, said())
}

// broken is a database that does not answer one of the questions.
type broken struct {
	*figures
	question string
}

var errAway = errors.New("the database is away")

func (b broken) answer(question string) error {
	if question == b.question {
		return errAway
	}
	return nil
}

func (b broken) CheckState(context.Context) (store.CheckState, error) {
	return b.check, b.answer("check")
}

func (b broken) PollState(context.Context) (store.PollState, error) { return b.poll, b.answer("poll") }

func (b broken) Unsent(context.Context) ([]store.Unsent, error) { return nil, b.answer("unsent") }

func (b broken) Now(context.Context) (time.Time, error) { return noon, b.answer("now") }

func (b broken) Slot(_ context.Context, name string) (store.Slot, error) {
	return b.slots[name], b.answer("slot " + name)
}

func (b broken) LoadState(ctx context.Context, key string, v any) (bool, error) {
	known, err := b.figures.LoadState(ctx, key, v)
	return known, errors.Join(err, b.answer(key))
}

// TestAnyQuestionThatTheDatabaseDoesNotAnswer is told, whichever it is.
func TestAnyQuestionThatTheDatabaseDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, question := range []string{
		syncer.UnkeptKey, store.HaltKey, "slot mksync", "slot old", event.ListenerStateKey, event.HeartbeatKey, "consumed:CRM_CONTACTS", "check", "unsent", "poll", "now",
	} {
		f, m := sound()
		f.states[event.ListenerStateKey] = map[string]any{"FormerSlots": []string{"old"}}
		m.Alerts = []store.AlertChannel{store.AlertMail}
		m.Figures = broken{f, question}
		s := m.Status(t.Context())
		require.Contains(t, s.NotReady, "the CRM's database does not answer", question)
		require.Equal(t, ProblemDatabaseAway, s.Waiting[0].Code, question)
	}
}
