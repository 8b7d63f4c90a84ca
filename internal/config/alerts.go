package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/crmmind/mksync/internal/alerts"
	"github.com/crmmind/mksync/internal/phrases"
)

// alerts checks who is told that a person is needed, and how.
func (v *validator) alerts(c Config) {
	v.check(c.PublicURL == "" || webAddress(c.PublicURL), "public_url", "not an address such as https://mksync.example.com, without parameters")

	a := c.Alerts
	v.oneOf("alerts.language", a.Language, words(phrases.Languages())...)
	v.together("alerts.webhook_url", a.WebhookURL != "", "alerts.webhook_secret", a.WebhookSecret != "")
	v.check(a.WebhookURL == "" || hookAddress(a.WebhookURL.Reveal()), "alerts.webhook_url", "not an address such as https://example.com/mksync")
	if a.WebhookSecret != "" {
		_, err := alerts.ReadSecret(a.WebhookSecret.Reveal())
		v.wrong("alerts.webhook_secret", err)
	}

	mail := a.MailTo != "" || a.MailFrom != "" || a.SMTPURL != ""
	v.check(!mail || a.MailTo != "", "alerts.mail_to", "missing; set it to the addresses that messages go to, separated by commas")
	v.check(!mail || a.MailFrom != "", "alerts.mail_from", "missing; set it to the address that messages come from")
	v.check(!mail || a.SMTPURL != "", "alerts.smtp_url", "missing; set it to the mail server, smtps://user:password@mail.example.com:465")
	if a.MailTo != "" {
		_, err := alerts.ReadAddresses(a.MailTo)
		v.wrong("alerts.mail_to", err)
	}
	if a.MailFrom != "" {
		from, err := alerts.ReadAddresses(a.MailFrom)
		v.wrong("alerts.mail_from", err)
		v.check(len(from) < 2, "alerts.mail_from", "more than one address")
	}
	if a.SMTPURL != "" {
		_, err := alerts.ReadSMTP(a.SMTPURL.Reveal())
		v.wrong("alerts.smtp_url", err)
	}
}

// wrong adds an error as a problem.
func (v *validator) wrong(key string, err error) {
	if err != nil {
		v.check(false, key, "%s", err)
	}
}

// webAddress reports whether people can go to an address.
func webAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && hookAddress(address) && u.User == nil && u.RawQuery == ""
}

func hookAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Hostname() != "" && u.Fragment == "" && slices.Contains([]string{"https", "http"}, u.Scheme)
}

// Told is who is told that a person is needed, and how. The settings are those that
// Validate takes.
func (c Config) Told() alerts.Config {
	told := alerts.Config{Language: phrases.Language(c.Alerts.Language), Installation: c.Instance, Pace: alerts.UsualPace}
	if c.PublicURL != "" {
		told.Console = strings.TrimRight(c.PublicURL, "/") + "/console/"
	}
	if c.Alerts.WebhookURL != "" {
		key, _ := alerts.ReadSecret(c.Alerts.WebhookSecret.Reveal())
		told.Webhook = &alerts.Webhook{URL: c.Alerts.WebhookURL.Reveal(), Key: key}
	}
	if c.Alerts.SMTPURL != "" {
		server, _ := alerts.ReadSMTP(c.Alerts.SMTPURL.Reveal())
		to, _ := alerts.ReadAddresses(c.Alerts.MailTo)
		told.Mail = &alerts.Mail{From: c.Alerts.MailFrom, To: to, SMTP: server}
	}
	return told
}
