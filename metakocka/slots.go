package metakocka

import (
	"context"
	"slices"
	"sync"
)

// bulkShare is how often a freed slot goes to the bulk lane while
// both lanes wait: every eighth, so that a busy live lane cannot starve it.
const bulkShare = 8

// Lane says whose calls go first.
type Lane int

// The lanes. Bulk calls wait while live ones wait for a slot, but get every eighth.
const (
	Live Lane = iota
	Bulk
)

// slots limit the calls in flight, first come first served within a lane.
type slots struct {
	mu         sync.Mutex
	free       int
	live       []chan struct{}
	bulk       []chan struct{}
	passedOver int // slots given to live calls while bulk calls waited
}

func newSlots(n int) *slots { return &slots{free: n} }

// acquire waits for a slot; who gets one must release it.
func (g *slots) acquire(ctx context.Context, lane Lane) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn, queue := g.enter(lane)
	if turn == nil {
		return nil
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.leave(turn, queue)
		return ctx.Err()
	}
}

// enter takes a free slot (nil) or queues; nobody queues while a slot is free.
func (g *slots) enter(l Lane) (chan struct{}, *[]chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 {
		g.free--
		return nil, nil
	}
	lane := &g.live
	if l == Bulk {
		lane = &g.bulk
	}
	turn := make(chan struct{})
	*lane = append(*lane, turn)
	return turn, lane
}

// leave gives up waiting; a slot granted in the meantime is passed on.
func (g *slots) leave(turn chan struct{}, lane *[]chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(*lane, turn); i >= 0 {
		*lane = slices.Delete(*lane, i, i+1)
		return
	}
	g.pass()
}

func (g *slots) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass()
}

// pass hands a slot to who is next, or keeps it free.
func (g *slots) pass() {
	lane := g.next()
	if lane == nil {
		g.free++
		return
	}
	turn := (*lane)[0]
	*lane = slices.Delete(*lane, 0, 1)
	close(turn)
}

func (g *slots) next() *[]chan struct{} {
	switch {
	case len(g.bulk) == 0:
		g.passedOver = 0
		if len(g.live) == 0 {
			return nil
		}
		return &g.live
	case len(g.live) == 0 || g.passedOver >= bulkShare-1:
		g.passedOver = 0
		return &g.bulk
	default:
		g.passedOver++
		return &g.live
	}
}

func (g *slots) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.live) + len(g.bulk)
}
