package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
)

// Secret is a text that is never printed: every way of formatting, logging or
// encoding it shows only whether it is set. Reveal gives the text itself.
type Secret string

// Reveal is the secret text, for the one place that has to send it.
func (s Secret) Reveal() string { return string(s) }

// String says whether the secret is set.
func (s Secret) String() string {
	if s == "" {
		return "[not set]"
	}
	return "[set]"
}

// Format makes every verb print as String does.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue keeps the text out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the text out of JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Address is where a URL points, without its user, password and parameters, and of a web
// address, whose path may be what lets in, the host alone; for a text that is no URL, or
// where the password may reach into the host, it is String.
func (s Secret) Address() string {
	u, err := url.Parse(string(s))
	if err != nil || u.Scheme == "" || u.Host == "" || strings.Count(string(s), "@") > 1 || strings.Contains(u.Path, "@") {
		return s.String()
	}
	if u.Scheme == "https" || u.Scheme == "http" {
		u.Path = ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Secrets are the texts of all secrets in force, with what of an address or of a list of
// tokens lets in by itself: to be taken out of texts of others.
func (c Config) Secrets() []string {
	var all []string
	for _, s := range settings(&c) {
		secret, is := s.into.(*Secret)
		if !is || *secret == "" {
			continue
		}

		text := secret.Reveal()
		if tokens, err := ParseTokens(*secret); s.key == "api_token" && err == nil {
			for _, t := range tokens {
				all = append(all, t.Secret)
			}
		}

		for address := range strings.SplitSeq(text, ",") {
			u, err := url.Parse(strings.TrimSpace(address))
			if err != nil || u.Host == "" {
				continue
			}
			if password, has := u.User.Password(); has {
				all = append(all, password)
			} else if u.User != nil {
				all = append(all, u.User.Username()) // a token
			}
		}

		all = append(all, text)
	}
	return all
}
