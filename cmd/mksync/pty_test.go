package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// session is a mksync process on a pseudo terminal.
type session struct {
	w      *world.World
	cmd    *exec.Cmd
	master *os.File
	shown  *keeper.Log
	read   chan struct{} // closed when all was read
}

// onPTY starts the command on a terminal so many columns wide.
func onPTY(w *world.World, columns int, args ...string) *session {
	w.T.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(commandEnviron(w), mainVariable+"=1", "TERM=xterm")
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: uint16(columns)})
	require.NoError(w.T, err)
	s := &session{w: w, cmd: cmd, master: master, shown: &keeper.Log{}, read: make(chan struct{})}
	go func() {
		defer close(s.read)
		_, _ = io.Copy(s.shown, master)
	}()
	w.T.Cleanup(func() { _, _ = s.wait() })
	return s
}

// until waits until words are shown.
func (s *session) until(words string) {
	s.w.T.Helper()
	s.w.Eventually(func() error {
		if text := s.shown.String(); !strings.Contains(text, words) {
			return fmt.Errorf("%q is not shown, but %q", words, text)
		}
		return nil
	})
}

// interrupt presses Ctrl-C.
func (s *session) interrupt() {
	s.w.T.Helper()
	_, err := s.master.Write([]byte{3})
	require.NoError(s.w.T, err)
}

// wait returns how the process ended and what it showed.
func (s *session) wait() (status int, shown string) {
	if _, ended := waits.Within(30*time.Second, s.read); !ended {
		_ = s.cmd.Process.Kill()
		<-s.read
	}
	_ = s.cmd.Wait()
	_ = s.master.Close()
	return s.cmd.ProcessState.ExitCode(), strings.ReplaceAll(s.shown.String(), "\r\n", "\n")
}

// orders are what mksync itself says to a terminal.
var orders = regexp.MustCompile(`\x1b\[([0-9;]*m|\?25[lh]|[HJK]|2J)`)

func TestCommandsOnTerminals(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	id, _ := synced(w, mapping.Contact{Name: "Evil \u009b2J\u202e čšž 中文", Email: "ana@novak.si"})
	w.Add(mapping.Contact{Name: " ", Email: strings.Repeat("bor@primer.si ", 9)})
	w.Start()
	w.Eventually(func() error { return mksync(w, "mappings").err })
	deadLettered(w)
	for _, columns := range long.Every(3, []int{40, 80, 200}) {
		for args, status := range map[string]int{"mappings": 0, "partners": 0, "status": 0, "deadletters list": 0, "sync --all": exitPart, "doctor": 0} {
			got, shown := onPTY(w, columns, strings.Fields(args)...).wait()
			require.Equal(t, status, got, "%s: %s", args, shown)
			for line := range strings.Lines(orders.ReplaceAllString(shown, "")) {
				line = line[strings.LastIndex(line, "\r")+1:]
				line = strings.TrimSuffix(line, "\n")
				require.NotContains(t, line, "\x1b", args)
				require.Equal(t, terminal.Clean(line), line, args)
				if !strings.HasPrefix(line, "mksync: ") { // the terminal breaks what is told by the way
					require.LessOrEqual(t, terminal.Width(line), columns, "%s: %q", args, line)
				}
			}
		}
	}
	_, shown := onPTY(w, 40, "mappings").wait()
	require.Contains(t, shown, id, "ids stay whole")
	require.Contains(t, shown, "mksync: through the running service (mksync ")
}

// deadLettered waits until the invalid contact is a dead letter.
func deadLettered(w *world.World) {
	w.T.Helper()
	w.Eventually(func() error {
		if s := mksync(w, "deadletters", "list"); s.err != nil || s.stdout == "" {
			return fmt.Errorf("no dead letter yet: %s", s.stderr)
		}
		return nil
	})
}

// TestMergeIsAskedForOnATerminal: what is not answered with yes merges nothing.
func TestMergeIsAskedForOnATerminal(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	loser, winner := w.Add(mapping.Contact{Name: "Ana"}), w.Add(mapping.Contact{Name: "Ana"})
	for typed, want := range map[string]int{"\x03": exitStopped, "n\n": exitFailed, "y\n": 0} {
		s := onPTY(w, 80, "merge", loser, winner)
		s.until("Merge them? [y/N]")
		_, err := s.master.WriteString(typed)
		require.NoError(t, err)
		status, shown := s.wait()
		require.Equal(t, want, status, "%q: %s", typed, shown)
		if want == 0 {
			mksync(w, "merge", "undo", w.One("SELECT max(id)::text FROM mksync_merges")).lines()
		}
		require.Equal(t, "2", w.One("SELECT count(*)::text FROM contacts"), typed)
	}
}

func TestStatusIsWatched(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Start()
	w.Eventually(func() error { return mksync(w, "mappings").err })
	s := onPTY(w, 60, "status", "--watch", "--interval", "100ms")
	s.until("Ctrl-C ends it")
	w.Add(mapping.Contact{Name: "Ana"})
	s.until("1 synced")
	s.interrupt()
	status, shown := s.wait()
	require.Zero(t, status, shown)
	require.True(t, strings.Contains(shown, "\x1b[H") && strings.HasSuffix(strings.TrimSuffix(shown, "^C"), "\x1b[?25h"), "%q", shown)

	for _, flag := range []string{"--json=false", "--json"} {
		cmd := exec.Command(os.Args[0], "status", "--watch", "--interval", "100ms", flag)
		out := &keeper.Log{}
		cmd.Env, cmd.Stdout = append(commandEnviron(w), mainVariable+"=1"), out
		require.NoError(t, cmd.Start())
		before := map[string]string{"--json": `"synced":1`, "--json=false": "1 synced"}[flag]
		w.Eventually(func() error {
			if !strings.Contains(out.String(), before) {
				return fmt.Errorf("shown is %q", out)
			}
			return nil
		})
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), "Ctrl-C ends it with 0")
		require.NotContains(t, out.String(), "\x1b")
	}
}

// TestCtrlCLeavesEverythingConsistent: what is under way comes to its end, it is
// said what was done, and the same command does the rest.
func TestCtrlCLeavesEverythingConsistent(t *testing.T) {
	t.Parallel()
	for name, running := range map[string]bool{"through the running service": true, "by itself": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const all = 40
			w := world.New(t, sim.Options{})
			for i := range all {
				w.Add(mapping.Contact{Name: fmt.Sprintf("Oseba %d", i)})
			}
			w.Latency(500 * time.Millisecond) // whoever goes on has far to go
			if running {
				w.Start("api")
				w.Eventually(func() error { return mksync(w, "mappings").err })
			}
			s := onPTY(w, 80, "sync", "--all")
			s.until("] syncing: ")
			s.interrupt()
			status, shown := s.wait()
			require.Equal(t, exitStopped, status, shown)
			require.Contains(t, shown, "nothing goes on by itself, the same command does the rest")
			require.Regexp(t, `stopped after \d+`, shown)
			require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE intent IS NOT NULL"))
			done := len(w.ERP.Partners())
			require.Less(t, done, all)
			require.Equal(t, done, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'synced'"))
			require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
			mksync(w, "sync", "--all").lines()
			require.Len(t, w.ERP.Partners(), all)
		})
	}
}

func TestIDsFromStandardInput(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Ana", "", "ana@primer.si"), world.Person("7002", "Bor", "", "")}})
	mksyncReading(w, "7001  \"Ana\"  and what a list says of it\n\n# not this\n7002\n", "import", "-").well()
	ids := mksync(w, "mappings").ids()
	require.Len(t, ids, 2)
	contacts := strings.Split(w.One("SELECT string_agg(contact_id::text, E'\n') FROM metakocka_contact_mappings"), "\n")
	s := mksyncReading(w, strings.Join(contacts, "\n")+"\n5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10\n", "sync", "-")
	require.ErrorIs(t, s.err, errInPart)
	require.Contains(t, s.stderr, "3 contacts: 2 done, 1 failed")
	require.Contains(t, s.stdout, "5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10  failed  there is no contact")
	mksyncReading(w, "# nothing\n", "sync", "-").refused("standard input names nothing")
}

func (s said) well() {
	s.t.Helper()
	require.NoError(s.t, s.err, s.stderr+s.stdout)
}

// TestShellCompletesWordsAndIDs asks a real bash, with as much of bash-completion
// as cobra's script asks of it.
func TestShellCompletesWordsAndIDs(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	disputed(w)
	bin := t.TempDir()
	require.NoError(t, os.Symlink(executable(t), filepath.Join(bin, "mksync")))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "completion"), []byte(mksync(w, "completion", "bash").stdout), 0o600))
	complete := func(line string) string {
		script := `_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
			compopt() { :; }
			source "${PATH%%:*}/completion"
			COMP_LINE=$1; COMP_POINT=${#1}; read -ra COMP_WORDS <<< "$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_TYPE=9
			__start_mksync; printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command(bash, "--norc", "-c", script, "bash", line)
		cmd.Env = append(commandEnviron(w), mainVariable+"=1", "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.Join(strings.Fields(string(out)), " ")
	}
	require.Equal(t, "status", complete("mksync sta"))
	require.Equal(t, "crm metakocka", complete("mksync conflicts resolve 1 --take "))
	require.Equal(t, "newest", complete("mksync replay --authority n"))
	require.Equal(t, "pending partial", complete("mksync mappings --status p"))
	require.Equal(t, "listener,pusher listener,puller", complete("mksync run --roles listener,pu"))
	require.Empty(t, complete("mksync conflicts resolve --take crm "), "no service runs")
	w.Start("api")
	w.Eventually(func() error { return mksync(w, "mappings").err })
	require.Equal(t, "1 2", complete("mksync conflicts resolve --take crm "))
	require.Equal(t, "1 2", complete("mksync conflicts show "))
	require.Equal(t, "list resolve show undo", regexp.MustCompile(`\s*\([^)]*\)`).ReplaceAllString(complete("mksync conflicts "), ""))
}

// executable is the test binary, which is mksync where mainVariable says so.
func executable(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	return path
}

// TestCommandsOfAnotherVersionAreTold: a service answers, but not this.
func TestCommandsOfAnotherVersionAreTold(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, _ := w.Start("poller") // without the role api nothing is answered
	svc, err := micro.AddService(s.Conn, micro.Config{Name: "mksync", Version: "0.0.1"})
	require.NoError(t, err)
	defer func() { require.NoError(t, svc.Stop()) }()
	mksync(w, "mappings").refused("through the running service (mksync 0.0.1)", "does not know this request", "use the same version")
}
