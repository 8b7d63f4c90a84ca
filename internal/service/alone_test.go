package service_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestWhoIsAloneNoticesThatTheLockIsLost: a database that was restarted gives
// the lock to another process; the first one must not go on.
func TestWhoIsAloneNoticesThatTheLockIsLost(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	pool, store, err := service.OpenStore(t.Context(), w.Config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	began, ended := make(chan struct{}), make(chan error, 1)
	ctx := waits.Context(t, 20*time.Second)
	go func() {
		ended <- store.Alone(ctx, "part", func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			return nil
		})
	}()
	<-began
	w.Exec("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
	require.ErrorContains(t, <-ended, "lock mksync:part is lost")
	require.NoError(t, ctx.Err())
}

// TestPostgresNoticesAMachineThatIsGone: the locks of its processes are free soon.
func TestPostgresNoticesAMachineThatIsGone(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	pool, _, err := service.OpenStore(t.Context(), w.Config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var idle, interval, count string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), current_setting('tcp_keepalives_count')").
		Scan(&idle, &interval, &count))
	require.Equal(t, []string{"5", "5", "3"}, []string{idle, interval, count})
}
