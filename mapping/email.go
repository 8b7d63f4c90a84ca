package mapping

import (
	"regexp"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
)

// quotes are what e-mail addresses are found between.
const quotes = `"'<>«»„“”‘’`

// cleanEmail takes from an e-mail what came with it from elsewhere: a link's
// mailto:, quotes around it, punctuation behind it.
func cleanEmail(v string) string {
	for {
		was := v
		v = strings.TrimSpace(strings.TrimRight(v, ".,;: \u00a0"))
		if len(v) >= len("mailto:") && strings.EqualFold(v[:len("mailto:")], "mailto:") {
			v = v[len("mailto:"):]
		}
		if inner := strings.Trim(v, quotes); !strings.ContainsAny(inner, quotes) {
			v = inner
		}
		if v == was {
			return v
		}
	}
}

// emailShape is one address without a display name. International local parts
// and domains are let through.
var emailShape = regexp.MustCompile(`^[^\s@<>(),;:"\\]+@(?:[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]*[\p{L}\p{N}\p{M}])?\.)+[\p{L}\p{N}][\p{L}\p{N}\p{M}-]*[\p{L}\p{N}\p{M}]$`)

// isEmail reports whether v has the shape of one e-mail address.
func isEmail(v string) bool {
	return emailShape.MatchString(v) && !strings.Contains(v, "..") && len(v) <= 254
}

// Emails lists the addresses of a field that may hold several, in canonical
// form, each once. What is no address is left out, unless the field holds
// nothing else and that has at least something on either side of an @: words (nima
// maila) and beginnings (ana@) say nothing of whose they are.
func Emails(v string) []string {
	v = clean(FieldEmail, v)
	if v == "" {
		return nil
	}
	var found []string
	for _, part := range emailParts(v) {
		if e := Canonical(FieldEmail, part); isEmail(e) && !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	if local, domain, _ := strings.Cut(collapse(v), "@"); len(found) == 0 && local != "" && domain != "" {
		found = []string{Canonical(FieldEmail, v)}
	}
	return found
}

// emailParts splits a field that may hold several addresses.
func emailParts(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(",;/| \u00a0\n\t", r) })
}

// SharedMailbox reports whether an e-mail address is nobody's in particular:
// info@, racuni@ and the like.
func SharedMailbox(email string) bool {
	local, _, _ := strings.Cut(Canonical(FieldEmail, email), "@")
	return slices.Contains(mailboxes, local)
}

// emailProblem says why a cleaned value cannot be sent; several addresses can,
// as MetaKocka keeps text.
func emailProblem(v string) coded.Text {
	parts := emailParts(v)
	if len(v) > limitContact || len(parts) == 0 || slices.ContainsFunc(parts, func(p string) bool { return !isEmail(cleanEmail(p)) }) {
		return coded.Say("note.value.email", "is not an e-mail address")
	}
	return coded.Text{}
}
