package metakocka

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	redacted = "[secret]"
	// maxText keeps an answer that is a whole page out of errors and logs.
	maxText = 500
	// minRedactable is the length from which a secret key is searched for in
	// data too: a shorter one could be a word of a partner's name.
	minRedactable = 12
)

// redactor takes the secret key out of texts (invariant 12), in every way of writing that a
// server or a transport is likely to use. It is held by pointer so that printing
// a Client does not print it.
type redactor struct {
	pattern *regexp.Regexp
	exact   [][]byte // spellings to remove from data; none for a short key
}

func newRedactor(secret string) *redactor {
	spellings := spell(secret)
	quoted := make([]string, len(spellings))
	for i, s := range spellings {
		quoted[i] = regexp.QuoteMeta(s)
	}
	r := &redactor{pattern: regexp.MustCompile("(?i)" + strings.Join(quoted, "|"))}
	if len(secret) >= minRedactable {
		for _, s := range spellings {
			r.exact = append(r.exact, []byte(s))
		}
	}
	return r
}

func spell(secret string) []string {
	quoted, _ := json.Marshal(secret)
	all := []string{
		secret, strings.Trim(string(quoted), `"`),
		url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret),
	}
	var out []string
	for _, s := range all {
		if s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// text clears s of the secret, then shortens it: the other way round half a
// secret could be left at the end.
func (r *redactor) text(s string) string {
	s = r.pattern.ReplaceAllString(s, redacted)
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "\uFFFD")), " ")
	if runes := []rune(s); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return s
}

// data makes an answer valid UTF-8 and clears it of the secret, so that neither
// gets into what is stored of a partner.
func (r *redactor) data(body []byte) []byte {
	if !utf8.Valid(body) {
		body = bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	for _, s := range r.exact {
		if bytes.Contains(body, s) {
			body = bytes.ReplaceAll(body, s, []byte(redacted))
		}
	}
	return body
}

// err is the error itself where its text is clean, else one with a clean text
// that is still recognised as a cancelled or timed-out context.
func (r *redactor) err(err error) error {
	text := r.text(err.Error())
	if text == err.Error() {
		return err
	}
	return &cleanError{text: text, cause: contextCause(err)}
}

func contextCause(err error) error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return nil
}

type cleanError struct {
	text  string
	cause error
}

func (e *cleanError) Error() string { return e.text }
func (e *cleanError) Unwrap() error { return e.cause }
