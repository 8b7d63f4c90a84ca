package pgserver

import (
	"time"

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
