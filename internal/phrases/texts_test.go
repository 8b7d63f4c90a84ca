package phrases

import (
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template/parse"
	"time"
	"unicode/utf8"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/syncer"
)

// text is one text of a language, by plural form; a text that does not count has "other" alone.
type text map[string]string

// readTexts are the texts by section, language and id.
func readTexts(t *testing.T) map[string]map[Language]map[string]text {
	t.Helper()
	reading.Do(func() { read = readFiles(t) })
	require.NotNil(t, read, "the texts could not be read")
	return read
}

// The texts are read once, for reading them takes a second with the race detector.
var (
	reading sync.Once
	read    map[string]map[Language]map[string]text
)

func readFiles(t *testing.T) map[string]map[Language]map[string]text {
	t.Helper()
	files, err := texts.ReadDir("texts")
	require.NoError(t, err)
	all := map[string]map[Language]map[string]text{}
	for _, f := range files {
		content, err := texts.ReadFile("texts/" + f.Name())
		require.NoError(t, err)
		parsed, err := i18n.ParseMessageFileBytes(content, f.Name(), map[string]i18n.UnmarshalFunc{"yaml": yaml.Unmarshal})
		require.NoError(t, err, f.Name())
		section, _, _ := strings.Cut(f.Name(), ".")
		if all[section] == nil {
			all[section] = map[Language]map[string]text{}
		}
		l := Language(parsed.Tag.String())
		require.Contains(t, Languages(), l, f.Name())
		all[section][l] = map[string]text{}
		for _, m := range parsed.Messages {
			all[section][l][m.ID] = formsOf(m)
		}
	}
	return all
}

func formsOf(m *i18n.Message) text {
	forms := text{"zero": m.Zero, "one": m.One, "two": m.Two, "few": m.Few, "many": m.Many, "other": m.Other}
	maps.DeleteFunc(forms, func(_, said string) bool { return said == "" })
	return forms
}

// pluralForms are those that a language has for whole numbers.
func pluralForms(l Language) []string {
	names := map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}
	has := map[string]bool{}
	for n := range 1000 {
		has[names[plural.Cardinal.MatchPlural(language.Make(string(l)), n, 0, 0, 0, 0)]] = true
	}
	return slices.Sorted(maps.Keys(has))
}

// names are the parameters that a text names, whichever form of them.
func (forms text) names(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, said := range forms {
		trees, err := parse.Parse("", said, "", "")
		require.NoError(t, err, said)
		for _, n := range trees[""].Root.Nodes {
			action, is := n.(*parse.ActionNode)
			if !is {
				continue
			}
			require.Len(t, action.Pipe.Cmds, 1, said)
			field, is := action.Pipe.Cmds[0].Args[0].(*parse.FieldNode)
			require.True(t, is, said)
			found[field.Ident[0]] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// mostRunes is how long a text may be: one that is longer is not read.
const mostRunes = 330

// TestEveryTextIsInEveryLanguage, with the same parameters, in each plural form of the
// language, short, and without blanks that nobody sees.
func TestEveryTextIsInEveryLanguage(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"one", "other"}, pluralForms(English))
	require.Equal(t, []string{"few", "one", "other", "two"}, pluralForms(Slovenian))
	for section, languages := range readTexts(t) {
		require.Len(t, languages, len(Languages()), "%s: a file for each language", section)
		english := languages[English]
		for l, said := range languages {
			require.ElementsMatch(t, slices.Collect(maps.Keys(english)), slices.Collect(maps.Keys(said)), "%s.%s.yaml", section, l)
			for id, forms := range said {
				require.Equal(t, english[id].names(t), forms.names(t), "%s: %s names the same", l, id)
				if len(english[id]) > 1 || len(forms) > 1 {
					require.Equal(t, pluralForms(l), slices.Sorted(maps.Keys(forms)), "%s: %s counts", l, id)
				}
				for _, one := range forms {
					require.LessOrEqual(t, utf8.RuneCountInString(one), mostRunes, "%s: %s", l, id)
					require.False(t, strings.HasSuffix(one, " ") || strings.Contains(one, "  "), "%s: %s has blanks", l, id)
				}
			}
		}
	}
}

// TestEveryReasonHasAText, and no other has one; with all parameters and with none.
func TestEveryReasonHasAText(t *testing.T) {
	t.Parallel()
	var want []string
	codes := reasons(t)
	for _, code := range codes {
		want = append(want, "reason."+string(code))
	}
	require.ElementsMatch(t, want, slices.Collect(maps.Keys(readTexts(t)["reasons"][English])))

	now := time.Now()
	for _, l := range Languages() {
		for _, code := range codes {
			full := syncer.Reason{
				Code: code, Field: mapping.FieldPhone, Side: mapping.SideCRM, Rule: mapping.RuleNewest, Winner: mapping.SideCRM,
				Since: &now, ChangedAfter: &now, ChangedAt: &now, RetryAt: &now, Retries: 2,
			}
			for _, r := range []syncer.Reason{full, {Code: code}} {
				said := l.Sentence(r, time.UTC)
				require.NotContains(t, said, "reason.", "%s: %s", l, code)
				require.NotContains(t, said, "name.", "%s: %s", l, code)
				require.NotContains(t, said, "<no value>", "%s: %s", l, code)
			}
		}
	}
}

// reasons are the codes that the code declares, and those that hints are told by.
func reasons(t *testing.T) (codes []syncer.ReasonCode) {
	t.Helper()
	for _, code := range reasonsIn(t, "../../syncer") {
		codes = append(codes, syncer.ReasonCode(code))
	}
	for _, hint := range match.AllHints() {
		codes = append(codes, syncer.HintCode(hint))
	}
	return codes
}

// reasonsIn are the values of a package's constants of type ReasonCode.
func reasonsIn(t *testing.T, dir string) (values []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		parsed, err := goparser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, is := n.(*ast.ValueSpec)
			if !is || len(spec.Values) != 1 {
				return true
			}
			named, _ := spec.Type.(*ast.Ident)
			value, _ := spec.Values[0].(*ast.BasicLit)
			if named != nil && named.Name == "ReasonCode" && value != nil {
				said, err := strconv.Unquote(value.Value)
				require.NoError(t, err)
				values = append(values, said)
			}
			return true
		})
	}
	require.NotEmpty(t, values)
	return values
}

// TestEveryNameIsKnown: each field, side and rule is called something.
func TestEveryNameIsKnown(t *testing.T) {
	t.Parallel()
	for _, f := range mapping.Fields() {
		require.True(t, Has("name.field."+string(f)), f)
		for _, l := range Languages() {
			require.Contains(t, []string{"m", "f", "n", "p"}, l.noun(f).Gender, "%s: %s", l, f)
		}
	}
	for _, r := range []mapping.Rule{mapping.RuleNewest, mapping.RuleCRM, mapping.RuleMetaKocka, mapping.RuleManual} {
		require.True(t, Has("name.rule."+string(r)), r)
	}
}

// TestNoTextIsUnused, and none is asked for that is not there. Source names a text by its id
// in quotes; "section.group." followed by what is joined to it names the whole group.
func TestNoTextIsUnused(t *testing.T) {
	t.Parallel()
	named := namedInSource(t)
	for section, languages := range readTexts(t) {
		if section == "reasons" || slices.Contains(slices.Collect(maps.Values(sectionFiles)), section) {
			continue // TestEveryReasonHasAText, TestTheEnglishIsTheCodes
		}
		ids := languages[English]
		for id := range ids {
			used := slices.ContainsFunc(named, func(n string) bool { return n == id || strings.HasSuffix(n, ".") && strings.HasPrefix(id, n) })
			require.True(t, used, "no source names the text %s", id)
		}
		for _, n := range named {
			if first, _, _ := strings.Cut(n, "."); !sectionOf(ids, first) || strings.HasSuffix(n, ".") {
				continue
			}
			require.Contains(t, ids, n, "a source names a text that is not there")
		}
	}
}

// sectionOf reports whether ids begin so.
func sectionOf(ids map[string]text, first string) bool {
	for id := range ids {
		return strings.HasPrefix(id, first+".")
	}
	return false
}

// quotedID is what may be a text's id.
var quotedID = regexp.MustCompile("[\"'`]([a-z]+\\.[a-z0-9_.]+)[\"'`]")

// namedInSource are the ids that Go files and pages of the product name.
func namedInSource(t *testing.T) []string {
	t.Helper()
	var named []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "../.." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || strings.HasSuffix(path, "_test.go") || !slices.Contains([]string{".go", ".html", ".tmpl", ".templ"}, filepath.Ext(path)) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, found := range quotedID.FindAllSubmatch(content, -1) {
			named = append(named, string(found[1]))
		}
		return nil
	})
	require.NoError(t, err)
	return named
}

// english are words that no Slovenian sentence has.
var english = regexp.MustCompile(`(?i)(^|[^\w.-])(the|its|of|with|which|waits|partner's|contact|contacts|deletion|cannot|does not|and)([^\w.-]|$)`)

// TestNoEnglishIsInASlovenianText, nor in what a parameter of the code's own stands for.
func TestNoEnglishIsInASlovenianText(t *testing.T) {
	t.Parallel()
	for section, languages := range readTexts(t) {
		for id, forms := range languages[Slovenian] {
			for _, said := range forms {
				said = regexp.MustCompile("`[^`]*`|\\{\\{[^}]*\\}\\}|[A-Z_]{3,}").ReplaceAllString(said, "")
				require.NotRegexp(t, english, said, "%s: %s", section, id)
			}
		}
	}
	for name, value := range map[string]string{
		"partners": "7001, 7002 and 3 more", "contacts": "c-1 and 2 more", "by": "a person", "fields": "[phone email]", "about": "tax number and company name", "side": "crm",
	} {
		require.NotRegexp(t, english, Slovenian.parameter(name, value), name)
		require.NotEqual(t, value, Slovenian.parameter(name, value), name)
	}
}
