package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestWhoIsTold: by the section of the file and by the environment, each with secrets in files.
func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "mksync.yaml", "instance: acme\npublic_url: https://mksync.primer.si/\nalerts:\n  webhook_url: https://primer.si/hunter2\n"+
		"  webhook_secret_file: "+writeFile(t, "secret", hookSecret+"\n")+"\n  mail_to: ana@primer.si\n  language: sl\n")
	config, err := Load(path, []string{
		"MKSYNC_ALERTS_MAIL_TO=ana@primer.si, Bor <bor@primer.si>", "MKSYNC_ALERTS_MAIL_FROM=mksync@primer.si",
		"MKSYNC_ALERTS_SMTP_URL_FILE=" + writeFile(t, "smtp", "smtps://mksync:hunter2@posta.primer.si"),
	})
	require.NoError(t, err)
	told := config.Told()
	require.Equal(t, []store.AlertChannel{store.AlertWebhook, store.AlertMail}, told.Channels())
	require.Equal(t, []string{"https://primer.si/hunter2", "https://mksync.primer.si/console/", "acme", "sl"}, []string{told.Webhook.URL, told.Console, told.Installation, string(told.Language)})
	require.Equal(t, []string{"ana@primer.si", "bor@primer.si"}, told.Mail.To)
	require.Equal(t, "posta.primer.si:465 hunter2", fmt.Sprintf("%s:%d %s", told.Mail.Host, told.Mail.Port, told.Mail.Password))
	require.Empty(t, Default().Told().Channels())

	var out bytes.Buffer
	encoded, err := json.Marshal(config)
	require.NoError(t, err)
	out.Write(encoded)
	_, _ = fmt.Fprintf(&out, "%v %+v %#v %v", config, config, config, config.Redacted())
	require.NotContains(t, out.String(), "hunter2")
	require.NotContains(t, out.String(), hookSecret)
	require.Contains(t, out.String(), "https://primer.si")
}

// TestWhatIsWrongWithWhoIsTold is named by key, and no secret with it.
func TestWhatIsWrongWithWhoIsTold(t *testing.T) {
	t.Parallel()
	for section, want := range map[string]string{
		"{webhook_url: \"https://primer.si/x\"}":                                              "alerts.webhook_secret: missing beside MKSYNC_ALERTS_WEBHOOK_URL; set both, or none",
		"{webhook_url: \"primer.si/hunter2\", webhook_secret: " + hookSecret + "}":            "mksync.yaml line 1: alerts.webhook_url: not an address such as https://example.com/mksync",
		"{webhook_url: \"https://primer.si\", webhook_secret: hunter2}":                       "mksync.yaml line 1: alerts.webhook_secret: not whsec_ and 24 to 64 random bytes in Base64 (`echo whsec_$(openssl rand -base64 32)` makes one)",
		"{mail_to: ana@primer.si, mail_from: b@primer.si}":                                    "alerts.smtp_url: missing; set it to the mail server, smtps://user:password@mail.example.com:465",
		"{smtp_url: \"smtp://posta.primer.si\", mail_from: b@primer.si}":                      "alerts.mail_to: missing; set it to the addresses that messages go to, separated by commas",
		"{smtp_url: \"smtp://posta\", mail_from: \"b@primer.si, c@primer.si\", mail_to: a@b}": "mksync.yaml line 1: alerts.mail_from: more than one address",
		"{smtp_url: \"http://hunter2\", mail_from: b@primer.si, mail_to: a@b}":                "mksync.yaml line 1: alerts.smtp_url: not an address such as smtps://user:password@mail.example.com:465 or smtp://mail.example.com:587 (a special character in the password is written as %XX)",
		"{language: deutsch}": "mksync.yaml line 1: alerts.language: \"deutsch\" is not one of en, sl",
		"{webhok_url: x}":     "mksync.yaml line 1: alerts.webhok_url: unknown key; did you mean webhook_url?",
		"yes":                 "mksync.yaml line 1: alerts: expected `key: value` lines",
	} {
		_, err := Load(writeFile(t, "mksync.yaml", "alerts: "+section), nil)
		require.Equal(t, []string{want}, problems(t, err), section)
	}
	_, err := Load("", []string{"MKSYNC_PUBLIC_URL=mksync.primer.si"})
	require.Equal(t, []string{"MKSYNC_PUBLIC_URL: not an address such as https://mksync.example.com, without parameters"}, problems(t, err))
	_, err = Load(writeFile(t, "mksync.yaml", "alerts:\n#  language: sl\n"), nil)
	require.NoError(t, err)
}
