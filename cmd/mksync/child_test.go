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

	"github.com/crmmind/mksync/internal/config"
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

// environ is the world's configuration as a process gets it.
func environ(w *world.World) []string {
	c, usual := w.Config, config.Default()
	env := []string{
		"MKSYNC_CONFIG=" + w.File,
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
		raceVariable + "=" + os.Getenv(raceVariable),
		"MKSYNC_DATABASE_URL=" + c.DatabaseURL.Reveal(), "MKSYNC_DATA_DIR=" + c.DataDir,
		"MKSYNC_INSTANCE=" + c.Instance,
		"MKSYNC_SLOT=" + c.Slot, "MKSYNC_PUBLICATION=" + c.Publication,
		"MKSYNC_METAKOCKA_URL=" + c.MetaKockaURL, "MKSYNC_METAKOCKA_COMPANY_ID=" + c.MetaKockaCompanyID,
		"MKSYNC_METAKOCKA_SECRET_KEY=" + c.MetaKockaSecretKey.Reveal(),
		"MKSYNC_METAKOCKA_TIMEOUT=" + c.MetaKockaTimeout.String(), "MKSYNC_METAKOCKA_SETTLE=" + c.MetaKockaSettle.String(),
		"MKSYNC_POLL_INTERVAL=" + c.PollInterval.String(), "MKSYNC_HTTP_ADDR=" + c.HTTPAddr,
		"MKSYNC_NATS_URL=" + c.NATSURL.Reveal(), "MKSYNC_LOG_FORMAT=text", "MKSYNC_LOG_LEVEL=info",
		fmt.Sprintf("MKSYNC_MAX_DELETES=%d", c.MaxDeletes), fmt.Sprintf("MKSYNC_AUTO_IMPORT=%t", c.AutoImport),
		"MKSYNC_NATS_SYNC_INTERVAL=" + c.NATSSyncInterval.String(), fmt.Sprintf("MKSYNC_STREAM_REPLICAS=%d", c.StreamReplicas),
	}

	// What is set is no question any more for mksync init.
	if c.Schema != usual.Schema {
		env = append(env, "MKSYNC_SCHEMA="+c.Schema)
	}
	if c.ContactsTable != usual.ContactsTable {
		env = append(env, "MKSYNC_CONTACTS_TABLE="+c.ContactsTable)
	}
	return env
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
	cmd.Env = append(environ(w), childVariable+"=1")
	if len(args) > 0 {
		cmd.Env = append(environ(w), mainVariable+"=1")
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
