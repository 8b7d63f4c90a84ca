package cdc

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKeepAliveIsConfirmedAtOnceWhenNothingIsOutstanding(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newProgress(time.Minute, mark{lsn: 5})
	p.add(mark{lsn: 10})
	require.EqualValues(t, 10, p.advance(0, now).lsn)

	ev := Position{LSN: 11, Ordinal: 1}
	p.add(mark{count: 1, lsn: 12, last: ev})
	p.add(mark{count: 1, lsn: 20, last: ev})
	require.EqualValues(t, 10, p.advance(0, now).lsn)
	require.EqualValues(t, 10, p.advance(1, now).lsn)
	p.add(mark{count: 1, lsn: 30, last: ev})
	require.EqualValues(t, 10, p.advance(1, now.Add(59*time.Second)).lsn)
	require.Equal(t, mark{count: 1, lsn: 30, last: ev}, p.advance(1, now.Add(time.Minute)))
	p.add(mark{count: 1, lsn: 40, last: ev})
	require.EqualValues(t, 40, p.advance(1, now.Add(time.Minute)).lsn)
}

func TestSkippedEventsAgeToo(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newProgress(time.Minute, mark{lsn: 5})
	p.add(mark{lsn: 10, last: Position{LSN: 9, Ordinal: 1}})
	require.EqualValues(t, 5, p.advance(0, now).lsn)
	require.EqualValues(t, 10, p.advance(0, now.Add(time.Minute)).lsn)
}

// model knows for every event when it became durable.
type model struct {
	ends    []LSN // of the event's transaction
	durable []time.Time
}

func TestConfirmedLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		delay := time.Duration(rapid.IntRange(0, 5).Draw(t, "delay")) * time.Second
		p := newProgress(delay, mark{lsn: 1})
		var m model
		now, lsn := time.Unix(0, 0), LSN(1)
		confirmed, durable := mark{lsn: 1}, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"tx", "keepalive", "durable", "time"}).Draw(t, "step") {
			case "tx":
				lsn += 10
				for range rapid.IntRange(1, 3).Draw(t, "events") {
					m.ends = append(m.ends, lsn)
				}
				p.add(mark{count: uint64(len(m.ends)), lsn: lsn, last: Position{LSN: lsn, Ordinal: 1}})
			case "keepalive":
				lsn += 10
				last := Position{}
				if n := len(m.ends); n > 0 {
					last = Position{LSN: m.ends[n-1], Ordinal: 1}
				}
				p.add(mark{count: uint64(len(m.ends)), lsn: lsn, last: last})
			case "durable":
				durable = rapid.IntRange(durable, len(m.ends)).Draw(t, "durable")
			case "time":
				now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
			}
			got := p.advance(uint64(durable), now)
			for len(m.durable) < durable {
				m.durable = append(m.durable, now)
			}
			require.GreaterOrEqual(t, got.lsn, confirmed.lsn, "never goes back")
			confirmed = got
			for i, end := range m.ends {
				if end <= got.lsn {
					require.Less(t, i, durable, "not durable")
					require.GreaterOrEqual(t, now.Sub(m.durable[i]), delay, "too young")
				}
			}
		}
		p.advance(uint64(len(m.ends)), now)
		require.Equal(t, max(lsn, 1), p.advance(uint64(len(m.ends)), now.Add(delay)).lsn, "everything in the end")
	})
}

func TestBacklogOfMarksIsBounded(t *testing.T) {
	t.Parallel()
	p := newProgress(0, mark{})
	const n = 3 * maxMarks
	for i := uint64(1); i <= n; i++ {
		p.add(mark{count: i, lsn: LSN(i), last: Position{LSN: LSN(i)}})
	}
	require.LessOrEqual(t, cap(p.pending), 2*maxMarks)
	require.EqualValues(t, 100, p.advance(100, time.Now()).lsn)
	require.EqualValues(t, n, p.advance(n, time.Now()).lsn)
}

// TestForeignChangesDoNotWait: where only other tables change, new marks come
// all the time, and none of them waits for the sink.
func TestForeignChangesDoNotWait(t *testing.T) {
	t.Parallel()
	p := newProgress(0, mark{count: 3})
	p.add(mark{count: 3, lsn: 10})
	newest, waiting := p.received(3)
	require.EqualValues(t, 10, newest.lsn)
	require.False(t, waiting)
	p.add(mark{count: 4, lsn: 20, last: Position{LSN: 15, Ordinal: 1}})
	_, waiting = p.received(3)
	require.True(t, waiting)
}
