package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzConfig reads any file as the configuration: it is accepted or refused in
// readable lines, never with a panic, and never with the secret in them.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", "poll_interval: 5m", "poll_interval: [1", "fields: {phone: {rule: manual}}",
		"fields: 1", "filter:\n  - status: [a, b]\n  - x: not null", "a: &a\n  b: *a", "max_deletes: 1e9", "\xff\xfe",
		"<<: {slot: x}", "slot: 'A B'", "metakocka_secret_key: |\n  two\n  lines",
	} {
		f.Add(seed)
	}
	const secret = "s3cret-value-of-the-fuzz-test"
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, secret) {
			t.Skip("the text itself names the secret")
		}
		path := filepath.Join(t.TempDir(), "mksync.yaml")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		c, err := Load(path, []string{"MKSYNC_METAKOCKA_SECRET_KEY=" + secret}, NeedDatabase)
		if err != nil {
			require.NotContains(t, err.Error(), secret)
			require.NotEmpty(t, strings.TrimSpace(err.Error()))
			return
		}
		require.NoError(t, c.Validate(NeedDatabase))
	})
}
