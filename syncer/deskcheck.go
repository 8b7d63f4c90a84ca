package syncer

import (
	"context"
	"time"
)

// WithChecker lets the desk make full checks.
func (d *Desk) WithChecker(c *Checker) *Desk {
	d.checker = c
	return d
}

// Check makes a full check now, and repairs what it found where asked to.
func (d *Desk) Check(ctx context.Context, r CheckRequest) (CheckReport, error) {
	if d.checker == nil {
		return CheckReport{}, Errorf(CodeUnavailable, "this process makes no full checks")
	}
	watched, ctx := report(ctx, WatchOf(ctx), NewGate(time.Second, time.Second), "comparing contacts, mappings and partners")
	defer watched.close(ctx)
	return d.checker.Check(ctx, r)
}
