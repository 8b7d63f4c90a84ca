package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShownSettingsSayWhereTheyComeFrom, and are no secrets.
func TestShownSettingsSayWhereTheyComeFrom(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "mksync.yaml", "poll_interval: 30s\nfields:\n  phone: {column: mobile}\nfilter:\n  - status: active\n")
	c, err := Load(file, []string{"MKSYNC_DATABASE_URL=postgres://ana:geheim@crm.example/crm", "MKSYNC_API_TOKEN=a-token-of-somebody"})
	require.NoError(t, err)
	shown := map[string]Setting{}
	for _, s := range c.Shown() {
		shown[s.Key] = s
		require.NotContains(t, s.Value, "geheim")
		require.NotContains(t, s.Value, "a-token")
	}
	require.Equal(t, Setting{"database_url", "MKSYNC_DATABASE_URL", "postgres://crm.example/crm", "MKSYNC_DATABASE_URL"}, shown["database_url"])
	require.Contains(t, shown["poll_interval"].From, "mksync.yaml line 1")
	require.Equal(t, Setting{"delete_policy", "MKSYNC_DELETE_POLICY", "unlink", ""}, shown["delete_policy"])
	require.Equal(t, "mobile; both", shown["fields.phone"].Value)
	require.Contains(t, shown["fields.phone"].From, "mksync.yaml line 3")
	require.Empty(t, shown["fields.email"].From)
	require.Equal(t, "active", shown["filter.status"].Value)
	require.NotEmpty(t, shown["filter.status"].From)
}
