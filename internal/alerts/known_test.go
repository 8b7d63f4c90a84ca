package alerts

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/status"
)

// told is what a process sees at a second, and every quarter of a minute until the next of
// all steps, and what people are told then.
type told struct {
	at      int // seconds
	by      string
	waiting []status.Waiting
	says    string
}

func conflicts(n int) status.Waiting {
	return status.Waiting{Code: status.WaitingConflict, Count: n}
}

func problem(code status.Code) status.Waiting {
	return status.Waiting{Code: code, Count: 1, MayHeal: true}
}

// refused are contacts in error, the oldest since a second.
func refused(n, since int) status.Waiting {
	t := epoch.Add(time.Duration(since) * time.Second)
	return status.Waiting{Code: status.WaitingError, Count: n, Since: &t, MayHeal: true}
}

var epoch = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)

func (m *message) String() string {
	if m == nil {
		return ""
	}
	return fmt.Sprint(m.about, " ", m.reasons)
}

// TestWhenPeopleAreTold.
func TestWhenPeopleAreTold(t *testing.T) {
	t.Parallel()
	const day = 24 * 60 * 60
	sees := func(all ...status.Waiting) []status.Waiting { return all }
	paused := problem(status.ProblemPaused)
	for name, steps := range map[string][]told{
		"a decision at once, and over when it is calm": {
			{0, "a", nil, ""},
			{15, "a", sees(conflicts(2)), "attention.needed [{waiting.conflict 2}]"},
			{30, "a", sees(conflicts(3)), ""},
			{45, "a", nil, ""},
			{60, "a", sees(conflicts(1)), ""},
			{75, "a", nil, ""},
			{90, "a", nil, ""},
			{105, "a", nil, "attention.over []"},
			{120, "a", nil, ""},
		},
		"what heals is not told": {
			{0, "a", sees(paused), ""},
			{299, "a", sees(paused), ""},
			{310, "a", nil, ""},
			{320, "a", sees(paused), ""},
			{619, "a", sees(paused), ""},
			{620, "a", sees(paused), "attention.needed [{problem.paused 1}]"},
		},
		"others each time": {
			{0, "a", sees(refused(1, 0)), ""},
			{299, "a", sees(refused(2, 250)), ""},
			{500, "a", sees(refused(1, 301)), ""},
			{600, "a", sees(refused(1, 301)), ""},
			{601, "a", sees(refused(1, 301)), "attention.needed [{waiting.error 1}]"},
		},
		"one a day while it stays so": {
			{0, "a", sees(conflicts(1)), "attention.needed [{waiting.conflict 1}]"},
			{day - 60, "a", sees(conflicts(5), paused), ""},
			{day, "a", sees(conflicts(5), paused), "attention.needed [{waiting.conflict 5}]"}, // the pause is young
			{day + 15, "a", sees(conflicts(5), paused), ""},
			{2 * day, "a", sees(conflicts(5), paused), "attention.needed [{waiting.conflict 5} {problem.paused 1}]"},
		},
		"it is over while what may heal waits": {
			{0, "a", sees(conflicts(1)), "attention.needed [{waiting.conflict 1}]"},
			{15, "a", sees(paused), ""},
			{35, "a", sees(paused), "attention.over []"},
			{314, "a", sees(paused), ""},
			{315, "a", sees(paused), "attention.needed [{problem.paused 1}]"},
		},
		"it is not over while nobody knows": {
			{0, "a", sees(conflicts(1)), "attention.needed [{waiting.conflict 1}]"},
			{15, "a", sees(problem(status.ProblemNATSAway)), ""},
			{200, "a", nil, ""},
			{220, "a", nil, "attention.over []"},
		},
		"two processes see alike": {
			{0, "a", sees(conflicts(1)), "attention.needed [{waiting.conflict 1}]"},
			{1, "b", sees(conflicts(1)), ""},
			{15, "a", nil, ""},
			{40, "a", nil, ""},
			{47, "a", nil, ""}, // what b saw is stale, and it is quiet from here
			{67, "a", nil, "attention.over []"},
		},
		"a problem of one process, which is restarted": {
			{0, "a", sees(paused), ""},
			{10, "b", nil, ""},
			{40, "b2", sees(paused), ""}, // goes on where a was
			{300, "b", nil, "attention.needed [{problem.paused 1}]"},
		},
		"the clock goes back": {
			{1000, "a", sees(conflicts(1), paused), "attention.needed [{waiting.conflict 1}]"},
			{-day, "a", sees(conflicts(1), paused), ""},
			{-day + 15, "a", nil, ""},
			{-day + 35, "a", nil, "attention.over []"},
			{-day + 50, "a", sees(paused), ""},
		},
	} {
		var k known
		for i, s := range steps {
			until := s.at + 1
			if i+1 < len(steps) {
				until = max(steps[i+1].at, until)
			}
			for at := s.at; at < until; at += 15 {
				now := epoch.Add(time.Duration(at) * time.Second)
				got := k.step(UsualPace, now, now, s.by, s.waiting)
				require.Equal(t, s.says, got.String(), "%s: %s sees %v at %d s", name, s.by, s.waiting, at)
				s.says = ""
				k = stored(t, k)
			}
		}
	}
}

// stored is what is read of what was stored.
func stored(t *testing.T, k known) (again known) {
	t.Helper()
	text, err := json.Marshal(k)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &again))
	return again
}

// TestLawMessagesOfAChange: whatever processes see and whatever the clock does, "over" is said
// once after "needed" and never without, nothing is said twice within a day of a clock that
// only runs on, and nothing but what waits is named.
func TestLawMessagesOfAChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var k known
		now, jumped := epoch, false
		needed, last := false, time.Time{}
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(r, "seconds")) * time.Second)
			if rapid.IntRange(0, 15).Draw(r, "jump") == 0 {
				now = now.Add(time.Duration(rapid.IntRange(-20, 20).Draw(r, "days")) * 24 * time.Hour)
				jumped = true
			}
			var waiting []status.Waiting
			for _, code := range rapid.SliceOfNDistinct(rapid.SampledFrom(status.Codes()[:8]), 0, 3, rapid.ID).Draw(r, "waiting") {
				waiting = append(waiting, status.Waiting{Code: code, Count: 1, MayHeal: code != status.WaitingConflict})
			}

			m := k.step(UsualPace, now, now, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "process"), waiting)
			if m == nil {
				continue
			}
			switch m.about {
			case store.AttentionNeeded:
				require.NotEmpty(r, m.reasons)
				require.True(r, !needed || jumped || now.Sub(last) >= UsualPace.Remind)
			case store.AttentionOver:
				require.True(r, needed, "nobody was needed")
				for _, w := range waiting {
					require.True(r, w.MayHeal)
				}
			}
			needed, last, jumped = m.about == store.AttentionNeeded, now, false
		}
	})
}

// TestALateLookIsNotHeeded: what a process that stood still saw before people were told is no
// news, whichever of the two it was.
func TestALateLookIsNotHeeded(t *testing.T) {
	t.Parallel()
	var k known
	second := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Second) }
	look := func(began, now int, by string, waiting ...status.Waiting) string {
		return k.step(UsualPace, second(now), second(began), by, waiting).String()
	}
	require.Empty(t, look(0, 0, "a"))
	require.Equal(t, "attention.needed [{waiting.conflict 1}]", look(15, 16, "a", conflicts(1)))
	require.Empty(t, look(14, 40, "b")) // nothing waited yet
	require.Empty(t, look(41, 41, "a"))
	require.Equal(t, "attention.over []", look(61, 61, "a"))
	require.Empty(t, look(15, 65, "b", conflicts(1))) // it is decided by now
	require.Empty(t, look(76, 76, "a"))
	require.Equal(t, "attention.needed [{waiting.conflict 1}]", look(77, 77, "b", conflicts(1)))
}
