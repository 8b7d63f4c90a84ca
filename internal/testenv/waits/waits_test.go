package waits

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTheClockIsSlowWhereTheMachineIsBusy keeps each processor busy with four
// loops of our own.
func TestTheClockIsSlowWhereTheMachineIsBusy(t *testing.T) {
	var c clock
	c.now()
	done := make(chan struct{})
	for range 4 * runtime.GOMAXPROCS(0) {
		go func() {
			for !closed(done) {
			}
		}()
	}
	began := time.Now()
	at, load := c.now()
	for load < 2 && time.Since(began) < time.Minute {
		time.Sleep(often)
		_, load = c.now()
	}
	close(done)
	end, _ := c.now()
	require.GreaterOrEqual(t, load, 2.0)
	require.Less(t, end-at, time.Since(began))
}

func TestTheClockIsNeverFasterThanTime(t *testing.T) {
	began := time.Now()
	watch := Start()
	time.Sleep(20 * time.Millisecond)
	spent := watch.Elapsed()
	require.Positive(t, spent)
	require.LessOrEqual(t, spent, time.Since(began))
	require.GreaterOrEqual(t, Stretch(time.Second), time.Second)
}

func TestWaitsEnd(t *testing.T) {
	calls := 0
	Eventually(t, time.Minute, func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	require.Equal(t, 3, calls)

	ch := make(chan int, 1)
	ch <- 7
	v, ok := Within(time.Minute, ch)
	require.Equal(t, 7, v)
	require.True(t, ok)
	_, ok = Within(time.Millisecond, ch)
	require.False(t, ok)
	close(ch)
	_, ok = Within(time.Minute, ch)
	require.True(t, ok)

	ctx := Context(t, time.Millisecond)
	<-ctx.Done()
	require.ErrorIs(t, context.Cause(ctx), context.DeadlineExceeded)
}

// closed reports whether the channel is.
func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
