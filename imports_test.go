// Package mksync_test checks the shape of the whole project: which package may
// import which. The rules are those of docs/architecture.md.
package mksync_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const module = "github.com/crmmind/mksync"

// leaves import nothing of ours but how things are said and how a session is set up; their children import only their parents.
func leaves() []string { return []string{"cdc", "bus", "mapping", "metakocka"} }

// rooms is the drawing of syncer's rooms: what of ours each imports. The reconciler knows
// none of those who call it, nor where events come from; uses run down.
func rooms() map[string][]string {
	sides := []string{"mapping", "mapping/match", "mapping/store", "metakocka"}
	streams := []string{"bus", "cdc", "metakocka"}
	calls := slices.Concat(sides, streams, []string{"metakocka/enumerate", "syncer", "syncer/event"})
	return map[string][]string{
		"syncer":            sides,
		"syncer/event":      streams,
		"syncer/work":       calls,
		"syncer/poll":       calls,
		"syncer/check":      calls,
		"syncer/replay":     calls,
		"syncer/status":     calls,
		"syncer/operations": append(calls, "syncer/check", "syncer/status"),
	}
}

// within reports whether dir is parent or lies below it.
func within(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}

func leafOf(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	if slices.Contains(leaves(), first) {
		return first
	}
	return ""
}

// forbidden says why the package in dir may not import a package of ours, or ""
// when it may. Both are relative to the module; test tells a test file.
func forbidden(dir, imported string, test bool) string {
	switch {
	case within(imported, "cmd"):
		return "nothing imports cmd"
	case dir == "pgsession" && imported == "dial":
		return ""
	case (dir == "pgsession" || dir == "coded" || dir == "dial") && !test:
		return "how a connection is made and a session set up, and how things are said, rests on nothing of ours"
	case imported == "coded":
		return "" // what is said to people
	case imported == "dial" && dir == "metakocka":
		return "" // every connection to MetaKocka
	case imported == "pgsession" && dir != "mapping" && !within(dir, "syncer"):
		return "" // every connection to the customer's Postgres
	case test || within(dir, "internal/testenv"):
		return forbiddenInTest(dir, imported)
	case within(imported, "internal/testenv"):
		return "internal/testenv is for tests"
	case imported == "mapping/pgstore" && dir != "internal/service" && dir != "internal/doctor":
		return "internal/service is the only place where parts are put together"
	case (imported == "internal/service" || imported == "internal/demo") && !within(dir, "cmd"):
		return "only a command runs a service, or the demo"
	case imported == "internal/pgserver" && dir != "bench" && dir != "internal/demo":
		return "pgserver is for tests, for the demo and for the benchmark"
	case imported == "mapping/store" && leafOf(dir) == "mapping" && dir != "mapping":
		return "" // the records that are matched and kept
	case leafOf(dir) != "" && !within(dir, imported):
		return "a leaf imports nothing of ours, its child only its parents"
	case dir == "migrations":
		return "migrations import nothing of ours"
	case within(dir, "syncer") && !slices.Contains(rooms()[dir], imported):
		return "the drawing of syncer's rooms has no such line"
	}
	return ""
}

// forbiddenInTest: a leaf's tests may use their own family and the test
// environment, the tests of others whatever they need.
func forbiddenInTest(dir, imported string) string {
	leaf := leafOf(dir)
	if leaf == "" || within(imported, leaf) || (within(imported, "internal/testenv") && imported != "internal/testenv/world") || imported == "internal/pgserver" || imported == "migrations" {
		return ""
	}
	return "a leaf's tests use their own family and internal/testenv only, not the whole service"
}

// forbiddenLibrary says why a package may not import a library.
func forbiddenLibrary(dir, library string, test bool) string {
	pure := []string{"os", "net", "net/http", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2"}
	switch {
	case within(library, "github.com/nats-io/nats-server/v2") && dir != "bus/embedded" && dir != "internal/testenv/natsserver" && !test:
		return "bus/embedded is the only importer of nats-server, besides the tests' servers"
	case within(library, "github.com/testcontainers/testcontainers-go") && dir != "internal/testenv/pgcontainer":
		return "pgcontainer is the only importer of testcontainers"
	case test:
		return ""
	case slices.Contains([]string{"mapping", "mapping/match", "mapping/store"}, dir) && (slices.Contains(pure, library) || within(library, "github.com/jackc")):
		return "mapping is pure"
	case dir == "syncer" && within(library, "github.com/jackc/pgx/v5"):
		return "the database belongs to the stores"
	case slices.Contains([]string{"testing", "github.com/stretchr/testify/require"}, library) && !within(dir, "internal/testenv"):
		return "this is for tests"
	}
	return ""
}

// sources are the Go files of the module.
func sources(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case strings.HasSuffix(name, ".go"):
			files = append(files, filepath.ToSlash(name))
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

// imports are what a file imports.
func imports(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	require.NoError(t, err)
	var paths []string
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err)
		paths = append(paths, imported)
	}
	return paths
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	var wrong []string
	for _, file := range sources(t) {
		dir, test := path.Dir(file), strings.HasSuffix(file, "_test.go")
		for _, imported := range imports(t, file) {
			reason := forbiddenLibrary(dir, imported, test)
			if ours, ok := strings.CutPrefix(imported, module+"/"); ok && ours != dir {
				reason = forbidden(dir, ours, test)
			}
			if reason != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", file, imported, reason))
			}
		}
	}
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
}

// forTests match packages that are for tests, and what only they need. The product
// links none of them, however long the way there.
var forTests = regexp.MustCompile(`testcontainers|docker/|moby/|^testing$|testify|/internal/testenv`)

func TestImportsOfTheProductAreItsOwn(t *testing.T) {
	t.Parallel()
	for _, pkg := range []string{"./cmd/mksync", "./internal/demo"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", pkg).Output()
		require.NoError(t, err)
		closure := strings.Fields(string(out))
		require.Contains(t, closure, module+"/internal/pgserver")
		for _, linked := range closure {
			require.NotRegexp(t, forTests, linked, pkg)
		}
	}
}

func TestRulesCatchWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		dir, imported string
		test, allowed bool
	}{
		{"cdc", "bus", false, false},
		{"bus", "bus/embedded", false, false},
		{"bus", "bus/embedded", true, true},
		{"bus/embedded", "bus", false, true},
		{"mapping/pgstore", "mapping", false, true},
		{"mapping/pgstore", "metakocka", false, false},
		{"mapping/pgstore", "internal/testenv", true, true},
		{"metakocka", "mapping", true, false},
		{"syncer", "cdc", false, false},
		{"syncer", "syncer/event", false, false},
		{"syncer/event", "cdc", false, true},
		{"syncer/event", "syncer", false, false},
		{"syncer/poll", "syncer", false, true},
		{"syncer/poll", "syncer/check", false, false},
		{"syncer/operations", "syncer/check", false, true},
		{"syncer/anything", "syncer", false, false},
		{"syncer", "mapping/pgstore", false, false},
		{"syncer/poll", "metakocka/enumerate", false, true},
		{"syncer", "metakocka/sim", false, false},
		{"metakocka/enumerate", "mapping", false, false},
		{"syncer", "mapping/pgstore", true, true},
		{"syncer", "internal/telemetry", false, false},
		{"internal/httpapi", "syncer", false, true},
		{"internal/httpapi", "cmd/mksync", false, false},
		{"internal/doctor", "internal/pgserver", false, false},
		{"internal/demo", "internal/pgserver", false, true},
		{"internal/service", "mapping/pgstore", false, true},
		{"cmd/mksync", "mapping/pgstore", false, false},
		{"cmd/mksync", "internal/service", false, true},
		{"internal/demo", "internal/service", false, false},
		{"internal/demo", "internal/testenv", false, false},
		{"internal/testenv/pgcontainer", "internal/pgserver", false, true},
		{"internal/testenv/world", "internal/service", false, true},
		{"internal/testenv/world", "cmd/mksync", false, false},
		{"syncer", "internal/testenv/world", true, true},
		{"bus", "internal/testenv/world", true, false},
		{"cdc", "internal/pgserver", true, true},
		{"cmd/mksync", "internal/testenv", false, false},
		{"migrations", "mapping", false, false},
		{"migrations", "pgsession", false, true},
		{"cdc", "pgsession", false, true},
		{"mapping", "pgsession", false, false},
		{"syncer", "pgsession", false, false},
		{"pgsession", "mapping", false, false},
		{"pgsession", "dial", false, true},
		{"metakocka", "dial", false, true},
		{"mapping", "dial", false, false},
		{"dial", "coded", false, false},
		{"coded", "mapping", false, false},
		{"mapping", "coded", false, true},
		{"cdc", "coded", false, true},
		{"syncer", "coded", false, true},
	} {
		reason := forbidden(c.dir, c.imported, c.test)
		require.Equal(t, c.allowed, reason == "", "%s imports %s: %s", c.dir, c.imported, reason)
	}
	require.NotEmpty(t, forbiddenLibrary("mapping", "os", false))
	require.NotEmpty(t, forbiddenLibrary("bus", "github.com/nats-io/nats-server/v2/server", false))
	require.Empty(t, forbiddenLibrary("bus/embedded", "github.com/nats-io/nats-server/v2/server", false))
	require.NotEmpty(t, forbiddenLibrary("syncer", "github.com/jackc/pgx/v5/pgxpool", false))
	require.NotEmpty(t, forbiddenLibrary("cmd/mksync", "testing", false))
}
