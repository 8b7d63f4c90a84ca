package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
)

// childVariable makes the test binary be mksync itself, so that tests can kill
// a real process of what they were built from.
const childVariable = "MKSYNC_TEST_CHILD"

// mainVariable makes the test binary be the mksync command, arguments and all.
const mainVariable = "MKSYNC_TEST_MAIN"

// raceVariable has the race detector's options.
const raceVariable = "GORACE"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(childMain())
	}
	if os.Getenv(natsVariable) != "" {
		os.Exit(natsMain())
	}
	if os.Getenv(mainVariable) != "" {
		main()
		return
	}
	// A process with the race detector otherwise waits a second at its end.
	_ = os.Setenv(raceVariable, os.Getenv(raceVariable)+" atexit_sleep_ms=0")
	testenv.Main(m, wire.Leaks()...)
}

func childMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	app := &cliEnv{stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	if err := app.run(ctx, service.Start{Options: service.Options{Version: buildVersion(), Roles: service.AllRoles, Pace: world.QuickPace}}); err != nil {
		fmt.Fprintln(os.Stderr, "mksync:", err)
		return 1
	}
	return 0
}

// child is the service as a process of its own.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	log *keeper.Log
}

// spawn starts the service as a process; its log goes to log. With arguments it
// is that command.
func spawn(w *world.World, log *keeper.Log, args ...string) *child {
	w.T.Helper()
	return spawnWith(w, log, nil, args...)
}

// spawnWith is spawn with more in the environment.
func spawnWith(w *world.World, log *keeper.Log, more []string, args ...string) *child {
	w.T.Helper()
	exe, err := os.Executable()
	require.NoError(w.T, err)
	cmd := exec.Command(exe, args...) // the test kills it
	cmd.Env = append(w.Environ(), childVariable+"=1")
	if len(args) > 0 {
		cmd.Env = append(w.Environ(), mainVariable+"=1")
	}
	cmd.Env = append(cmd.Env, more...)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(w.T, cmd.Start())
	c := &child{t: w.T, cmd: cmd, log: log}
	w.T.Cleanup(c.kill)
	return c
}

// kill ends the process as a power cut would.
func (c *child) kill() {
	if c.cmd.ProcessState != nil {
		return
	}
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// terminate ends the process with SIGTERM and returns its exit status.
func (c *child) terminate() int {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGTERM))
	_ = c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode()
}
