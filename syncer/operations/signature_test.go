package operations

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhoAsksIsKnownByTheToken: a request cannot name somebody else, and one that comes from
// this machine says for whom it is.
func TestWhoAsksIsKnownByTheToken(t *testing.T) {
	t.Parallel()
	nobody := context.Background()
	jana := AskedBy(nobody, Caller{Name: "jana", Role: Decider})
	for _, tc := range []struct {
		name    string
		ctx     context.Context
		given   string
		by      string
		refused string
	}{
		{"nobody says it", nobody, "", "", ""},
		{"a command says it", nobody, "Jana Kos", "Jana Kos", ""},
		{"the token says it", jana, "", "jana", ""},
		{"both say the same", jana, "jana", "jana", ""},
		{"somebody else's name", jana, "bor", "bor", "by: is known by the token"},
		{"no name", nobody, "jana\n", "jana\n", "by: is not a name"},
		{"not UTF-8", nobody, "jana\ufffd", "jana\ufffd", "by: is not a name"},
		{"as long as it may be", nobody, strings.Repeat("a", maxID), strings.Repeat("a", maxID), ""},
		{"too long", nobody, strings.Repeat("a", maxID+1), strings.Repeat("a", maxID+1), "by: is not a name"},
	} {
		r := LinkRequest{By: tc.given}
		err := sign(tc.ctx, &r)
		if tc.refused == "" {
			require.NoError(t, err, tc.name)
		} else {
			require.ErrorContains(t, err, tc.refused, tc.name)
		}
		require.Equal(t, tc.by, r.By, tc.name)
	}
	require.NoError(t, sign(jana, &NamesRequest{}), "who only reads leaves no name")
	for name, may := range map[string]bool{"jana": true, "Jana.Kos@primer-1.si_2": true, "": false, "jana kos": false, "jana\n": false, strings.Repeat("a", 65): false} {
		require.Equal(t, may, IsCaller(name), name)
	}
}
