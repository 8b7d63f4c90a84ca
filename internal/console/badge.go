package console

import (
	"context"
	"sync"
	"time"
)

// badge is how much waits, as the menu says it beside pages that do not list it. Counting
// reads every link, so it is not done for each page anew; whatever is decided here is seen at
// once, what happens elsewhere soon, as it is by the tabs that follow.
type badge struct {
	mu sync.Mutex
	at time.Time // when it was counted; zero: count again
	n  int
}

// count is less than zero where it cannot be counted.
func (b *badge) count(ctx context.Context, c *Console) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.at) < lookEvery {
		return b.n
	}
	s, err := c.status(ctx)
	if err != nil {
		return -1
	}
	b.n = waitingOf(s).Total()
	b.at = time.Now()
	return b.n
}

// forget has it counted again.
func (b *badge) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.at = time.Time{}
}
