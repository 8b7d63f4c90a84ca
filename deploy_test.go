package mksync_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/pgserver"
)

// TestTheExampleIsTheTableOfTheTests: the contacts table that people try mksync with is
// the one of the demo, the benchmark and the tests.
func TestTheExampleIsTheTableOfTheTests(t *testing.T) {
	t.Parallel()
	require.Contains(t, content(t, "deploy/contacts.sql"), strings.TrimSpace(pgserver.ContactsSchema)+";\n")
}

func content(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

const (
	unitFile  = "deploy/systemd/mksync.service"
	installed = "/usr/bin/mksync" // the unit's
)

// TestWhatIsDeployedSetsSettingsThatThereAre: the unit, what is commented out in it
// included, and the image.
func TestWhatIsDeployedSetsSettingsThatThereAre(t *testing.T) {
	t.Parallel()
	variable := regexp.MustCompile(`MKSYNC_[A-Z_]+`)
	named := map[string][]string{}
	for _, file := range []string{unitFile, "Dockerfile"} {
		named[file] = variable.FindAllString(content(t, file), -1)
	}
	for file, names := range named {
		require.NotEmpty(t, names, file)
		for _, name := range names {
			if _, err := config.Load("", []string{name + "=x"}); err != nil {
				require.NotContains(t, err.Error(), "unknown variable", file)
			}
		}
	}

	for _, secret := range regexp.MustCompile(`=%d/(\w+)`).FindAllStringSubmatch(content(t, unitFile), -1) {
		require.Contains(t, content(t, unitFile), "LoadCredential="+secret[1]+":", "the unit reads a credential that it does not load")
	}
}

// TestTheImageNeedsNothingButItsBinary: no shell, no user database, no time zones and no
// certificates are beside it, and every health check is its own.
func TestTheImageNeedsNothingButItsBinary(t *testing.T) {
	t.Parallel()
	_, image, found := strings.Cut(content(t, "Dockerfile"), "\nFROM scratch\n")
	require.True(t, found)
	require.NotContains(t, image, "\nRUN ")
	require.Regexp(t, `(?m)^USER [1-9]\d*:[1-9]\d*$`, image)
	require.Regexp(t, `(?m)^HEALTHCHECK .* CMD \["/usr/local/bin/mksync", "healthcheck"\]$`, image)
	asks := []string{"CMD", "/usr/local/bin/mksync", "healthcheck"}
	require.Equal(t, asks, readCompose(t, trialFile).Services["mksync"].Healthcheck.Test)
	require.Equal(t, asks, readCompose(t, clusterFile).Services["mksync-1"].Healthcheck.Test)

	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./cmd/mksync").Output()
	require.NoError(t, err)
	for _, pkg := range []string{"time/tzdata", "golang.org/x/crypto/x509roots/fallback"} {
		require.True(t, slices.Contains(strings.Fields(string(out)), pkg), "the binary lacks %s", pkg)
	}
}

// TestTheUnitIsRightAndTight, as systemd itself sees it, where it is there: threshold 15
// is an exposure of 1.5 of 10.
func TestTheUnitIsRightAndTight(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	text := content(t, unitFile)
	require.Contains(t, text, "ExecStart="+installed+" run")
	binary, err := os.Executable() // verify looks for the program
	require.NoError(t, err)
	unit := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	require.NoError(t, os.WriteFile(unit, []byte(strings.Replace(text, installed, binary, 1)), 0o600))

	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), unit, "a warning")
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=15", "--no-pager", unit).CombinedOutput()
	require.NoError(t, err, string(out))
}

// TestEveryFileThatIsDeployedIsTested: a test names it, or reads all of its folder.
func TestEveryFileThatIsDeployedIsTested(t *testing.T) {
	t.Parallel()
	var tests strings.Builder
	for _, file := range sources(t) {
		if strings.HasSuffix(file, "_test.go") {
			tests.WriteString(content(t, file))
		}
	}
	whole := []string{base, "deploy/cluster/secrets"}
	require.NoError(t, filepath.WalkDir("deploy", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(file) == ".go" || slices.Contains(whole, path.Dir(file)) {
			return err
		}
		named := []string{file, "/" + entry.Name() + `"`, `"` + strings.TrimSuffix(entry.Name(), ".sh") + `"`}
		require.True(t, slices.ContainsFunc(named, func(name string) bool { return strings.Contains(tests.String(), name) }), "no test is about %s", file)
		return nil
	}))
}
