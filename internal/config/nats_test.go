package config

import (
	"path/filepath"
	"testing"

	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// TestWhatIsWrongWithTheAccessToNATSIsNamed, by setting, and no secret is quoted.
func TestWhatIsWrongWithTheAccessToNATSIsNamed(t *testing.T) {
	t.Parallel()
	const hidden = "hunter2-hunter2-hunter2"
	missing, empty := filepath.Join(t.TempDir(), "missing"), writeFile(t, "nothing.pem", hidden)
	account, err := nkeys.CreateAccount()
	require.NoError(t, err)
	seed, err := account.Seed()
	require.NoError(t, err)

	const server = "MKSYNC_NATS_URL=nats://nats.test"
	for _, c := range []struct {
		says string
		set  []string
	}{
		{
			"MKSYNC_NATS_TOKEN: a second way to sign in beside MKSYNC_NATS_USER and MKSYNC_NATS_PASSWORD; keep one of the two",
			[]string{server, "MKSYNC_NATS_USER=crm", "MKSYNC_NATS_PASSWORD=" + hidden, "MKSYNC_NATS_TOKEN=" + hidden},
		},
		{
			"MKSYNC_NATS_TOKEN: a second way to sign in beside the user, password or token in MKSYNC_NATS_URL; keep one of the two",
			[]string{"MKSYNC_NATS_URL=nats://" + hidden + "@nats.test", "MKSYNC_NATS_TOKEN=" + hidden},
		},
		{
			"MKSYNC_NATS_PASSWORD (in the file: nats_password): missing beside MKSYNC_NATS_USER; set both, or none",
			[]string{server, "MKSYNC_NATS_USER=crm"},
		},
		{
			"MKSYNC_NATS_USER (in the file: nats_user): missing beside MKSYNC_NATS_PASSWORD; set both, or none",
			[]string{server, "MKSYNC_NATS_PASSWORD=" + hidden},
		},
		{
			"MKSYNC_NATS_TOKEN: the embedded server asks for none; set MKSYNC_NATS_URL to the server that it is for, or take it away",
			[]string{"MKSYNC_NATS_TOKEN=" + hidden},
		},
		{
			"MKSYNC_NATS_NKEY_SEED: not the seed of a user, which begins with SU (`nk -gen user` makes one)",
			[]string{server, "MKSYNC_NATS_NKEY_SEED=" + string(seed)},
		},
		{
			"MKSYNC_NATS_NKEY_SEED_FILE: not the seed of a user, which begins with SU (`nk -gen user` makes one)",
			[]string{server, "MKSYNC_NATS_NKEY_SEED_FILE=" + empty},
		},
		{
			"MKSYNC_NATS_CREDENTIALS_FILE: open " + missing + ": no such file or directory",
			[]string{server, "MKSYNC_NATS_CREDENTIALS_FILE=" + missing},
		},
		{
			"MKSYNC_NATS_CREDENTIALS_FILE: the file holds no credentials of a user, a JWT and a seed (`nsc generate creds` makes them)",
			[]string{server, "MKSYNC_NATS_CREDENTIALS_FILE=" + empty},
		},
		{
			"MKSYNC_NATS_TLS_CA_FILE: the file holds no certificate in PEM",
			[]string{server, "MKSYNC_NATS_TLS_CA_FILE=" + empty},
		},
		{
			"MKSYNC_NATS_TLS_KEY_FILE (in the file: nats_tls_key_file): missing beside MKSYNC_NATS_TLS_CERT_FILE; set both, or none",
			[]string{server, "MKSYNC_NATS_TLS_CERT_FILE=" + empty},
		},
		{
			"MKSYNC_NATS_TLS_CERT_FILE (in the file: nats_tls_cert_file): missing beside MKSYNC_NATS_TLS_KEY_FILE; set both, or none",
			[]string{server, "MKSYNC_NATS_TLS_KEY_FILE=" + empty},
		},
		{
			"MKSYNC_NATS_TLS_KEY_FILE: tls: failed to find any PEM data in certificate input",
			[]string{server, "MKSYNC_NATS_TLS_CERT_FILE=" + empty, "MKSYNC_NATS_TLS_KEY_FILE=" + empty},
		},
	} {
		_, err := Load("", c.set)
		require.Equal(t, []string{c.says}, problems(t, err))
		require.NotContains(t, err.Error(), hidden)
	}
}
