package doctor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnprotectedConnectionsAreMentioned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ database, nats, says string }{
		{"postgres://u:p@127.0.0.1/crm?sslmode=disable", "nats://localhost:4222", ""},
		{"postgres://u:p@[::1]/crm", "", ""},
		{"host=/run/postgresql user=u", "tls://nats.test:4222", ""},
		{"postgres://u:p@db.test/crm?sslmode=verify-full", "wss://nats.test", ""},
		{"postgres://u:p@db.test/crm?sslmode=disable", "", "to db.test may go unencrypted"},
		{"postgres://u:p@db.test/crm?sslmode=allow", "", "may go unencrypted"},
		{"postgres://u:p@db.test/crm", "", "may go unencrypted"},
		{"postgres://u:p@db.test/crm?sslmode=require", "", "the certificate of db.test is not checked"},
		{"", "nats://localhost, nats://u:p@nats.test:4222", "NATS at nats.test:4222"},
		{"", "nats.test", "NATS at nats.test"},
	} {
		found := Unprotected(c.database, c.nats, false)
		if c.says == "" {
			require.Empty(t, found, "%s %s", c.database, c.nats)
			continue
		}
		require.Len(t, found, 1, "%s %s", c.database, c.nats)
		require.Equal(t, Note, found[0].Status)
		require.Contains(t, found[0].Detail, c.says)
	}
	require.Empty(t, Unprotected("", "nats.test", true), "a server without TLS is refused")
}
