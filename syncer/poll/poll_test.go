package poll

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestARefreshThatBeganMeanwhileWillDo: another would need the store, and there is none.
func TestARefreshThatBeganMeanwhileWillDo(t *testing.T) {
	t.Parallel()
	p := NewPoller(PollerConfig{}, nil, nil, nil, slog.New(slog.DiscardHandler))
	p.thorough = time.Now().Add(time.Minute)
	require.NoError(t, p.Refresh(t.Context()))
}
