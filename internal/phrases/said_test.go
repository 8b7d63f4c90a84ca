package phrases

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

var update = flag.Bool("update", false, "write the English texts of the code anew")

// coding are the functions that make a text of a code: which argument the code is, how many
// arguments have words, what the code begins with, and how many values are given besides.
var coding = map[string]struct {
	at, words, besides int
	prefix             string
}{
	"coded.Say": {0, 1, 0, ""}, "coded.Fail": {0, 1, 0, ""}, "coded.Count": {0, 2, 0, ""},
	"Refuse": {1, 1, 0, "refusal."}, "OrNotFound": {1, 1, 0, "refusal."}, "NotYet": {1, 1, 1, "refusal."},
}

// sectionFiles are the catalogue's files of what the code says, by the beginning of the codes.
var sectionFiles = map[string]string{"note": "notes", "refusal": "refusals", "doctor": "doctor", "problem": "problems"}

// TestTheEnglishIsTheCodes: each text that the code makes stands in the catalogue, in the
// words of the code, with as many values as it names; and no other does. So none can be made
// that lacks another language (TestEveryTextIsInEveryLanguage).
func TestTheEnglishIsTheCodes(t *testing.T) {
	t.Parallel()
	made := map[string]text{}
	for _, file := range productFiles(t) {
		parsed, err := goparser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if call, is := n.(*ast.CallExpr); is {
				readCall(t, file, call, made)
			}
			return true
		})
	}

	for first, section := range sectionFiles {
		of := map[string]text{}
		for code, forms := range made {
			if strings.HasPrefix(code, first+".") {
				of[code] = forms
			}
		}
		if *update {
			require.NoError(t, os.WriteFile("texts/"+section+".en.yaml", []byte(written(first, of)), 0o644))
			continue
		}
		require.Equal(t, of, readTexts(t)[section][English], "%s.en.yaml is not what the code says: go test ./internal/phrases -run TestTheEnglishIsTheCodes -update", section)
	}
	for code := range made {
		first, _, _ := strings.Cut(code, ".")
		require.Contains(t, sectionFiles, first, "the code %s begins like no section", code)
	}
}

// productFiles are the Go files that are no tests.
func productFiles(t *testing.T) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "../.." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testenv"):
			return fs.SkipDir
		case filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go"):
			files = append(files, path)
		}
		return nil
	}))
	return files
}

// readCall notes the text that a call makes.
func readCall(t *testing.T, file string, call *ast.CallExpr, made map[string]text) {
	t.Helper()
	of, known := coding[calledBy(file, call)]
	if !known || call.Ellipsis.IsValid() {
		return // what is handed on has its code from there
	}

	begin := of.at
	if of.words == 2 {
		begin++ // the number
	}
	code, known := constant(call.Args[of.at])
	require.True(t, known, "%s: a code is a constant", file)
	code = of.prefix + code
	forms, names := text{}, map[string]bool{}
	for i := range of.words {
		english, known := constant(call.Args[begin+1+i])
		require.True(t, known, "%s: the words of %s are a constant", file, code)
		form := "other"
		if of.words == 2 && i == 0 {
			form = "one"
		}
		forms[form] = placeholder.ReplaceAllString(english, "{{.$1}}")
		for _, found := range placeholder.FindAllStringSubmatch(english, -1) {
			names[found[1]] = true
		}
	}

	require.Equal(t, of.words == 2, names[coded.Number], "%s: %s: {n} counts", file, code)
	delete(names, coded.Number)
	require.Len(t, names, len(call.Args)-begin-1-of.words+of.besides, "%s: %s: a value for each name", file, code)
	if was, again := made[code]; again {
		require.Equal(t, was, forms, "%s: %s has one text", file, code)
	}
	made[code] = forms
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// calledBy is the name of what is called, as coding has it.
func calledBy(file string, call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		if strings.HasSuffix(filepath.Dir(file), "/coded") {
			return "coded." + fun.Name
		}
		return fun.Name
	case *ast.SelectorExpr:
		if of, is := fun.X.(*ast.Ident); is && of.Name == "syncer" {
			return fun.Sel.Name
		} else if is {
			return of.Name + "." + fun.Sel.Name
		}
	}
	return ""
}

// constant is a text of the source, whole or in parts.
func constant(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		said, err := strconv.Unquote(e.Value)
		return said, err == nil
	case *ast.BinaryExpr:
		one, known := constant(e.X)
		other, also := constant(e.Y)
		return one + other, known && also
	}
	return "", false
}

// written is a section as its file has it.
func written(first string, of map[string]text) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# As the code says it. Written by go test ./internal/phrases -run TestTheEnglishIsTheCodes -update.\n%s:\n", first)
	group := ""
	for _, code := range slices.Sorted(func(yield func(string) bool) {
		for code := range of {
			if !yield(code) {
				return
			}
		}
	}) {
		id := strings.TrimPrefix(code, first+".")
		if now, _, parted := strings.Cut(id, "."); parted && now != group {
			group = now
			b.WriteString("\n")
		}
		if one, counts := of[code]["one"]; counts {
			fmt.Fprintf(&b, "  %s:\n    one: %s\n    other: %s\n", id, strconv.Quote(one), strconv.Quote(of[code]["other"]))
			continue
		}
		fmt.Fprintf(&b, "  %s: %s\n", id, strconv.Quote(of[code]["other"]))
	}
	return b.String()
}

// TestRefusalsHaveACode: Refuse alone makes what a request is refused with, so that none is
// without one; errors that are answered as they are have one, too.
func TestRefusalsHaveACode(t *testing.T) {
	t.Parallel()
	literal := regexp.MustCompile(`RequestError\{[^}]`)
	for _, file := range productFiles(t) {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		if !strings.HasSuffix(file, "syncer/errors.go") {
			require.NotRegexp(t, literal, string(content), file)
		}
	}
	require.Equal(t, "refusal.words", syncer.AsRequestError(os.ErrClosed).Reason.Code)
}

// TestSaid: a text is said in the language of its reader, with what is said in it, also where
// it came in JSON.
func TestSaid(t *testing.T) {
	t.Parallel()
	halted := coded.Say("refusal.halted", "sending is paused since {at} by {by}: mksync resume lets it go on", "2026-11-12T09:42:00Z", "Ana")
	for said, want := range map[*syncer.RequestError][2]string{
		syncer.AsRequestError(syncer.Refuse(syncer.CodeConflict, "contact.linked", "contact {contact} is linked with partner {partner}: mksync unlink {contact} first", "c-1", "7001")): {
			"contact c-1 is linked with partner 7001: mksync unlink c-1 first",
			"stik c-1 je povezan s partnerjem 7001: najprej prekinite povezavo stika c-1",
		},
		syncer.AsRequestError(syncer.NotYet(syncer.RefuseWith(syncer.CodeUnavailable, halted), "deletion.not_applied", "deletion {deletion} is approved, but not applied yet: {cause}. The same command tries again", 5)): {
			"deletion 5 is approved, but not applied yet: sending is paused since 2026-11-12T09:42:00Z by Ana: mksync resume lets it go on. The same command tries again",
			"izbris 5 je odobren, a še ni izveden: pošiljanje je ustavil(a) Ana (od 2026-11-12T09:42:00Z): nadaljujte ga na strani Pregled. Poskusite znova",
		},
		syncer.AsRequestError(syncer.Refuse(syncer.CodeConflict, "conflict.direction", "conflict {conflict}: the configuration does not let {field} go from {side} to the other side", 3, mapping.FieldPhone, mapping.SideCRM)): {
			"conflict 3: the configuration does not let phone go from crm to the other side",
			"3: nastavitve ne dovolijo, da bi šlo polje telefon iz CRM-ja na drugo stran",
		},
		syncer.AsRequestError(&syncer.RejectError{Reason: coded.Words("Napaka 12: customer; missing")}): {"Napaka 12: customer; missing", "Napaka 12: customer; missing"},
	} {
		body, err := json.Marshal(said)
		require.NoError(t, err)
		var came syncer.RequestError
		require.NoError(t, json.Unmarshal(body, &came))

		require.Equal(t, want[0], said.Message)
		require.Equal(t, want, [2]string{English.Said(said.Reason), Slovenian.Said(said.Reason)})
		require.Equal(t, want, [2]string{English.Said(came.Reason), Slovenian.Said(came.Reason)}, "%s", body)
	}
	require.Empty(t, Slovenian.Said(coded.Text{}))
}

// TestWhatIsWrongWithAKeyIsSaid, whatever keys the contacts have.
func TestWhatIsWrongWithAKeyIsSaid(t *testing.T) {
	t.Parallel()
	for key, of := range map[string]store.KeyType{
		"7": store.KeyUUID, "x": store.KeyInteger, "32768": store.KeySmallint, "": store.KeyText, strings.Repeat("x", store.LongestKey+1): store.KeyVarchar, "a\x00": store.KeyText,
	} {
		_, err := of.Canonical(key)
		said := coded.Of(err)
		require.Equal(t, err.Error(), English.Said(said))
		require.False(t, said.IsWords(), err)
		require.NotRegexp(t, english, Slovenian.Said(said))
		require.NotEqual(t, err.Error(), Slovenian.Said(said))
	}
}

// sameNames are lines of the doctor that are called by a name of their own in any language.
var sameNames = []string{"NATS", "JetStream", "MetaKocka", "wal_level", "synchronous_standby_names", "synchronized_standby_slots", "max_replication_slots", "filter"}

// TestEveryLineOfTheDoctorIsCalledSomething in each language; what it finds and what to do are
// texts of codes (TestTheEnglishIsTheCodes).
func TestEveryLineOfTheDoctorIsCalledSomething(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../doctor/*.go")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^\s*(?:const )?name[A-Z]\w* += "(.*)"$|^\t\{"([^"]+)", \w+Problem,`)
	called, unsaid := 0, []string{}
	for _, file := range append(files, "../../cdc/requirements.go") {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range line.FindAllStringSubmatch(string(content), -1) {
			name := cmp.Or(map[string]string{"server": "server version", "table": "contacts table"}[found[2]], found[1]+found[2])
			called++
			if !slices.Contains(sameNames, name) && name == Slovenian.Called("looked", name) {
				unsaid = append(unsaid, name)
			}
		}
	}
	require.Empty(t, unsaid, "names.en.yaml and names.sl.yaml do not say what that is")
	require.Greater(t, called, 30)
}
