package pgstore

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStatementsNameTheSchema(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"SELECT 1":                 "SELECT 1",
		"SELECT FROM mksync_state": "SELECT FROM s.mksync_state",
		"mksync_state":             "s.mksync_state",
		"ANALYZE metakocka_contact_mappings,mksync_partners":        "ANALYZE s.metakocka_contact_mappings,s.mksync_partners",
		"SELECT to_regclass('metakocka_contact_mappings')":          "SELECT to_regclass('s.metakocka_contact_mappings')",
		`SELECT c."mksync_id", c.mksync_x FROM "crm"."mksync_log"`:  `SELECT c."mksync_id", c.mksync_x FROM "crm"."mksync_log"`,
		"WHERE relname LIKE 'mksync\\_%' AND x_mksync_y = 'mksync'": "WHERE relname LIKE 'mksync\\_%' AND x_mksync_y = 'mksync'",
		"SELECT (SELECT max(number) FROM mksync_partners)":          "SELECT (SELECT max(number) FROM s.mksync_partners)",
		"SELECT x FROM mksync_acme.mksync_state":                    "SELECT x FROM mksync_acme.mksync_state",
		"SELECT mksync_jobs.id FROM mksync_jobs":                    "SELECT mksync_jobs.id FROM s.mksync_jobs",
	} {
		require.Equal(t, want, own("s", sql))
	}
}

// TestNoMoreThanSoManyStatementsAreRemembered, should one ever hold a value.
func TestNoMoreThanSoManyStatementsAreRemembered(t *testing.T) {
	t.Parallel()
	n := naming{schema: "s"}
	for i := range 2*mostTexts + 7 {
		sql := fmt.Sprintf("SELECT %d FROM mksync_state", i)
		want := fmt.Sprintf("SELECT %d FROM s.mksync_state", i)
		require.Equal(t, want, n.own(sql))
		require.Equal(t, want, n.own(sql))
	}
	require.Len(t, n.texts, 7)
}

// TestNoStatementGoesPastTheSchema: what takes statements is what names the schema.
func TestNoStatementGoesPastTheSchema(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	raw := regexp.MustCompile(`\*pgxpool\.(Pool|Conn)\b|\.pool\.of\.`)
	for _, file := range files {
		if file == "own.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, line := range strings.Split(string(text), "\n") {
			if !strings.HasPrefix(line, "func New(") {
				require.NotRegexp(t, raw, line, file)
			}
		}
	}
}
