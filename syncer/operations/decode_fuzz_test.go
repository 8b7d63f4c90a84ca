package operations

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer"
)

// FuzzRequest: whatever is sent is read as encoding/json reads it, or refused with
// a short reason.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"contactIds":["a","b"],"syncAll":false}`, `{"contactIds":[5]}`, `{"contactIds":[["a"]]}`, `{"syncAll":1e999}`,
		`{"contactIds":[],"contactIds":[]}`, `{"contactIds":["\ud800"]}`, "{\"contactIds\":[\"\xff\"]}", `{} {}`, `{"contactIds":[[[[[[[[[[`, `{"a":`, "{\"by\":\"\x00\"}",
		`{"dryRun":"yes"}`, `{"BY":"x"}`, `{"contactIds":{"a":[{}]}}`, ` {"by":"x"} `, "\xef\xbb\xbf{}", `{"by":"` + "\u2028" + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got, want BulkSyncRequest
		err := decode(text, &got)
		if err == nil && len(text) > 0 {
			require.True(t, utf8.Valid(text))
			if json.Unmarshal(text, &want) == nil {
				require.Equal(t, want, got)
			}
			again, err := json.Marshal(got)
			require.NoError(t, err)
			require.NoError(t, decode(again, &want))
			return
		}
		if err == nil {
			return
		}
		var refused *syncer.RequestError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, syncer.CodeMalformed, refused.Code)
		require.Less(t, len(refused.Message), 1000)
	})
}
