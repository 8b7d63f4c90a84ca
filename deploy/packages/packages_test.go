package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const top = "../.."

// TestTheReleaseIsMadeOfFilesThatThereAre: what the packages hold, but for what is built
// (bin), and their scripts; nfpm gets what it knows alone.
func TestTheReleaseIsMadeOfFilesThatThereAre(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(top, ".goreleaser.yaml"))
	require.NoError(t, err)
	described, err := describe(text, "1.2.3", "amd64", "bin/mksync")
	require.NoError(t, err)
	require.NotContains(t, described, "formats")
	require.Equal(t, "mksync", described["name"])

	var files []string
	for _, script := range described["scripts"].(map[string]any) {
		files = append(files, script.(string))
	}
	for _, content := range described["contents"].([]any) {
		if src, _ := content.(map[string]any)["src"].(string); src != "" && !strings.HasPrefix(src, "bin/") {
			files = append(files, src)
		}
	}
	for _, file := range files {
		require.FileExists(t, filepath.Join(top, file))
	}
	require.Contains(t, files, "deploy/systemd/mksync.service")
	require.Contains(t, files, "mksync.example.yaml")
}

// TestTheInstalledConfigurationIsRight, as it is and with what is commented out in it.
func TestTheInstalledConfigurationIsRight(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("mksync.yaml")
	require.NoError(t, err)
	all := filepath.Join(t.TempDir(), "mksync.yaml")
	require.NoError(t, os.WriteFile(all, regexp.MustCompile(`(?m)^# (\w+: )`).ReplaceAll(text, []byte("$1")), 0o600))
	for _, file := range []string{"mksync.yaml", all} {
		cfg, err := config.Load(file, nil)
		require.NoError(t, err)
		require.Equal(t, "/var/lib/mksync", cfg.DataDir)
	}
	cfg, err := config.Load(all, nil)
	require.NoError(t, err)
	require.Equal(t, "1234", cfg.MetaKockaCompanyID)
}

// stage is an empty system that scripts of packages are run on: the programs they call
// write down that they were called.
type stage struct {
	t    *testing.T
	root string
	env  []string
}

const (
	getent  = "grep -q \"^$2:\" \"$DPKG_ROOT/etc/$1\"\n"
	useradd = "for name; do :; done\necho \"$name:x:777:777::/:\" >> \"$DPKG_ROOT/etc/passwd\"\n"
)

func newStage(t *testing.T, systemd bool) stage {
	t.Helper()
	s := stage{t, t.TempDir(), nil}
	bin := t.TempDir()
	s.env = append(os.Environ(), "PATH="+bin+":/usr/sbin:/usr/bin:/sbin:/bin", "DPKG_ROOT="+s.root)
	for _, dir := range []string{"etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"} {
		require.NoError(t, os.MkdirAll(filepath.Join(s.root, dir), 0o755))
	}
	if systemd {
		require.NoError(t, os.MkdirAll(filepath.Join(s.root, "run/systemd/system"), 0o755))
	}
	for _, file := range []string{"etc/passwd", "var/lib/dpkg/status", "var/lib/dpkg/available"} {
		require.NoError(t, os.WriteFile(filepath.Join(s.root, file), nil, 0o600))
	}
	for program, does := range map[string]string{"getent": getent, "useradd": useradd, "systemctl": ""} {
		script := "#!/bin/sh\n"
		if program != "getent" { // which only asks
			script += fmt.Sprintf("echo %s \"$@\" >> \"$DPKG_ROOT/called\"\n", program)
		}
		require.NoError(t, os.WriteFile(filepath.Join(bin, program), []byte(script+does), 0o700)) //nolint:gosec // it is run
	}
	return s
}

// run runs a program and returns what it had called.
func (s stage) run(name string, args ...string) (called []string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, string(out))
	record := filepath.Join(s.root, "called")
	text, err := os.ReadFile(record)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(s.t, err)
	require.NoError(s.t, os.Remove(record))
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// dpkg manages the packages of the stage, whose dependencies are none of its matter.
func (s stage) dpkg(args ...string) (called []string) {
	s.t.Helper()
	return s.run("dpkg", append([]string{"--root=" + s.root, "--force-script-chrootless", "--force-depends"}, args...)...)
}

const (
	adds    = "useradd --system --user-group --home-dir /var/lib/mksync --no-create-home --shell /usr/sbin/nologin mksync"
	reload  = "systemctl daemon-reload"
	restart = "systemctl --no-block try-restart mksync.service"
	ends    = "systemctl disable --now mksync.service"
)

// TestTheScriptsOfThePackages, as dpkg and rpm call them: nothing is started that did not
// run, nothing stops in an upgrade, and a user is made once.
func TestTheScriptsOfThePackages(t *testing.T) {
	t.Parallel()
	s, bare := newStage(t, true), newStage(t, false)
	for _, c := range []struct {
		script string
		args   []string
		calls  []string
	}{
		{"preinstall", []string{"install"}, []string{adds}},
		{"preinstall", []string{"upgrade", "0.1.0", "0.2.0"}, nil},
		{"preinstall", []string{"1"}, nil},
		{"postinstall", []string{"configure", ""}, []string{reload}},
		{"postinstall", []string{"configure", "0.1.0"}, []string{reload, restart}},
		{"postinstall", []string{"abort-upgrade", "0.2.0"}, nil},
		{"postinstall", []string{"1"}, []string{reload}},
		{"postinstall", []string{"2"}, []string{reload, restart}},
		{"preremove", []string{"upgrade", "0.2.0"}, nil},
		{"preremove", []string{"1"}, nil},
		{"preremove", []string{"remove"}, []string{ends}},
		{"preremove", []string{"0"}, []string{ends}},
		{"postremove", []string{"upgrade", "0.2.0"}, nil},
		{"postremove", []string{"1"}, nil},
		{"postremove", []string{"remove"}, []string{reload}},
		{"postremove", []string{"0"}, []string{reload}},
	} {
		args := append([]string{c.script + ".sh"}, c.args...)
		require.Equal(t, c.calls, s.run("/bin/sh", args...), "%v", args)
		if c.script != "preinstall" {
			require.Empty(t, bare.run("/bin/sh", args...), "%v without systemd", args)
		}
	}
}

// line is what dpkg-deb and ls say of a file: mode, owner, size, day, time, path.
var line = regexp.MustCompile(`(?m)^(\S+) (\S+/\S+) +\d+ \S+ \S+ \.(/\S*)$`)

// TestTheDeb that `make package` has built: what it holds, and that it is installed,
// upgraded with the configuration kept, removed and purged.
func TestTheDeb(t *testing.T) {
	t.Parallel()
	deb := os.Getenv("MKSYNC_TEST_DEB")
	if deb == "" {
		t.Skip("`make package` builds a deb and tries it")
	}
	out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--contents", deb).Output()
	require.NoError(t, err)
	holds := map[string]string{}
	for _, found := range line.FindAllStringSubmatch(string(out), -1) {
		holds[found[3]] = found[1] + " " + found[2]
	}
	for file, is := range map[string]string{
		"/usr/bin/mksync":                                   "-rwxr-xr-x root/root",
		"/etc/mksync/":                                      "drwxr-x--- root/mksync",
		"/etc/mksync/mksync.yaml":                           "-rw-r----- root/mksync",
		"/usr/lib/systemd/system/mksync.service":            "-rw-r--r-- root/root",
		"/usr/share/man/man1/mksync.1.gz":                   "-rw-r--r-- root/root",
		"/usr/share/man/man1/mksync-conflicts-resolve.1.gz": "-rw-r--r-- root/root",
		"/usr/share/bash-completion/completions/mksync":     "-rw-r--r-- root/root",
		"/usr/share/fish/vendor_completions.d/mksync.fish":  "-rw-r--r-- root/root",
		"/usr/share/zsh/vendor-completions/_mksync":         "-rw-r--r-- root/root",
		"/usr/share/doc/mksync/mksync.example.yaml":         "-rw-r--r-- root/root",
		"/usr/share/doc/mksync/copyright":                   "-rw-r--r-- root/root",
	} {
		require.Equal(t, is, holds[file], file)
	}
	for file, is := range holds {
		require.Regexp(t, `^/($|etc/($|mksync/)|usr/)`, file)
		require.True(t, strings.HasSuffix(is, " root/root") || strings.HasPrefix(file, "/etc/mksync/"), "%s: %s", file, is)
		require.NotRegexp(t, `^(.{5}w|.{8}w|\S*[stST])`, is, file)
	}

	if os.Getuid() != 0 {
		t.Skip("only root installs packages, even into a folder")
	}
	installs(t, deb)
}

func installs(t *testing.T, deb string) {
	t.Helper()
	s := newStage(t, true)
	require.Equal(t, []string{adds, reload}, s.dpkg("--install", deb))
	run := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), filepath.Join(s.root, "usr/bin/mksync"), args...).CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	version, err := exec.CommandContext(t.Context(), "dpkg-deb", "--field", deb, "Version").Output()
	require.NoError(t, err)
	require.Contains(t, run("version"), "mksync "+strings.Replace(strings.TrimSpace(string(version)), "~", "-", 1)+" (")

	settings := filepath.Join(s.root, "etc/mksync/mksync.yaml")
	text, err := os.ReadFile(settings)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(settings, append(text, "poll_interval: 2m\n"...), 0o600))
	require.Equal(t, []string{reload, restart}, s.dpkg("--install", deb))
	kept, err := config.Load(settings, nil)
	require.NoError(t, err)
	require.Equal(t, "2m0s", kept.PollInterval.String())

	require.Equal(t, []string{ends, reload}, s.dpkg("--remove", "mksync"))
	require.NoFileExists(t, filepath.Join(s.root, "usr/bin/mksync"))
	require.FileExists(t, settings)
	require.Equal(t, []string{reload}, s.dpkg("--purge", "mksync"))
	require.NoDirExists(t, filepath.Dir(settings))
}

// TestOneKindOfPackageIsDescribed: what there is more of would be left out in silence.
func TestOneKindOfPackageIsDescribed(t *testing.T) {
	t.Parallel()
	two, err := yaml.Marshal(map[string]any{"nfpms": []map[string]any{{}, {}}})
	require.NoError(t, err)
	_, err = describe(two, "1.2.3", "amd64", "bin/mksync")
	require.ErrorContains(t, err, "there are 2 nfpms")
}
