package metakocka

import (
	"context"
	"slices"
	"sync"
)

// backgroundShare is how often a freed slot goes to the background lane while
// both lanes wait: every eighth, so that a busy normal lane cannot starve it.
const backgroundShare = 8

type laneKey struct{}

// Background puts the calls made with the context into the low-priority lane:
// they wait while normal calls wait for a slot, but get every eighth.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, laneKey{}, true)
}

func isBackground(ctx context.Context) bool {
	low, _ := ctx.Value(laneKey{}).(bool)
	return low
}

// gate limits the calls in flight, first come first served within a lane.
type gate struct {
	mu         sync.Mutex
	free       int
	normal     []chan struct{}
	background []chan struct{}
	passedOver int // slots given to normal calls while background calls waited
}

func newGate(slots int) *gate { return &gate{free: slots} }

// acquire waits for a slot; who gets one must release it.
func (g *gate) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	turn, lane := g.enter(isBackground(ctx))
	if turn == nil {
		return nil
	}
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		g.leave(turn, lane)
		return ctx.Err()
	}
}

// enter takes a free slot (nil) or queues; nobody queues while a slot is free.
func (g *gate) enter(low bool) (chan struct{}, *[]chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free > 0 {
		g.free--
		return nil, nil
	}
	lane := &g.normal
	if low {
		lane = &g.background
	}
	turn := make(chan struct{})
	*lane = append(*lane, turn)
	return turn, lane
}

// leave gives up waiting; a slot granted in the meantime is passed on.
func (g *gate) leave(turn chan struct{}, lane *[]chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(*lane, turn); i >= 0 {
		*lane = slices.Delete(*lane, i, i+1)
		return
	}
	g.pass()
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass()
}

// pass hands a slot to who is next, or keeps it free.
func (g *gate) pass() {
	lane := g.next()
	if lane == nil {
		g.free++
		return
	}
	turn := (*lane)[0]
	*lane = slices.Delete(*lane, 0, 1)
	close(turn)
}

func (g *gate) next() *[]chan struct{} {
	switch {
	case len(g.background) == 0:
		g.passedOver = 0
		if len(g.normal) == 0 {
			return nil
		}
		return &g.normal
	case len(g.normal) == 0 || g.passedOver >= backgroundShare-1:
		g.passedOver = 0
		return &g.background
	default:
		g.passedOver++
		return &g.normal
	}
}

func (g *gate) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.normal) + len(g.background)
}
