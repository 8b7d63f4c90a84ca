package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/subprocess"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
)

// demoRun is `mksync demo` as a process of its own.
type demoRun struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *keeper.Log
	dir  string // its temporary directory
	done chan struct{}
}

// startDemo runs this test binary as `mksync demo`.
func startDemo(t *testing.T, env []string, args ...string) *demoRun {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	r := &demoRun{t: t, out: &keeper.Log{}, dir: t.TempDir(), done: make(chan struct{})}
	r.cmd = exec.Command(exe, append([]string{"demo"}, args...)...)
	r.cmd.Env = append(os.Environ(), append(env, mainVariable+"=1", "TMPDIR="+r.dir, "MKSYNC_POLL_INTERVAL=nonsense of the user's own")...)
	r.cmd.Stdout, r.cmd.Stderr = r.out, r.out
	r.cmd.WaitDelay = time.Second
	require.NoError(t, r.cmd.Start())
	go func() {
		defer close(r.done)
		_ = r.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.done
	})
	return r
}

// wait waits for the end and returns the exit status and all output.
func (r *demoRun) wait(within time.Duration) (int, string) {
	r.t.Helper()
	if _, ended := waits.Within(within, r.done); !ended {
		require.Fail(r.t, "the demo does not end", r.out.String())
	}
	return r.cmd.ProcessState.ExitCode(), r.out.String()
}

// shown waits until the output matches and returns what its group holds.
func (r *demoRun) shown(pattern string) string {
	r.t.Helper()
	var found []string
	testenv.Eventually(r.t, time.Minute, func() error {
		if found = regexp.MustCompile(pattern).FindStringSubmatch(r.out.String()); found == nil {
			return errors.New("not shown yet: " + pattern + "\n" + r.out.String())
		}
		return nil
	})
	return found[len(found)-1]
}

// gone waits until the service and Postgres have ended.
func (r *demoRun) gone(service int, postgres string) {
	r.t.Helper()
	testenv.Eventually(r.t, 10*time.Second, func() error {
		if alive(service) {
			return fmt.Errorf("the service still runs as process %d", service)
		}
		conn, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", postgres)
		if err == nil {
			_ = conn.Close()
			return errors.New("postgres still runs on " + postgres)
		}
		return nil
	})
}

// alive reports a process that is there and no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

func TestDemoTellsItsStoryAndBothSidesAgree(t *testing.T) {
	long.Only(t)
	t.Parallel()
	r := startDemo(t, []string{pgserver.URLVariable + "=" + testenv.Server(t).URL()})
	code, out := r.wait(90 * time.Second)
	require.Zero(t, code, out)
	for i, heading := range []string{
		"Start", "First sync", "New on either side", "Edits on either side", "A field is cleared", "Conflict", "A contact is deleted",
		"A value that cannot be sent", "kill -9", "MetaKocka goes away", "Both sides, side by side",
	} {
		require.Regexp(t, fmt.Sprintf(`(?m)^ ?%d  %s`, i+1, heading), out)
	}
	for _, part := range []string{
		`(?m)^contact +CRM +MetaKocka +status$`,
		`(?m)^Žiga Kovač +041 700 \d+ ziga@\S+ +041 700 \d+ ziga@\S+ +synced$`,
		`(?m)^Katja Hočevar +\(deleted\) .* deleted$`,
		`(?m)^Miha Bratuž .* 041 999 000 - +partial$`,
		`(?m)^Gregor Žagar .* synced$`,
		`add_partner calls for it: 0`,
		`rule +newest: .*`,
		`Čuk arhitekti d\.o\.o\.: 1 partner`,
		`waits for a person: Miha Bratuž: email`,
		`contacts 13   partners 14 \(1 of a deleted contact\)   duplicates 0`,
		`(?m)^Both sides agree: 12 contacts`,
	} {
		require.Regexp(t, part, out)
	}
	require.NotContains(t, out, "\x1b", "colour is for terminals")
	require.NotContains(t, out, " INF ", "the service's log is shown with --verbose only")
	for line := range strings.Lines(out) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), 100, line)
	}
	left, err := filepath.Glob(filepath.Join(r.dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left behind")
}

func TestInterruptedDemoCleansUp(t *testing.T) {
	long.Only(t)
	t.Parallel()
	r := startDemo(t, nil)
	postgres := r.shown(`throw-away server on (\S+),`)
	service := number(t, r.shown(`process (\d+) with`))
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	code, out := r.wait(10 * time.Second)
	require.Equal(t, exitStopped, code)
	require.Contains(t, out, "the demo was interrupted; everything it started has been removed")
	r.gone(service, postgres)
	left, err := filepath.Glob(filepath.Join(r.dir, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestKilledDemoLeavesNoProcess(t *testing.T) {
	long.Only(t)
	t.Parallel()
	if !subprocess.DiesWithParent {
		t.Skip("this system does not end a child with its parent")
	}
	r := startDemo(t, nil)
	postgres := r.shown(`throw-away server on (\S+),`)
	service := number(t, r.shown(`process (\d+) with`))
	require.NoError(t, r.cmd.Process.Kill())
	r.gone(service, postgres)
}
