package mksync_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/pgserver"
)

// TestTheExampleIsTheTableOfTheTests: the contacts table that people try mksync with is
// the one of the demo, the benchmark and the tests.
func TestTheExampleIsTheTableOfTheTests(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("deploy/contacts.sql")
	require.NoError(t, err)
	require.Contains(t, string(example), strings.TrimSpace(pgserver.ContactsSchema)+";\n")
}
