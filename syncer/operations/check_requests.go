package operations

import (
	"context"
	"time"

	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/check"
)

// WithChecker lets the API make full checks.
func (a *API) WithChecker(c *check.Checker) *API {
	a.checker = c
	return a
}

// Check makes a full check now, and repairs what it found where asked to.
func (a *API) Check(ctx context.Context, r check.CheckRequest) (check.CheckReport, error) {
	if a.checker == nil {
		return check.CheckReport{}, syncer.Refuse(syncer.CodeUnavailable, "process_check", "this process makes no full checks")
	}
	watched, ctx := report(ctx, WatchOf(ctx), syncer.NewGate(time.Second, time.Second), "comparing contacts, mappings and partners")
	defer watched.close(ctx)
	return a.checker.Check(ctx, r)
}
