package mksync_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// pages are what people read: README and the pages beside it.
func pages(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return append([]string{"README.md"}, found...)
}

// prose is a page without its blocks of code.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var kept []string
	block := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			block = !block
			continue
		}
		if !block {
			kept = append(kept, line)
		}
	}
	require.False(t, block, "%s: a block of code does not end", page)
	return strings.Join(kept, "")
}

// anchors are what a link to a heading of a page may name.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(prose(t, page), -1) {
		all = append(all, slug(heading[1]))
	}
	return all
}

// slug is what GitHub makes of a heading.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinksLeadSomewhere: every file that a page links to is there, with the heading
// that the link names.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	headings := map[string][]string{}
	for _, page := range append(pages(t), "CHANGELOG.md") {
		for _, found := range link.FindAllStringSubmatch(prose(t, page), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(found[1], "#")
			target := page
			if file != "" {
				target = path.Join(path.Dir(page), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", page, found[1])
				continue
			}
			if anchor != "" && headings[target] == nil {
				headings[target] = anchors(t, target)
			}
			if anchor != "" && !slices.Contains(headings[target], anchor) {
				t.Errorf("%s links to %s, and %s has no such heading", page, found[1], target)
			}
		}
	}
}

// TestReadmeLeadsToEveryPage, and every page lists its headings in its contents, where
// it has some.
func TestReadmeLeadsToEveryPage(t *testing.T) {
	t.Parallel()
	readme := prose(t, "README.md")
	for _, page := range pages(t)[1:] {
		if !strings.Contains(readme, "]("+page+")") {
			t.Errorf("README does not lead to %s", page)
		}
	}
	for _, page := range pages(t) {
		text := prose(t, page)
		if !regexp.MustCompile(`(?m)^- \[.*\]\(#`).MatchString(text) {
			continue
		}
		for _, heading := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(text, "- ["+heading[1]+"](#"+slug(heading[1])+")") {
				t.Errorf("%s does not list %q in its contents", page, heading[1])
			}
		}
	}
}

// declared is what the Go files declare, by file: functions, types, constants,
// variables, methods and fields, the latter two with and without their type.
type declared map[string]map[string]bool

// parsed is read once, for it takes as long as everything else.
var parsed struct {
	once sync.Once
	all  declared
}

// declarations reads them.
func declarations(t *testing.T) declared {
	t.Helper()
	parsed.once.Do(func() { parsed.all = declarationsOf(t, sources(t)) })
	require.NotEmpty(t, parsed.all)
	return parsed.all
}

func declarationsOf(t *testing.T, files []string) declared {
	t.Helper()
	all := declared{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		names := map[string]bool{}
		for _, d := range parsed.Decls {
			declare(names, d)
		}
		all[file] = names
	}
	return all
}

func declare(names map[string]bool, d ast.Decl) {
	if f, ok := d.(*ast.FuncDecl); ok {
		names[f.Name.Name] = true
		if f.Recv != nil {
			names[receiver(f.Recv.List[0].Type)+"."+f.Name.Name] = true
		}
		return
	}
	for _, spec := range d.(*ast.GenDecl).Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				names[name.Name] = true
			}
		case *ast.TypeSpec:
			names[spec.Name.Name] = true
			ast.Inspect(spec.Type, func(n ast.Node) bool {
				if field, ok := n.(*ast.Field); ok {
					for _, name := range field.Names {
						names[name.Name] = true
						names[spec.Name.Name+"."+name.Name] = true
					}
				}
				return true
			})
		}
	}
}

// receiver is the name of a method's type.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return ""
}

// in reports whether a file, or one of those below a directory, declares the name.
func (d declared) in(where, name string) bool {
	for file, names := range d {
		if within(file, where) && names[name] {
			return true
		}
	}
	return false
}

// anywhere reports whether name is declared: a name alone, a type's method or field,
// or what a package declares.
func (d declared) anywhere(name string) bool {
	pkg, of, dotted := strings.Cut(name, ".")
	for file, names := range d {
		if names[name] || dotted && path.Base(path.Dir(file)) == pkg && names[of] {
			return true
		}
	}
	return false
}

// files are all files of the project, by path.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	require.NoError(t, filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "bin"}, entry.Name()) {
			return fs.SkipDir
		}
		all = append(all, filepath.ToSlash(name))
		return err
	}))
	return all
}

var (
	span     = regexp.MustCompile("`([^`\n]+)`")
	testName = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz|Example)[A-Z]\w*`)
	benchRun = regexp.MustCompile(`-bench (\w+)`)
	filePath = regexp.MustCompile(`^[a-z][\w./-]*\.(?:go|sql|yaml|yml|sh|conf|md|plpgsql)$`)
	dirPath  = regexp.MustCompile(`^(?:cmd|internal|cdc|bus|mapping|metakocka|syncer|migrations|pgsession|bench|tests|deploy|docs)(?:/[\w.-]+)+$`)
	goName   = regexp.MustCompile(`^(?:[A-Za-z]\w*\.)?[A-Za-z]\w*$`)
	// placed are names, and the file or directory that they are said to be in.
	placed = regexp.MustCompile("((?:`[\\w.]+` and )?`[\\w.]+`) in `([a-z][\\w/.-]*)`")
)

// TestTestsNamedInTheDocsExist: a name stands for the tests that begin with it, as
// after -run.
func TestTestsNamedInTheDocsExist(t *testing.T) {
	t.Parallel()
	var tests []string
	for file, names := range declarations(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		for name := range names {
			if testName.MatchString(name) {
				tests = append(tests, name)
			}
		}
	}
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		named := testName.FindAllString(string(text), -1)
		for _, run := range benchRun.FindAllStringSubmatch(string(text), -1) {
			if run[1] != "xxx" {
				named = append(named, "Benchmark"+run[1])
			}
		}
		for _, name := range named {
			if !slices.ContainsFunc(tests, func(test string) bool { return strings.HasPrefix(test, name) }) {
				t.Errorf("%s names %s, which no test is called", page, name)
			}
		}
	}
}

// TestFilesNamedInTheDocsExist: a path is one from the top, a name alone is that of
// some file.
func TestFilesNamedInTheDocsExist(t *testing.T) {
	t.Parallel()
	there := files(t)
	for _, page := range pages(t) {
		for _, found := range span.FindAllStringSubmatch(prose(t, page), -1) {
			name := found[1]
			if !filePath.MatchString(name) && !dirPath.MatchString(name) {
				continue
			}
			alone := !strings.Contains(name, "/")
			if !slices.ContainsFunc(there, func(file string) bool { return file == name || alone && path.Base(file) == name }) {
				t.Errorf("%s names %s, which is not there", page, name)
			}
		}
	}
}

// isCode reports whether a word can only be a name of Go's: one with a capital letter
// inside, or a type's or package's with a dot.
func isCode(word string, packages map[string]bool) bool {
	if !goName.MatchString(word) || strings.ToUpper(word) == word {
		return false
	}
	left, _, dotted := strings.Cut(word, ".")
	if dotted {
		return packages[left] || unicode.IsUpper(rune(left[0])) || strings.IndexFunc(word, unicode.IsUpper) > 0
	}
	return strings.IndexFunc(word[1:], unicode.IsUpper) >= 0
}

// TestNamesInTheArchitectureExist, each in the file that is said to hold it.
func TestNamesInTheArchitectureExist(t *testing.T) {
	t.Parallel()
	const page = "docs/architecture.md"
	code, text := declarations(t), prose(t, page)
	packages := map[string]bool{}
	for file := range code {
		packages[path.Base(path.Dir(file))] = true
	}
	var wrong []string
	for _, found := range span.FindAllStringSubmatch(text, -1) {
		if isCode(found[1], packages) && !testName.MatchString(found[1]) && !filePath.MatchString(found[1]) && !code.anywhere(found[1]) {
			wrong = append(wrong, found[1]+" is not declared anywhere")
		}
	}
	for _, found := range placed.FindAllStringSubmatch(text, -1) {
		for _, name := range span.FindAllStringSubmatch(found[1], -1) {
			if !code.in(found[2], name[1]) {
				wrong = append(wrong, fmt.Sprintf("%s does not declare %s", found[2], name[1]))
			}
		}
	}
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
}

// rows are the rows of the table below a heading: the names in the first cell, and in
// the second.
func rows(t *testing.T, page, heading string) (first, second [][]string) {
	t.Helper()
	_, section, found := strings.Cut(prose(t, page), "\n"+heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n#")

	names := func(cell string) (all []string) {
		for _, found := range span.FindAllStringSubmatch(cell, -1) {
			all = append(all, found[1])
		}
		return all
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \| (.*) \|$`).FindAllStringSubmatch(section, -1) {
		if named := names(row[1]); len(named) > 0 {
			first, second = append(first, named), append(second, names(row[2]))
		}
	}
	return first, second
}

// TestTheTableOfPackagesIsWhole: every package is in it, but for those that belong to
// the test environment.
func TestTheTableOfPackagesIsWhole(t *testing.T) {
	t.Parallel()
	first, _ := rows(t, "docs/architecture.md", "## Packages")
	named := slices.Concat(first...)
	for _, file := range sources(t) {
		dir := path.Dir(file)
		if dir != "." && !strings.HasSuffix(file, "_test.go") && !slices.Contains(named, dir) && !within(dir, "internal/testenv") {
			t.Errorf("docs/architecture.md does not say what %s is", dir)
			named = append(named, dir)
		}
	}
}

// TestTheTableOfRoomsIsTheRuleBook: the page says what each room of syncer may import,
// and rooms come after those that they import, so there is no circle.
func TestTheTableOfRoomsIsTheRuleBook(t *testing.T) {
	t.Parallel()
	var above []string
	drawn := map[string]bool{}
	first, second := rows(t, "docs/architecture.md", "### How imports run")
	for i, row := range first {
		for _, room := range row {
			want := slices.Sorted(slices.Values(rooms()[room]))
			require.Equal(t, slices.Compact(want), slices.Sorted(slices.Values(second[i])), room)
			for _, imported := range second[i] {
				require.True(t, !within(imported, "syncer") || slices.Contains(above, imported), "%s comes before %s, which it imports", room, imported)
			}
			drawn[room] = true
		}
		above = append(above, row...)
	}
	require.Len(t, drawn, len(rooms()))
}
