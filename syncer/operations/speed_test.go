package operations

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSpeedIsThatOfTheLastOnes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slow, quick := rapid.IntRange(1, 5).Draw(t, "slow"), rapid.IntRange(6, 50).Draw(t, "quick")
		var p speed
		now, done := time.Unix(1e9, 0), 0
		require.Nil(t, p.expected(now, 100_000))
		for range 60 { // a minute slowly, a minute quickly
			p.mark(now, done)
			now, done = now.Add(time.Second), done+slow
		}
		for range 60 {
			p.mark(now, done)
			now, done = now.Add(time.Second), done+quick
		}
		p.mark(now, done)
		at := p.expected(now, done+quick*100)
		require.WithinDuration(t, now.Add(100*time.Second), *at, time.Second)
		require.LessOrEqual(t, len(p.marks), 33)
		for range 40 { // nothing happens
			now = now.Add(time.Second)
			p.mark(now, done)
		}
		require.Nil(t, p.expected(now, done+1))
		require.Nil(t, p.expected(now, 0))
	})
}
