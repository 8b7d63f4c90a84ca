package syncer

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

// slowSides are read until they are let go.
type slowSides struct{ began, goOn chan struct{} }

func (s slowSides) MatchContacts(context.Context, string, int) ([]store.MatchContact, error) {
	return nil, nil
}

func (s slowSides) Snapshot(context.Context) (store.Snapshot, error) { return store.Snapshot{}, nil }

func (s slowSides) MatchPartners(context.Context, string, int) ([]store.MatchPartner, error) {
	close(s.began)
	<-s.goOn
	return nil, nil
}

// TestAPlanIsNotWaitedForForEver: who is stopped meanwhile gives up.
func TestAPlanIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	sides := slowSides{make(chan struct{}), make(chan struct{})}
	m := NewMatcher(sides)
	made := make(chan error, 1)
	go func() {
		_, err := m.Fresh(t.Context())
		made <- err
	}()
	<-sides.began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.Plan(ctx)
	require.ErrorIs(t, err, context.Canceled)
	close(sides.goOn)
	require.NoError(t, <-made)
}
