package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// commandLine is one in the files of a deployment: the unit's, or a list in brackets.
var commandLine = regexp.MustCompile(`(?m)^ExecStart=(.+)$|(?:command|test|args): (\[.+\])|^(?:HEALTHCHECK .+ )?CMD (\[.+\])`)

// others begin the command lines of programs that are not ours.
func others() []string { return []string{"postgres", "pg_isready", "wget", "--config"} }

// TestWhatIsDeployedIsUnderstood: each command line has a command, flags and arguments that
// there are.
func TestWhatIsDeployedIsUnderstood(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]int{
		"deploy/systemd/mksync.service": 1, "Dockerfile": 2, "docker-compose.yml": 3, "deploy/cluster/compose.yaml": 3, "deploy/kustomize/deployment.yaml": 1,
	} {
		text, err := os.ReadFile("../../" + file)
		require.NoError(t, err)
		understood := 0
		for _, found := range commandLine.FindAllStringSubmatch(string(text), -1) {
			words := strings.Fields(found[1])
			if list := found[2] + found[3]; list != "" {
				require.NoError(t, yaml.Unmarshal([]byte(list), &words))
			}
			words = slices.DeleteFunc(words, func(word string) bool { return word == "CMD" || strings.HasSuffix(word, "/mksync") })
			if slices.Contains(others(), words[0]) {
				continue
			}

			root := newRootCommand(&cliEnv{stdout: io.Discard, stderr: io.Discard})
			cmd, rest, err := root.Find(words)
			require.NoError(t, err, "%s: %v", file, words)
			require.NotSame(t, root, cmd, "%s: %v", file, words)
			require.NoError(t, cmd.ParseFlags(rest), "%s: %v", file, words)
			require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), "%s: %v", file, words)
			understood++
		}
		require.Equal(t, want, understood, file)
	}
}
