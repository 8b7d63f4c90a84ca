package metakocka

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// One slot, many waiting: normal calls go first, but every eighth slot is for
// the bulk lane, and within a lane it is first come, first served.
func TestBulkWaitsButIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlots(1)
		require.NoError(t, g.acquire(t.Context(), Live))
		var order []int
		wait := func(lane Lane, n int) {
			go func() {
				if g.acquire(t.Context(), lane) == nil {
					order = append(order, n)
					g.release()
				}
			}()
			synctest.Wait()
		}
		for i := range 3 {
			wait(Bulk, -1-i)
		}
		for i := range 16 {
			wait(Live, 1+i)
		}
		g.release()
		synctest.Wait()
		require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, -1, 8, 9, 10, 11, 12, 13, 14, -2, 15, 16, -3}, order)
		require.Equal(t, 1, g.free)
	})
}

func TestACancelledWaiterLosesNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlots(1)
		require.NoError(t, g.acquire(t.Context(), Live))
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, 2)
		go func() { errs <- g.acquire(ctx, Live) }()
		go func() { errs <- g.acquire(ctx, Bulk) }()
		synctest.Wait()
		require.Equal(t, 2, g.waiting())
		cancel()
		require.ErrorIs(t, <-errs, context.Canceled)
		require.ErrorIs(t, <-errs, context.Canceled)
		require.Zero(t, g.waiting())
		require.ErrorIs(t, g.acquire(ctx, Live), context.Canceled)
		g.release()
		require.NoError(t, g.acquire(t.Context(), Live))
	})
}

// A grant that crosses a cancellation is passed on, whichever comes first.
func TestGrantsAndCancellationsKeepTheNumberOfSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 3).Draw(t, "slots")
		g := newSlots(slots)
		var held int
		type waiter struct {
			turn chan struct{}
			lane *[]chan struct{}
		}
		var waiting []waiter
		t.Repeat(map[string]func(*rapid.T){
			"enter": func(t *rapid.T) {
				turn, lane := g.enter(rapid.SampledFrom([]Lane{Live, Bulk}).Draw(t, "lane"))
				if turn == nil {
					held++
				} else {
					waiting = append(waiting, waiter{turn, lane})
				}
			},
			"release": func(t *rapid.T) {
				if held == 0 {
					t.Skip("nothing held")
				}
				held--
				g.release()
			},
			"leave": func(t *rapid.T) {
				if len(waiting) == 0 {
					t.Skip("nobody waits")
				}
				i := rapid.IntRange(0, len(waiting)-1).Draw(t, "who")
				g.leave(waiting[i].turn, waiting[i].lane)
				waiting = append(waiting[:i:i], waiting[i+1:]...)
			},
			"": func(t *rapid.T) {
				granted := 0
				for _, w := range waiting {
					select {
					case <-w.turn:
						granted++
					default:
					}
				}
				require.Equal(t, slots, g.free+held+granted)
				if g.free > 0 {
					require.Len(t, waiting, granted, "nobody waits while a slot is free")
				}
			},
		})
	})
}
