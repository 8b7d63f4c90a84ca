package status

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// figures is a database that knows what it is told. By its clock it is noon.
type figures struct {
	down   error
	counts store.Counts
	slots  map[string]store.Slot
	check  store.CheckState
	poll   store.PollState
	unsent []store.Unsent
	states map[string]any
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func (f *figures) Counts(context.Context) (store.Counts, error)         { return f.counts, f.down }
func (f *figures) CheckState(context.Context) (store.CheckState, error) { return f.check, nil }
func (f *figures) PollState(context.Context) (store.PollState, error)   { return f.poll, nil }
func (f *figures) Unsent(context.Context) ([]store.Unsent, error)       { return f.unsent, nil }
func (f *figures) Now(context.Context) (time.Time, error)               { return noon, nil }
func (f *figures) SaveState(context.Context, string, any) error         { return errors.New("nobody writes") }
func (f *figures) Slot(_ context.Context, n string) (store.Slot, error) { return f.slots[n], nil }
func (f *figures) LoadState(_ context.Context, key string, v any) (bool, error) {
	state, known := f.states[key]
	if !known {
		return false, nil
	}
	text, err := json.Marshal(state)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, v)
}

// sound is a service that is well: another process listens and polls.
func sound() (*figures, *Monitor) {
	f := &figures{
		slots:  map[string]store.Slot{"mksync": {Found: true, Active: true, ConfirmedLSN: "0/10", WALStatus: "reserved"}},
		poll:   store.PollState{EndedAt: noon.Add(-time.Minute), DurationSeconds: 2, Partners: 7},
		states: map[string]any{event.HeartbeatKey: event.Beat{SentAt: noon.Add(-time.Second)}},
	}
	return f, &Monitor{SlotName: "mksync", PollInterval: time.Minute, Figures: f, Heartbeat: 10 * time.Second, Patience: 20 * time.Second}
}

// TestWhatTheDatabaseTells is a problem of one kind each, and what else it shows.
func TestWhatTheDatabaseTells(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(f *figures, m *Monitor)
		code     Code // empty: nothing is wrong
		says     string
		notReady bool // this process cannot do its work
	}{
		"all is well": {change: func(*figures, *Monitor) {}},
		"nobody listens": {
			change: func(f *figures, _ *Monitor) { f.slots["mksync"] = store.Slot{Found: true} },
			code:   ProblemNoListener, says: "no listener holds the slot mksync",
		},
		"the listener is ours, and begins": {change: func(f *figures, m *Monitor) {
			f.slots["mksync"] = store.Slot{Found: true}
			m.Listener = func() cdc.Status { return cdc.Status{State: cdc.StateSnapshot} }
		}},
		"a slot of before": {
			change: func(f *figures, _ *Monitor) {
				f.slots["old"] = store.Slot{Found: true, RetainedBytes: 3 << 20}
				f.states[event.ListenerStateKey] = cdc.State{Slot: "mksync", FormerSlots: []string{"old", "dropped", "mksync"}}
			},
			code: ProblemFormerSlot, says: "the slot old, which mksync had before it was given mksync, keeps 3.0 MiB of log for nobody",
		},
		"no heartbeat for long": {
			change: func(f *figures, _ *Monitor) {
				f.states[event.HeartbeatKey] = event.Beat{SentAt: noon.Add(-31 * time.Second)}
			},
			code: ProblemHeartbeatStalled, says: "for 31s",
		},
		"a heartbeat just in time": {change: func(f *figures, _ *Monitor) {
			f.states[event.HeartbeatKey] = event.Beat{SentAt: noon.Add(-30 * time.Second)}
		}},
		"no heartbeats are sent": {change: func(f *figures, m *Monitor) {
			f.states[event.HeartbeatKey], m.Heartbeat = event.Beat{SentAt: noon.Add(-time.Hour)}, 0
		}},
		"none was ever sent": {change: func(f *figures, _ *Monitor) { delete(f.states, event.HeartbeatKey) }},
		"our own listener says more": {change: func(f *figures, m *Monitor) {
			f.states[event.HeartbeatKey] = event.Beat{SentAt: noon.Add(-time.Hour)}
			m.Listener = func() cdc.Status { return cdc.Status{State: cdc.StateStreaming} }
		}},
		"our own listener stands by": {
			change: func(f *figures, m *Monitor) {
				f.states[event.HeartbeatKey] = event.Beat{SentAt: noon.Add(-time.Hour)}
				m.Listener = func() cdc.Status { return cdc.Status{State: cdc.StateStandby} }
			},
			code: ProblemHeartbeatStalled, says: "for 1h0m0s",
		},
		"the poll failed elsewhere": {
			change: func(f *figures, _ *Monitor) { f.poll.Error = "no answer" },
			code:   ProblemPollFailed, says: "did not succeed: no answer",
		},
		"the poll failed here": {
			change: func(f *figures, m *Monitor) { f.poll.Error, m.Polls = "no answer", true },
			code:   ProblemPollFailed, says: "did not succeed: no answer", notReady: true,
		},
		"the poll is late": {
			change: func(f *figures, _ *Monitor) { f.poll.EndedAt = noon.Add(-3*time.Minute - 7*time.Second) },
			code:   ProblemPollLate, says: "was 3m7s ago",
		},
		"the poll is slow, not late": {change: func(f *figures, _ *Monitor) { f.poll.EndedAt = noon.Add(-3*time.Minute - 6*time.Second) }},
		"nobody has polled yet":      {change: func(f *figures, _ *Monitor) { f.poll = store.PollState{} }},
		"a partner that the CRM cannot hold": {
			change: func(f *figures, _ *Monitor) { f.poll.InPart = store.InPart{Count: 1, First: []string{"7001"}} },
			code:   ProblemNotHeld, says: "partner 7001 holds a value that the CRM's database cannot hold",
		},
		"many of them": {
			change: func(f *figures, _ *Monitor) { f.poll.InPart = store.InPart{Count: 9, First: []string{"7001", "7002"}} },
			code:   ProblemNotHeld, says: "9 partners hold values that the CRM's database cannot hold (characters that its encoding lacks, or texts that are too long): the value is not brought over until it is changed in MetaKocka, or the contacts are in a database in UTF8. The first: 7001, 7002",
		},
		"the check failed": {
			change: func(f *figures, _ *Monitor) { f.check = store.CheckState{Error: "no answer", Differing: 3} },
			code:   ProblemCheckFailed, says: "did not succeed: no answer",
		},
		"the check found something": {
			change: func(f *figures, _ *Monitor) { f.check = store.CheckState{Differing: 1} },
			code:   ProblemCheckDiffers, says: "found 1 difference: mksync check --repair",
		},
		"events were dropped": {
			change: func(f *figures, _ *Monitor) {
				f.states["consumed:CRM_CONTACTS"] = map[string]any{"dropped": "events 1 to 3"}
			},
			code: ProblemEventsDropped, says: "events 1 to 3: everything is compared and brought in order",
		},
		"an alert got through to nobody": {
			change: func(f *figures, m *Monitor) {
				m.Alerts = []store.AlertChannel{store.AlertMail}
				f.unsent = []store.Unsent{{Channel: store.AlertMail, Error: "refused", At: noon}}
			},
			code: ProblemAlertUnsent, says: "that of 4 Mar 12:00 UTC was given up: refused",
		},
		"on a way that is not set any more": {change: func(f *figures, m *Monitor) {
			m.Alerts = []store.AlertChannel{store.AlertMail}
			f.unsent = []store.Unsent{{Channel: store.AlertWebhook, Error: "refused", At: noon}}
		}},
		"a column that the configuration names is gone": {
			change: func(_ *figures, m *Monitor) { m.ColumnsGone = func() []string { return []string{"phone (gsm)"} } },
			code:   ProblemColumnsGone, says: "so the field is not synced: phone (gsm); correct it",
		},
		"a person has stopped sending": {
			change: func(f *figures, _ *Monitor) { f.states[store.HaltKey] = store.Halt{Since: noon, By: "ana"} },
			code:   ProblemHalted, says: "sending is paused since 2026-03-04T12:00:00Z by ana",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, m := sound()
			c.change(f, m)
			var s Status
			require.NoError(t, m.database(t.Context(), &s))
			m.columns(&s)
			require.Equal(t, c.notReady, len(s.NotReady) > 0)
			if c.code == "" {
				require.Empty(t, s.Problems)
				return
			}
			require.Len(t, s.Waiting, 1)
			require.Equal(t, c.code, s.Waiting[0].Code)
			require.Len(t, s.Problems, 1)
			require.Contains(t, s.Problems[0], c.says)
		})
	}
}

// TestAStatusShowsWhatItIsTold: each figure in its place.
func TestAStatusShowsWhatItIsTold(t *testing.T) {
	t.Parallel()
	f, m := sound()
	f.counts = store.Counts{
		Links: map[store.Status]int{store.StatusSynced: 5}, Conflicts: store.Waits{Count: 1}, Deletions: store.Waits{Count: 2},
		Matches: store.Waits{Count: 3}, Differing: 4, LeftOut: 6,
	}
	f.check = store.CheckState{At: noon, DurationSeconds: 1.5, Links: 5, Differing: 2}
	f.states[syncer.UnkeptKey] = syncer.Unkept{Since: map[mapping.Field]time.Time{mapping.FieldNotes: noon}}
	f.states[store.HaltKey] = store.Halt{Since: noon}
	left := int64(1 << 20)
	f.slots["mksync"] = store.Slot{Found: true, Active: true, ConfirmedLSN: "0/10", LagBytes: 11, RetainedBytes: 12, WALStatus: "reserved", SafeBytes: &left}
	m.Version, m.Recent = "1.2.3", &Recent{}
	m.Gate = syncer.NewGate(time.Hour, time.Hour)
	m.Gate.Halt(&store.Halt{Since: noon})

	s := m.Status(t.Context())
	require.Equal(t, "1.2.3", s.Version)
	require.Equal(t, map[store.Status]int{store.StatusSynced: 5}, s.Mappings)
	require.Equal(t, []int{1, 2, 3, 6, 6}, []int{s.Conflicts, s.HeldDeletions, s.HeldMatches, s.LeftOut, s.Differing}, "differing: those known, and those that the check found")
	require.Equal(t, CheckStatus{LastCheckAt: &noon, LastDurationSeconds: 1.5, Links: 5, Differing: 2}, s.Check)
	require.Equal(t, 7, s.Poller.Partners)
	require.Equal(t, noon.Add(-time.Minute), *s.Poller.LastPollAt)
	require.Equal(t, []mapping.Field{mapping.FieldNotes}, s.NotKept)
	beat := noon.Add(-time.Second)
	require.Equal(t, ListenerStatus{
		State: "streaming", Slot: "mksync", LSN: "0/10", LagBytes: 11, RetainedBytes: 12, WALStatus: "reserved", SafeBytes: &left, LastHeartbeatAt: &beat,
	}, s.Listener)
	require.True(t, s.Pusher.Paused && s.Puller.Paused)
	require.Len(t, s.Recent, recentMinutes)
	require.Len(t, slices.DeleteFunc(s.Problems, func(p string) bool { return !strings.Contains(p, "sending is paused") }), 1)
	require.Equal(t, []string{"NATS is not connected"}, s.NotReady, "a person's pause keeps nobody from being ready")
}

// TestADatabaseThatIsAwayIsOneProblem, and the other parts are asked all the same.
func TestADatabaseThatIsAwayIsOneProblem(t *testing.T) {
	t.Parallel()
	f, m := sound()
	f.down = errors.New("secret.example.si: connection refused")
	m.Listener = func() cdc.Status {
		return cdc.Status{State: cdc.StateStreaming, Slot: "mksync", ConfirmedLSN: 0x20, LagBytes: 3, LastEventAt: noon}
	}
	m.Gate = syncer.NewGate(time.Hour, time.Hour)
	m.Gate.Report(&metakocka.TransientError{Err: errors.New("erp.example.si does not answer")})

	s := m.Status(t.Context())
	require.Equal(t, []string{"the CRM's database does not answer", "NATS is not connected", "sending is paused"}, s.NotReady, "who may ask without a token is told no names")
	require.Contains(t, s.Problems[0], "secret.example.si")
	require.Equal(t, "0/20", s.Listener.LSN)
	require.Equal(t, noon, *s.Listener.LastEventAt)
	require.True(t, s.Pusher.Paused && s.Puller.Paused)
	text, err := json.Marshal(s)
	require.NoError(t, err)
	for _, list := range []string{`"streams":[]`, `"notKept":[]`, `"mappings":{}`} {
		require.Contains(t, string(text), list, "scripts read lists, never null")
	}
}

// TestWhatOurOwnListenerTells.
func TestWhatOurOwnListenerTells(t *testing.T) {
	t.Parallel()
	// However long the machine takes to come to each case, they are an hour and no time ago.
	long, now := time.Now().Add(-time.Hour), time.Now().Add(time.Minute)
	for name, c := range map[string]struct {
		is       cdc.Status
		code     Code
		says     string
		notReady bool
	}{
		"it streams":          {is: cdc.Status{State: cdc.StateStreaming}},
		"it cannot stream":    {cdc.Status{State: cdc.StateStopped, Problem: coded.Words("no slot")}, ProblemListenerDown, "is not streaming: no slot", true},
		"another one does":    {is: cdc.Status{State: cdc.StateStandby, Problem: coded.Words("the slot is taken")}},
		"it works, but":       {cdc.Status{State: cdc.StateStreaming, Warning: coded.Words("a partition has no replica identity")}, ProblemListenerWarns, "works, but a partition", false},
		"it gets no further":  {cdc.Status{State: cdc.StateStreaming, HeartbeatSince: long}, ProblemHeartbeatStalled, "CRM_CONTACTS since 1h0m", true},
		"it is busy":          {is: cdc.Status{State: cdc.StateStreaming, HeartbeatSince: long, LastEventAt: now}},
		"it reads a snapshot": {is: cdc.Status{State: cdc.StateSnapshot, HeartbeatSince: long}},
		"it may not beat":     {cdc.Status{State: cdc.StateStreaming, HeartbeatRefused: "permission denied"}, ProblemHeartbeatRefused, "permission denied; let mksync's role execute pg_logical_emit_message", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, m := sound()
			m.Listener = func() cdc.Status { return c.is }
			var s Status
			m.listener(&s)
			require.Equal(t, c.notReady, len(s.NotReady) > 0)
			if c.code == "" {
				require.Empty(t, s.Problems)
				return
			}
			require.Len(t, s.Waiting, 1)
			require.Equal(t, c.code, s.Waiting[0].Code)
			require.Contains(t, s.Problems[0], c.says)
		})
	}
}

// TestWhatFailsAgainAndAgainIsNamed.
func TestWhatFailsAgainAndAgainIsNamed(t *testing.T) {
	t.Parallel()
	_, m := sound()
	var s Status
	m.trouble(&s)
	m.Trouble = func() syncer.Trouble { return syncer.Trouble{} }
	m.trouble(&s)
	require.Empty(t, s.Problems)

	m.Trouble = func() syncer.Trouble { return syncer.Trouble{Count: 2, Key: "42", Error: coded.Words("deadlock")} }
	m.trouble(&s)
	require.Equal(t, 2, s.Failing)
	require.Equal(t, []string{"work on 2 contacts or partners fails again and again and is tried every few minutes; the last one was 42: deadlock"}, s.Problems)
	require.Equal(t, "refusal.words", s.Waiting[0].Reasons[0].Cause.Code, "why has a code of its own")
}
