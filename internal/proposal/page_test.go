package proposal_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
)

// example is a table of the page, and what stands below it.
var example = regexp.MustCompile("(?s)\n### ([^\n]+)\n\n```sql\n(.*?)```\n\n```yaml\n(.*?)```")

// TestTheTablesOfThePage: what docs/contacts-table.md says of a table is what is proposed
// for it.
func TestTheTablesOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/contacts-table.md")
	require.NoError(t, err)
	examples := example.FindAllStringSubmatch(string(page), -1)
	require.Len(t, examples, strings.Count(string(page), "\n### "))
	for _, e := range examples {
		t.Run(e[1], func(t *testing.T) {
			t.Parallel()
			url := testenv.DB(t)
			testenv.Exec(t, url, e[2])
			shown, proposed := read(t, e[3]), read(t, propose(t, connect(t, url), nil).Text)
			require.Equal(t, synced(shown, proposed), synced(proposed, proposed))
			shown.Fields = proposed.Fields
			if shown.ContactsUpdatedAt == config.Default().ContactsUpdatedAt {
				shown.ContactsUpdatedAt = proposed.ContactsUpdatedAt
			}
			require.EqualExportedValues(t, proposed, shown) // not which line each comes from
		})
	}
}

// synced are the fields that the proposal syncs, as the configuration has them: what it
// does not sync, the page leaves out.
func synced(of, proposed config.Config) map[mapping.Field]config.Field {
	fields := map[mapping.Field]config.Field{}
	for field, f := range of.Fields {
		if proposed.Fields[field].Direction == mapping.DirectionOff {
			continue
		}
		if len(f.Columns) > 0 {
			f.Column = ""
		}
		fields[field] = f
	}
	return fields
}
