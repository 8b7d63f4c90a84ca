package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/phrases"
)

// TestEveryWordThatIsStoredIsSaid: whatever the history, a link, a job or a deletion may say
// has a text.
func TestEveryWordThatIsStoredIsSaid(t *testing.T) {
	t.Parallel()
	groups := map[string]string{
		"Act": "console.act.", "EntryCause": "console.cause.", "Status": "console.status.", "JobStatus": "console.job.", "DeletionStatus": "console.deletions.status.",
	}
	files, err := filepath.Glob("../../mapping/store/*.go")
	require.NoError(t, err)
	said := map[string]int{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, is := n.(*ast.ValueSpec)
			if !is || len(spec.Values) != 1 {
				return true
			}
			kind, _ := spec.Type.(*ast.Ident)
			word, _ := spec.Values[0].(*ast.BasicLit)
			if kind == nil || word == nil || groups[kind.Name] == "" {
				return true
			}
			text, err := strconv.Unquote(word.Value)
			require.NoError(t, err)
			require.True(t, phrases.Has(groups[kind.Name]+text), "%s%s", groups[kind.Name], text)
			said[kind.Name]++
			return true
		})
	}
	require.Len(t, said, len(groups))
}

// TestHowLongAgo: in the forms of the language.
func TestHowLongAgo(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		10 * time.Second:     {"pravkar", "just now"},
		5 * time.Minute:      {"pred 5 min", "5 min ago"},
		2 * time.Hour:        {"pred 2 h", "2 h ago"},
		48 * time.Hour:       {"pred 2 dnevoma", "2 days ago"},
		72 * time.Hour:       {"pred 3 dnevi", "3 days ago"},
		-3 * time.Hour:       {"čez 3 h", "in 3 h"},
		-10 * 24 * time.Hour: {"čez 10 dni", "in 10 days"},
	} {
		require.Equal(t, want, [2]string{ago(phrases.Slovenian, d), ago(phrases.English, d)}, d)
	}
}

// TestCells: a spreadsheet shows them as they are.
func TestCells(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "Ana": "Ana", "=1+1": "'=1+1", "+386 41": "'+386 41", "-2": "'-2", "@x": "'@x", "\tx": "'\tx",
		"228000046674": "\t228000046674", "12345678901": "12345678901", "0123": "\t0123", "0": "0", "1600-1": "1600-1",
	} {
		require.Equal(t, want, cell(text), text)
	}
}

// TestEveryPageCanBeRead: the pages are read when they are first shown, so a fault in one
// would wait for whoever opens it.
func TestEveryPageCanBeRead(t *testing.T) {
	t.Parallel()
	for name, page := range loadTemplates(loadFiles(), time.UTC)[phrases.English] {
		require.NotPanics(t, func() { page() }, name)
	}
}
