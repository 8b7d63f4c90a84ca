package control

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/syncer/operations"
)

var update = flag.Bool("update", false, "write docs/asyncapi.yaml anew")

const copyOfIt = "../../docs/asyncapi.yaml"

// TestTheDescriptionIsOfTheCode: docs/asyncapi.yaml is what the code says.
func TestTheDescriptionIsOfTheCode(t *testing.T) {
	t.Parallel()
	text, err := AsyncAPI()
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(copyOfIt, text, 0o644))
	}
	stored, err := os.ReadFile(copyOfIt)
	require.NoError(t, err)
	require.Equal(t, string(stored), string(text), "go test ./internal/control -run TestTheDescription -update")
}

// described is the part that is compared with the code.
type described struct {
	AsyncAPI string
	Channels map[string]struct {
		Address  string
		Messages map[string]any
	}
	Operations map[string]struct{ Summary string }
}

func TestTheDescriptionNamesEverySubjectAndNoOther(t *testing.T) {
	t.Parallel()
	text, err := AsyncAPI()
	require.NoError(t, err)
	var d described
	require.NoError(t, yaml.Unmarshal(text, &d))
	require.Equal(t, "3.0.0", d.AsyncAPI)
	var subjects []string
	for name, c := range d.Channels {
		require.NotEmpty(t, c.Messages, name)
		if c.Address != "" {
			subjects = append(subjects, c.Address)
		}
	}
	want := []string{
		bus.ContactSubject("{op}", "") + ".{contactId}", bus.ContactSubject("truncate", ""), bus.PartnerSubject("{kind}", "x"),
		bus.DeadLetterSubject("c", "k"), bus.DeadLetterSubject("c", "k") + ".retry", bus.JobSubject("{jobId}"),
	}
	want[2] = strings.TrimSuffix(want[2], "x") + "{metakockaId}"
	want[3] = strings.TrimSuffix(want[3], "c.k") + "{consumer}.{key}"
	want[4] = want[3] + ".retry"
	for _, e := range operations.Endpoints() {
		want = append(want, "mksync."+e.Subject())
		require.Equal(t, operations.About(e), d.Operations[camel(e.Subject())].Summary)
	}
	require.ElementsMatch(t, want, subjects)
	for _, stream := range []string{bus.StreamContacts, bus.StreamPartners, bus.StreamDeadLetters} {
		require.Contains(t, string(text), "Stream "+stream)
	}
}

// TestReferencesLeadSomewhere: what is referred to is there, and what is there is
// referred to.
func TestReferencesLeadSomewhere(t *testing.T) {
	t.Parallel()
	text, err := AsyncAPI()
	require.NoError(t, err)
	var doc map[string]any
	require.NoError(t, yaml.Unmarshal(text, &doc))
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$ref: '?"?#/([^'"\s]+)`).FindAllStringSubmatch(string(text), -1) {
		used[m[1]] = true
		var at any = doc
		for part := range strings.SplitSeq(m[1], "/") {
			object, _ := at.(map[string]any)
			at = object[part]
		}
		require.NotNil(t, at, m[1])
	}
	components, _ := doc["components"].(map[string]any)
	for kind, all := range components {
		named, _ := all.(map[string]any)
		for name := range named {
			if name != "Progress" { // of a watch, named in words
				require.True(t, used["components/"+kind+"/"+name], name)
			}
		}
	}
	_, err = json.Marshal(doc)
	require.NoError(t, err)
}

// TestThePageOfSubjectsIsOfTheCode: docs/nats.md names the streams with the subjects that
// each takes, and every operation with what it does.
func TestThePageOfSubjectsIsOfTheCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/nats.md")
	require.NoError(t, err)
	want, asked := map[string]string{}, map[string]string{}
	for _, e := range operations.Endpoints() {
		want[subjectPrefix+e.Subject()] = operations.About(e)
	}
	streams := bus.StreamSubjects()
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*?) \\|").FindAllStringSubmatch(string(text), -1) {
		takes, isStream := streams[row[1]]
		if !isStream {
			asked[row[1]] = row[2]
			continue
		}
		delete(streams, row[1])
		for subject := range strings.SplitSeq(row[2], ", ") {
			require.True(t, strings.HasPrefix(strings.Trim(subject, "`"), strings.TrimSuffix(takes, ">")), "%s does not take %s", row[1], subject)
		}
	}
	require.Equal(t, want, asked)
	require.Empty(t, streams, "the page does not name these")
}
