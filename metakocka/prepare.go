package metakocka

import (
	"context"
	"time"
)

// Prepare is called before each request of a write is sent, and again when the request
// had to wait longer for its slot than PreparedFor: what it stores about the request is
// hardly older than the request. Its error is the call's own, and nothing is sent. Nil
// prepares nothing.
type Prepare func(ctx context.Context) error

// PreparedFor is how long before its request what Prepare stored may have been
// stored. Storing takes time, in which no slot is to stand empty.
const PreparedFor = 250 * time.Millisecond

// preparation prepares, and again where that has become too long ago.
type preparation struct {
	before Prepare
	done   time.Time
}

func (p *preparation) fresh(ctx context.Context) error {
	if p.before == nil || time.Since(p.done) < PreparedFor {
		return nil
	}
	p.done = time.Now()
	return p.before(ctx)
}
