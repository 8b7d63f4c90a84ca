package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeysAreWrittenAsPostgresDoes, and what is no key of the type is told.
func TestKeysAreWrittenAsPostgresDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ            KeyType
		given, is, err string
	}{
		{KeyUUID, "5F0F6D1E-7D3C-4B0E-A3AD-6C2B0B6A9D10", "5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10", ""},
		{KeyUUID, "7", "", "is not a uuid"},
		{KeyUUID, "{5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10}", "", "is not a uuid"},
		{KeyBigint, "007", "7", ""},
		{KeyBigint, "-9223372036854775808", "-9223372036854775808", ""},
		{KeyBigint, "9223372036854775808", "", "whose type is bigint"},
		{KeySmallint, "32768", "", "whose type is smallint"},
		{KeyInteger, "2147483648", "", "whose type is integer"},
		{KeyInteger, "-0", "0", ""},
		{KeyInteger, "", "", "is not a whole number"},
		{KeyInteger, "+7", "", "is not a whole number"},
		{KeyInteger, " 7", "", "is not a whole number"},
		{KeyInteger, "7e1", "", "is not a whole number"},
		{KeyInteger, "0x7", "", "is not a whole number"},
		{KeyText, "a.b c/š*>", "a.b c/š*>", ""},
		{KeyText, "007", "007", ""},
		{KeyVarchar, "", "", "is empty"},
		{KeyVarchar, strings.Repeat("š", 256), strings.Repeat("š", 256), ""},
		{KeyVarchar, strings.Repeat("š", 257), "", "has 514 bytes"},
		{KeyText, "a\x00b", "", "is no text"},
		{KeyText, "a\xffb", "", "is no text"},
	} {
		is, err := c.typ.Canonical(c.given)
		if c.err != "" {
			require.ErrorContains(t, err, c.err, "%s %q", c.typ, c.given)
			continue
		}
		require.NoError(t, err, "%s %q", c.typ, c.given)
		require.Equal(t, c.is, is)
	}
	require.True(t, KeyUUID.Within(KeyUUID))
	require.True(t, KeyText.Within(KeyVarchar))
	require.True(t, KeySmallint.Within(KeyBigint))
	require.False(t, KeyBigint.Within(KeyInteger))
	require.True(t, KeyUUID.Within(KeyText))
	require.False(t, KeyText.Within(KeyUUID))
	require.False(t, KeyUUID.Within(KeyBigint))
}
