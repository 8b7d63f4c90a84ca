package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// testRoot is the command tree, which prints nowhere.
func testRoot() *cobra.Command {
	return newRootCommand(&cliEnv{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard})
}

// noData are the commands that print no data, but what they do meanwhile, or where it is.
var noData = map[string]bool{"mksync demo": true, "mksync healthcheck": true, "mksync init": true, "mksync man": true, "mksync run": true, "mksync simulator": true, "mksync support": true}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	voice := regexp.MustCompile(`^[A-Z][^.]*[^.]$`)
	for _, cmd := range tree(testRoot()) {
		path := cmd.CommandPath()
		require.Regexp(t, voice, cmd.Short, path)
		require.NotNil(t, cmd.Args, "%s checks no arguments", path)
		for _, args := range [][]string{nil, {"1", "2", "3", "4"}} {
			if err := cmd.Args(cmd, args); err != nil {
				require.NotContains(t, err.Error(), "arg(s)", "%s does not say what it takes", path)
			}
		}
		require.NotEmpty(t, cmd.Example, path)
		for line := range strings.Lines(cmd.Example) {
			require.Regexp(t, `^  (mksync .*\| )?`+path+`\b`, line, "%s: an example shows the command itself, or what feeds it", path)
		}
		for _, line := range strings.Split(cmd.Long, "\n") {
			require.LessOrEqual(t, terminal.Width(line), 112, path)
		}
		if !cmd.HasSubCommands() && !noData[path] {
			require.NotNil(t, cmd.Flags().Lookup("json"), "%s has no --json", path)
		}
	}
}

// TestExamplesAreRight runs the arguments of every example through the command's
// own checks.
func TestExamplesAreRight(t *testing.T) {
	t.Parallel()
	for _, cmd := range tree(testRoot()) {
		for line := range strings.Lines(cmd.Example) {
			last, _, _ := strings.Cut(line[strings.LastIndex(line, "| ")+1:], " < ")
			args := shellWords(last)[1:]
			found, rest, err := testRoot().Find(args)
			require.NoError(t, err, line)
			require.NoError(t, found.ParseFlags(rest), line)
			require.NoError(t, found.ValidateArgs(found.Flags().Args()), line)
		}
	}
}

// TestWhatIsMissingOrMalformedIsUsage: of every command that has to be told what it is about,
// and of every time that it takes.
func TestWhatIsMissingOrMalformedIsUsage(t *testing.T) {
	t.Parallel()
	check := func(path, words string) error {
		cmd, rest, err := testRoot().Find(shellWords(path + " " + words)[1:])
		require.NoError(t, err, path)
		if err := cmd.ParseFlags(rest); err != nil {
			return cmd.FlagErrorFunc()(cmd, err)
		}
		return cmd.ValidateArgs(cmd.Flags().Args())
	}
	var usage *usageError
	times := 0
	for _, cmd := range tree(testRoot()) {
		path := cmd.CommandPath()
		if operand := regexp.MustCompile(`^[a-z-]+ [A-Z]`); operand.MatchString(cmd.Use) {
			require.ErrorAs(t, check(path, ""), &usage, "%s without anything", path)
		}

		example, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() == "string" && strings.Contains(f.Usage, "time") {
				times++
				require.ErrorAs(t, check(example, "--"+f.Name+" nonsense"), &usage, "%s --%s", path, f.Name)
			}
		})
	}
	require.Greater(t, times, 5)
}

// shellWords splits a line as a shell does that knows double quotes only.
func shellWords(line string) (words []string) {
	for i, part := range strings.Split(strings.TrimSpace(line), `"`) {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestThePageOfCommandsNamesEachOfThem: docs/commands.md does, with flags that there are.
func TestThePageOfCommandsNamesEachOfThem(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/commands.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "\n## What there is\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	root, named := testRoot(), map[string]bool{}
	for _, span := range regexp.MustCompile(`(?m)^\| .*\|$`).FindAllString(table, -1) {
		for _, line := range regexp.MustCompile("`mksync ([^`]+)`").FindAllStringSubmatch(strings.Split(span, " | ")[0], -1) {
			if name := strings.Fields(line[1])[0]; name == "completion" || name == "help" {
				continue // cobra's
			}
			cmd, _, err := root.Find(strings.Fields(line[1]))
			require.NoError(t, err, line[1])
			require.NotEqual(t, root, cmd, "there is no %q", line[1])
			for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(line[1], -1) {
				require.NotNil(t, cmd.Flags().Lookup(flag[1]), "%s has no --%s", cmd.CommandPath(), flag[1])
			}
			named[cmd.CommandPath()] = true
		}
	}
	for _, cmd := range tree(root) {
		if !cmd.HasSubCommands() {
			require.True(t, named[cmd.CommandPath()], "docs/commands.md does not name %s", cmd.CommandPath())
		}
	}
}

func TestWrongCommandLinesAreExplained(t *testing.T) {
	t.Parallel()
	for line, says := range map[string][]string{
		"statsu":                         {`unknown command "statsu" for "mksync"; did you mean status?`},
		"nonsense":                       {`unknown command "nonsense" for "mksync"; there are`, "status"},
		"conflicts lst":                  {`unknown command "lst" for "mksync conflicts"; did you mean list?`},
		"conflicts resolve":              {"the ID of the conflict is missing", "for example:  mksync conflicts resolve 12 --take crm"},
		"conflicts resolve 1 2":          {"one conflict at a time"},
		"conflicts resolve 1":            {"--take is missing: whose value both sides get, crm or metakocka"},
		"conflicts resolve 1 --take cm":  {`--take: "cm" is not one of crm, metakocka; did you mean crm?`},
		"status --jsn":                   {"mksync status has no flag --jsn; did you mean --json?"},
		"duplicates dismiss 1":           {"name two contacts, or with --partners two partners"},
		"support a b":                    {"name one file, or none: got 2"},
		"status now":                     {`mksync status takes no arguments, and got "now"`},
		"mappings --status sinced":       {`--status: "sinced" is not one of`, "did you mean synced?"},
		"sync":                           {"name the contacts, or give --all", "usage:        mksync sync CONTACT_ID... | - | --all"},
		"sync - a":                       {"goes alone"},
		"import --all 7":                 {"either name some partners or give --all"},
		"deletions approve":              {"name the deletions, or give --all"},
		"deadletters retry":              {"name the dead letters, or give --all"},
		"replay":                         {"either --since or --from-seq says where to begin"},
		"replay --since 1h --from-seq 1": {"either --since or --from-seq says where to begin"},
		"replay --from-seq -1":           {`--from-seq: "-1" is not a whole number of at least 0`},
		"duplicates --limit ten":         {`--limit: "ten" is not a whole number`},
		"simulator --error-rate half":    {`--error-rate: "half" is not a number`},
		"check --repair=perhaps":         {`--repair: "perhaps" is not true or false`},
		"replay --since yesterday":       {"--since:", "is not a time such as"},
		"replay --since 1h --authority":  {"authority"},
		"undo":                           {"name the writes by their ids (mksync history), or say --contact with --to, --job, or --since with --until", "for example:  mksync undo 1201 1202"},
		"undo --to yesterday":            {"--to:", "is not a time such as"},
		"undo --since noon --until 13":   {"--since:", "is not a time such as"},
		"history --since nonsense":       {`--since: "nonsense" is not a time such as`, "usage:        mksync history"},
		"history --until nonsense":       {"--until:", "is not a time such as"},
		"history now":                    {`mksync history takes no arguments, and got "now"`},
		"why":                            {"the ID of the contact is missing"},
		"why 5f0f6d1e fone":              {`"fone" is none of`, "did you mean phone?"},
		"run --roles pushr":              {`--roles: "pushr" is none of`},
		"simulator --error-rate 2":       {"--error-rate: not between 0 and 1"},
	} {
		var stderr bytes.Buffer
		err := run(t.Context(), strings.Fields(line), io.Discard, &stderr)
		require.Error(t, err, line)
		for _, words := range says {
			require.ErrorContains(t, err, words, line)
		}
		require.ErrorContains(t, err, "--help", line)
		require.Equal(t, exitUsage, exitStatus(err, false), "%s: %v", line, err)
	}
}

// TestWhatTheServiceRefusesAsMalformedIsUsage: whoever finds a command line malformed, the
// command, the service, or the parts that the command opens where none runs.
func TestWhatTheServiceRefusesAsMalformedIsUsage(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Sharing()
	id := w.Add(mapping.Contact{Name: "Ana Novak", Email: "ana@primer.si"})
	ends := func(status int, line string, says ...string) {
		t.Helper()
		s := mksync(w, shellWords(line)...)
		require.Equal(t, status, exitStatus(s.err, false), "%s: %v", line, s.err)
		for _, words := range says {
			require.Contains(t, s.stderr, words, line)
		}
	}

	ends(exitUsage, "undo --to 2100-01-01", "no service is running", "contactId: is missing: to is for one contact", "usage:        mksync undo HISTORY_ID", "more:         mksync undo --help")
	w.API()
	ends(exitUsage, "undo --to 2100-01-01", "through the running service", "contactId: is missing: to is for one contact", "more:         mksync undo --help")
	for _, line := range []string{"undo x --contact " + id + " --to 2100-01-01", "why x", "mappings --contact x", "history --contact x", "link x 7001", "merge " + id + " " + id + " --yes", "jobs show x"} {
		ends(exitUsage, line, "--help")
	}
	ends(exitFailed, "link "+id+" 7001")
	ends(exitFailed, "jobs show 0f4e2c1a-6d8b-4b0e-a3ad-6c2b0b6a9d10", "there is no job")

	ends(exitUsage, "sync x y", "x: ", "y: ")
	ends(exitPart, "sync x "+id, "x: ")
	ends(exitFailed, "jobs cancel x 0f4e2c1a-6d8b-4b0e-a3ad-6c2b0b6a9d10", "x: ", "there is no job")
}

func TestExitStatusesTellOutcomesApart(t *testing.T) {
	t.Parallel()
	require.Equal(t, 0, exitStatus(nil, true), "run ends with 0 when it is asked to stop")
	require.Equal(t, exitFailed, exitStatus(errors.New("no"), false))
	require.Equal(t, exitFailed, exitStatus(partly(2, 2), false))
	require.Equal(t, exitPart, exitStatus(partly(1, 2), false))
	require.NoError(t, partly(0, 0))
	require.Equal(t, exitStopped, exitStatus(stopped("after %d", 3), false))
	require.Equal(t, exitStopped, exitStatus(context.Canceled, true))
	help := testRoot().Long
	for _, status := range []string{"0  done", "1  failed", "2  not understood", "3  done in part", "130  stopped"} {
		require.Contains(t, help, status)
	}
}

// What JSON means stays the same where what commands a terminal is written out.
func TestJSONCommandsNoTerminal(t *testing.T) {
	t.Parallel()
	const evil = "Ana\x1b[2J\u009b31m \u202enova\r\b\x7f \U000e0001"
	var out bytes.Buffer
	require.NoError(t, (&cliEnv{stdout: terminal.New(&out, nil)}).printJSON(evil))
	require.NotContains(t, out.String(), "\u009b")
	var back string
	require.NoError(t, json.Unmarshal(out.Bytes(), &back))
	require.Equal(t, evil, back)
}
