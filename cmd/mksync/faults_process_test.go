package main

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

// keeper runs this test binary as a process and starts it again whenever it
// ends, as an operator's supervisor would. It dies with the test's process.
type keeper struct {
	name string
	path string
	env  []string
	log  *logBuffer

	mu      sync.Mutex // guards what follows
	process *os.Process
	exit    exitReason
	runs    int  // how often a service began to run before this process
	held    bool // down until further notice
	over    bool
	changed chan struct{} // closed when held or over changes
	ended   chan struct{} // closed when the running process has ended
	alone   []string      // how it ended without being asked to

	gone chan struct{}
}

// exitReason is why a process is expected to end.
type exitReason string

const (
	exitUnasked    exitReason = ""
	exitKilled     exitReason = "killed"
	exitTerminated exitReason = "terminated"
)

// respawnPause is a supervisor's pause before it starts a process again that
// ended by itself.
const respawnPause = 300 * time.Millisecond

func keep(t testing.TB, name string, env []string) *keeper {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	k := &keeper{
		name: name, path: exe, env: env, log: &logBuffer{},
		changed: make(chan struct{}), ended: make(chan struct{}), gone: make(chan struct{}),
	}
	close(k.ended)
	go k.run()
	t.Cleanup(k.close)
	return k
}

// run is the supervisor.
func (k *keeper) run() {
	defer close(k.gone)
	for k.awaitTurn() {
		cmd := exec.Command(k.path)
		cmd.Env, cmd.Stdout, cmd.Stderr = k.env, k.log, k.log
		cmd.WaitDelay = time.Second
		running, err := subprocess.StartApart(cmd, syscall.SIGKILL)
		if err != nil {
			k.note("start: " + err.Error())
			idle(context.Background(), respawnPause)
			continue
		}
		ended := k.started(cmd.Process)
		<-running.Done()
		k.hasEnded(cmd.ProcessState, ended)
	}
}

// awaitTurn waits until a process is to run; false: never again.
func (k *keeper) awaitTurn() bool {
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

func (k *keeper) started(p *os.Process) chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.runs = strings.Count(k.log.String(), "mksync is running")
	k.process, k.exit, k.ended = p, exitUnasked, make(chan struct{})
	if k.over || k.held {
		k.exit = exitKilled
		_ = p.Kill()
	}
	return k.ended
}

func (k *keeper) hasEnded(state *os.ProcessState, ended chan struct{}) {
	began := strings.Count(k.log.String(), "mksync is running") - k.runs
	k.mu.Lock()
	reason := k.exit
	k.process = nil
	close(ended)
	k.mu.Unlock()
	switch {
	case reason == exitUnasked:
		k.note(state.String() + ": " + lastLine(k.log))
		idle(context.Background(), respawnPause)
	case reason == exitTerminated && !state.Success() && began > 0:
		k.note("after SIGTERM: " + state.String() + ": " + lastLine(k.log))
	}
}

func (k *keeper) note(how string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.alone = append(k.alone, how)
}

func lastLine(l *logBuffer) string {
	text := strings.TrimSpace(l.String())
	return text[strings.LastIndex(text, "\n")+1:]
}

// signal sends a signal to the running process, if there is one, and returns
// what is closed when it has ended.
func (k *keeper) signal(s syscall.Signal, reason exitReason) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process != nil {
		if reason != exitUnasked {
			k.exit = reason
		}
		_ = k.process.Signal(s)
	}
	return k.ended
}

// kill ends the process as a power cut of its machine would; it starts again.
func (k *keeper) kill() { <-k.signal(syscall.SIGKILL, exitKilled) }

// terminate asks the process to end and returns how long it took.
func (k *keeper) terminate(limit time.Duration) (time.Duration, error) {
	began := time.Now()
	ended := k.signal(syscall.SIGTERM, exitTerminated)
	if _, over := waits.Within(limit, ended); !over {
		k.kill()
		return limit, fmt.Errorf("%s did not end within %s of SIGTERM", k.name, limit)
	}
	return time.Since(began), nil
}

// hold keeps the process down (killed) or lets it start again.
func (k *keeper) hold(down bool) {
	k.set(func() { k.held = down })
	if down {
		k.kill()
	}
}

func (k *keeper) set(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
	close(k.changed)
	k.changed = make(chan struct{})
}

// close ends the process for good.
func (k *keeper) close() {
	k.set(func() { k.over = true })
	for {
		k.kill()
		select {
		case <-k.gone:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ends are the ends of processes that nobody asked for.
func (k *keeper) ends() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.alone...)
}
