package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinksLeadToARecord of a known host, by http alone, and to no other whatever an id is.
func TestLinksLeadToARecord(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://crm.primer.si/stiki/{id}", "http://crm:8000/?contact={id}&tab=1", "https://crm.primer.si/#/stiki/{id}"} {
		require.True(t, linkAddress(good), good)
	}
	for _, bad := range []string{
		"https://crm.primer.si/", "javascript:alert({id})", "https://{id}/", "https://{id}.primer.si/", "//crm.primer.si/{id}", "https://a:b@crm.primer.si/{id}", "crm/{id}", "ftp://crm/{id}",
		"https://crm.primer.si:{id}/",
	} {
		require.False(t, linkAddress(bad), bad)
	}
	for id, want := range map[string]string{"1": "1", "a b/c?d&e=f#g": "a%20b%2Fc%3Fd%26e%3Df%23g", "../x": "..%2Fx", "č+": "%C4%8D%2B"} {
		require.Equal(t, "https://crm/?id="+want, LinkTo("https://crm/?id={id}", id))
	}
	require.Empty(t, LinkTo("", "1"))
	require.Empty(t, LinkTo("https://crm/{id}", ""))

	_, err := Load("", []string{"MKSYNC_CONSOLE_CRM_URL=crm.primer.si/{id}"})
	require.Contains(t, problems(t, err), "MKSYNC_CONSOLE_CRM_URL: not an address such as https://crm.example.si/contacts/{id}, with {id} behind the host")
}
