package operations

import (
	"context"

	"github.com/crmmind/mksync/syncer"
)

// PreviewRequest asks what a sync of one contact would write now.
type PreviewRequest struct {
	ContactID string `json:"contactId"`
}

// Preview says what a sync of one contact would do now. Both sides are read, and nothing is
// written.
func (a *API) Preview(ctx context.Context, r PreviewRequest) (p syncer.Preview, err error) {
	id, err := a.contactID("contactId", r.ContactID)
	if err == nil {
		err = a.known(ctx, id)
	}
	if err != nil {
		return p, err
	}
	return a.reconciler.Preview(ctx, id, syncer.Trigger{Cause: syncer.CauseRequest})
}
