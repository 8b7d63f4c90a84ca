// Package keeper runs the test's own binary as a process that is killed, frozen and held
// down, and starts it again each time, as a supervisor does.
package keeper

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/subprocess"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// Keeper runs this test binary as a process and starts it again whenever it
// ends, as an operator's supervisor would. It dies with the test's process.
type Keeper struct {
	Name string
	Log  *Log

	path string
	env  []string

	mu      sync.Mutex // guards what follows
	process *os.Process
	exit    Reason
	runs    int  // how often a service began to run before this process
	held    bool // down until further notice
	over    bool
	changed chan struct{} // closed when held or over changes
	ended   chan struct{} // closed when the running process has ended
	alone   []string      // how it ended without being asked to

	gone chan struct{}
}

// Reason is why a process is expected to end.
type Reason string

// A process that was not asked to end has crashed, or would not start.
const (
	Unasked    Reason = ""
	Killed     Reason = "killed"
	Terminated Reason = "terminated"
)

// respawnPause is a supervisor's pause before it starts a process again that
// ended by itself.
const respawnPause = 300 * time.Millisecond

// Keep starts the process and keeps it running until the test ends.
func Keep(t testing.TB, name string, env []string) *Keeper {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	k := &Keeper{
		Name: name, path: exe, env: env, Log: &Log{},
		changed: make(chan struct{}), ended: make(chan struct{}), gone: make(chan struct{}),
	}
	close(k.ended)
	go k.run()
	t.Cleanup(k.close)
	return k
}

// run is the supervisor.
func (k *Keeper) run() {
	defer close(k.gone)
	for k.awaitTurn() {
		cmd := exec.Command(k.path) //nolint:noctx // a test ends it
		cmd.Env, cmd.Stdout, cmd.Stderr = k.env, k.Log, k.Log
		cmd.WaitDelay = time.Second
		running, err := subprocess.StartApart(cmd, syscall.SIGKILL)
		if err != nil {
			k.note("start: " + err.Error())
			waits.Idle(context.Background(), respawnPause)
			continue
		}
		ended := k.started(cmd.Process)
		<-running.Done()
		k.hasEnded(cmd.ProcessState, ended)
	}
}

// awaitTurn waits until a process is to run; false: never again.
func (k *Keeper) awaitTurn() bool {
	for {
		k.mu.Lock()
		over, held, changed := k.over, k.held, k.changed
		k.mu.Unlock()
		if over || !held {
			return !over
		}
		<-changed
	}
}

func (k *Keeper) started(p *os.Process) chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs = strings.Count(k.Log.String(), "mksync is running")
	k.process, k.exit, k.ended = p, Unasked, make(chan struct{})
	if k.over || k.held {
		k.exit = Killed
		_ = p.Kill()
	}
	return k.ended
}

func (k *Keeper) hasEnded(state *os.ProcessState, ended chan struct{}) {
	began := strings.Count(k.Log.String(), "mksync is running") - k.runs
	k.mu.Lock()
	reason := k.exit
	k.process = nil
	close(ended)
	k.mu.Unlock()
	switch {
	case reason == Unasked:
		k.note(state.String() + ": " + lastLine(k.Log))
		waits.Idle(context.Background(), respawnPause)
	case reason == Terminated && !state.Success() && began > 0:
		k.note("after SIGTERM: " + state.String() + ": " + lastLine(k.Log))
	}
}

func (k *Keeper) note(how string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.alone = append(k.alone, how)
}

func lastLine(l *Log) string {
	text := strings.TrimSpace(l.String())
	return text[strings.LastIndex(text, "\n")+1:]
}

// Signal sends a signal to the running process, if there is one, and returns
// what is closed when it has ended.
func (k *Keeper) Signal(s syscall.Signal, reason Reason) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process != nil {
		if reason != Unasked {
			k.exit = reason
		}
		_ = k.process.Signal(s)
	}
	return k.ended
}

// Kill ends the process as a power cut of its machine would; it starts again.
func (k *Keeper) Kill() { <-k.Signal(syscall.SIGKILL, Killed) }

// Terminate asks the process to end and returns how long it took.
func (k *Keeper) Terminate(limit time.Duration) (time.Duration, error) {
	began := time.Now()
	ended := k.Signal(syscall.SIGTERM, Terminated)
	if _, over := waits.Within(limit, ended); !over {
		k.Kill()
		return limit, fmt.Errorf("%s did not end within %s of SIGTERM", k.Name, limit)
	}
	return time.Since(began), nil
}

// Hold keeps the process down (killed) or lets it start again.
func (k *Keeper) Hold(down bool) {
	k.set(func() { k.held = down })
	if down {
		k.Kill()
	}
}

func (k *Keeper) set(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
	close(k.changed)
	k.changed = make(chan struct{})
}

// close ends the process for good.
func (k *Keeper) close() {
	k.set(func() { k.over = true })
	for {
		k.Kill()
		select {
		case <-k.gone:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Ends are the ends of processes that nobody asked for.
func (k *Keeper) Ends() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.alone...)
}
