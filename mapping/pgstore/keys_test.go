package pgstore_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
)

// TestKeysAreRenewedPageByPage: every partner that can be read gets the keys of today;
// what somebody stored meanwhile stays.
func TestKeysAreRenewedPageByPage(t *testing.T) {
	t.Parallel()
	kept, pool := openStore(t, prepared.DB(t))
	_, err := pool.Exec(t.Context(), `INSERT INTO mksync_partners (metakocka_id, hash, data, keys)
		SELECT n::text, 'h', jsonb_build_object('name', 'p' || n), ARRAY['old ' || n] FROM generate_series(1, 1100) n`)
	require.NoError(t, err)
	of := func(where string) (n int) {
		t.Helper()
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM mksync_partners WHERE "+where).Scan(&n))
		return n
	}

	require.NoError(t, kept.RenewKeys(t.Context(), func(data []byte) (mapping.MatchKeys, error) {
		var p struct{ Name string }
		if err := json.Unmarshal(data, &p); err != nil {
			return mapping.MatchKeys{}, err
		}
		switch p.Name {
		case "p7":
			return mapping.MatchKeys{}, errors.New("cannot be read")
		case "p8":
			_, err := pool.Exec(t.Context(), "UPDATE mksync_partners SET keys = '{seen}' WHERE metakocka_id = '8'")
			require.NoError(t, err)
		}
		return mapping.MatchKeys{Persons: []string{p.Name}}, nil
	}))
	require.Equal(t, 1098, of("keys = ARRAY['name p' || metakocka_id]"))
	require.Equal(t, 1, of("metakocka_id = '7' AND keys = '{old 7}'"))
	require.Equal(t, 1, of("metakocka_id = '8' AND keys = '{seen}'"))
}
