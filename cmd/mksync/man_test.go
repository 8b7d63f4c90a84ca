package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryCommandHasAManPage, of the day that SOURCE_DATE_EPOCH says, which a formatter
// of man pages reads without a warning, where there is one.
func TestEveryCommandHasAManPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1767225600")
	dir := filepath.Join(t.TempDir(), "share", "man1")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"man", dir}, &out, &out))
	require.Empty(t, out.String())

	pages := map[string]string{}
	for _, cmd := range tree(testRoot()) {
		name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		text, err := os.ReadFile(filepath.Join(dir, name+".1"))
		require.NoError(t, err)
		require.Contains(t, string(text), `"Jan 2026" "mksync `+buildVersion()+`"`, name)
		require.Contains(t, string(text), cmd.Short, name)
		pages[name] = string(text)
	}
	require.Contains(t, pages["mksync"], "\n.EX\n0  done\n1  failed", "a list stays one")
	require.Contains(t, pages["mksync-doctor"], "\n.EX\nok    as it should be\nnote  works")

	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("there is no groff to read the pages")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.1"))
	require.NoError(t, err)
	shown, err := exec.CommandContext(t.Context(), groff, append([]string{"-Kutf8", "-man", "-Tutf8", "-ww", "-z"}, files...)...).CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(shown))
}
