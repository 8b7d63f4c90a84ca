package pgserver

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/internal/subprocess"
)

// process is a running postmaster.
type process struct{ *subprocess.Process }

// kill ends the server at once, without the care for its files that a stop
// would take, and waits until it is gone.
func (p process) kill() {
	_ = p.Cmd.Process.Signal(immediate)
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		_ = p.Cmd.Process.Kill()
		<-p.Done()
	}
}

// awaitAnswer tries again and again until the server of a process answers;
// errStopped where the process has ended.
func awaitAnswer(ctx context.Context, p *subprocess.Process, try func(context.Context) error) error {
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.Done():
			return errStopped
		case <-ctx.Done():
			return fmt.Errorf("connect to the new server: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
