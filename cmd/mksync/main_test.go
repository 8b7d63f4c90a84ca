package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
)

func TestVersionIsPrinted(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"version"}, &stdout, &stderr))
	require.Regexp(t, `^mksync [0-9]+\.[0-9]+\.[0-9]+\S* \(go1\S+ \S+/\S+\)\n$`, stdout.String())
	require.Empty(t, stderr.String())
}

func TestEveryBuildHasASemanticVersion(t *testing.T) {
	t.Parallel()
	for build, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3-5-gafa42ea-dirty": "1.2.3-5-gafa42ea-dirty",
		"afa42ea": "0.0.0-dev+afa42ea", "afa42ea-dirty": "0.0.0-dev+afa42ea-dirty", "dev": "0.0.0-dev+dev", "a b_c": "0.0.0-dev+a-b-c",
	} {
		require.Equal(t, want, semantic(build))
	}
}

func TestHelpIsShownWithoutACommand(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	require.NoError(t, run(t.Context(), []string{}, &stdout, &stderr)) // not nil: that would be those of the test
	require.Contains(t, stdout.String(), "version")
}

func TestUnknownCommandIsAnError(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	for _, args := range [][]string{{"nonsense"}, {"nonsense", "--json"}, {"conflicts", "lst", "--nonsense"}} {
		require.ErrorContains(t, run(t.Context(), args, &stdout, &stderr), "unknown command \"")
	}
	require.ErrorContains(t, run(t.Context(), []string{"--nonsense"}, &stdout, &stderr), "mksync has no flag --nonsense")
}

func TestLoadRefusesAWrongConfiguration(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	app := &cliEnv{stderr: &stderr, environ: []string{"MKSYNC_LOG_LEVEL=loud"}}
	_, _, err := app.load(config.NeedDatabase)
	require.ErrorContains(t, err, "the configuration has 2 problems:")

	app.environ = []string{"MKSYNC_LOG_LEVEL=warn"}
	_, log, err := app.load()
	require.NoError(t, err)
	log.Info("not this")
	log.Warn("but this")
	require.NotContains(t, stderr.String(), "not this")
	require.Contains(t, stderr.String(), `"msg":"but this"`)
}
