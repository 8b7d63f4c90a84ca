package proposal_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/proposal"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/pgsession"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var update = flag.Bool("update", false, "write the proposals that the tests compare with anew")

// schemas are the databases that proposals are made for: testdata/<name>.sql makes one,
// testdata/<name>.yaml is what is proposed.
var schemas = map[string]func(d *proposal.Database){
	"crm":       nil,
	"supabase":  func(d *proposal.Database) { d.Public = []string{"anon", "authenticated", "service_role"} },
	"workspace": nil,
	"espo":      nil,
	"stranke":   func(d *proposal.Database) { d.Zone = "Europe/Ljubljana" },
	"plain":     func(d *proposal.Database) { d.SlotOf = "other" },
	"numbered":  nil,
	"two":       nil,
	"odd":       nil,
}

// database is one that the file's SQL has made.
func database(t *testing.T, name string) *pgx.Conn {
	t.Helper()
	url := testenv.DB(t)
	sql, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
	require.NoError(t, err)
	testenv.Exec(t, url, string(sql))
	return connect(t, url)
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgsession.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// propose looks at a database and proposes for its likeliest table. What differs from
// one test run to the next has a name that stays.
func propose(t *testing.T, conn *pgx.Conn, as func(d *proposal.Database)) proposal.Proposal {
	t.Helper()
	d, err := proposal.Look(t.Context(), conn)
	require.NoError(t, err)
	d.Name, d.Role, d.Zone = "crm", "mksync", "UTC"
	if as != nil {
		as(&d)
	}
	candidates := d.Candidates()
	require.NotEmpty(t, candidates)
	require.NoError(t, proposal.Sample(t.Context(), conn, &candidates[0]))
	return proposal.Propose(d, candidates[0], candidates[1:])
}

// read reads a proposal as mksync would.
func read(t *testing.T, text string) config.Config {
	t.Helper()
	cfg, err := config.Parse("proposal", []byte(text), nil)
	require.NoError(t, err, text)
	return cfg
}

func TestProposals(t *testing.T) {
	t.Parallel()
	for name, as := range schemas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := propose(t, database(t, name), as)
			text := p.Text
			for _, line := range p.Decide {
				text += "\n# to decide: " + line + "\n"
			}
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), text)
			read(t, text)
		})
	}
}

// TestCommentedLinesAreRightAsWell: whoever takes a line that is proposed and not taken
// gets a file that mksync reads.
func TestCommentedLinesAreRightAsWell(t *testing.T) {
	t.Parallel()
	for name, as := range schemas {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := propose(t, database(t, name), as)
			for _, key := range []string{"# filter:", "# insert:", "# contacts_updated_at:"} {
				before, block, found := strings.Cut(p.Text, "\n"+key)
				if !found {
					continue
				}
				var lines []string
				rest := strings.Split(key[2:]+block, "\n")
				i := 1
				for ; i < len(rest) && strings.HasPrefix(rest[i], "#   "); i++ {
					lines = append(lines, strings.TrimPrefix(rest[i], "# "))
				}
				read(t, before+"\n"+rest[0]+"\n"+strings.Join(lines, "\n")+"\n"+strings.Join(rest[i:], "\n"))
			}
		})
	}
}
