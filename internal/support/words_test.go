package support

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write words.txt anew")

// TestTheWordsAreTheProgramsOwn: nearly all words of the sources' texts are in words.txt, and
// it has no others. A few that lack make an archive harder to read, and nothing worse.
func TestTheWordsAreTheProgramsOwn(t *testing.T) {
	t.Parallel()
	own := ownWords(t)
	if *update {
		require.NoError(t, os.WriteFile("words.txt", []byte(strings.Join(slices.Sorted(maps.Keys(own)), "\n")+"\n"), 0o600))
		return
	}
	kept := strings.Fields(words)
	lacking := 0
	for word := range own {
		if !slices.Contains(kept, word) {
			lacking++
		}
	}
	require.Less(t, lacking*20, len(own), "go test ./internal/support -update")
}

// ownWords are the words of all texts of the program, but for those that stand for people:
// the demo's and the simulator's.
func ownWords(t *testing.T) map[string]bool {
	t.Helper()
	own := map[string]bool{}
	for _, folder := range []string{"bus", "cdc", "mapping/store", "mapping/pgstore", "mapping/match", "metakocka", "syncer", "pgsession", "migrations", "internal/config", "internal/doctor", "internal/service", "internal/telemetry", "internal/alerts", "internal/control", "internal/httpapi"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(path string, d os.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "sim" || d.Name() == "testdata"):
				return filepath.SkipDir
			case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				ast.Inspect(file, func(n ast.Node) bool {
					if literal, is := n.(*ast.BasicLit); is && literal.Kind == token.STRING {
						text, _ := strconv.Unquote(literal.Value)
						for _, w := range word.FindAllString(text, -1) {
							own[strings.ToLower(w)] = true
						}
					}
					return true
				})
			}
			return err
		})
		require.NoError(t, err)
	}
	return own
}
