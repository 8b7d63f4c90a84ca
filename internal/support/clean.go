package support

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// words are those of the program's own texts; whatever else a text holds came from a
// database, a server or a person.
//
//go:embed words.txt
var words string

// Cleaner takes secrets and people out of texts. What it does not know as the program's own
// becomes a hash: the same within one archive, and another in the next.
type Cleaner struct {
	salt    []byte
	secrets []string
	known   map[string]bool
}

// shortest is the length from which a secret is looked for wherever it may stand.
const shortest = 4

// NewCleaner returns a ready one. secrets are never shown, not even as a hash; the words of
// known are kept.
func NewCleaner(secrets, known []string) *Cleaner {
	c := &Cleaner{salt: make([]byte, sha256.Size), known: map[string]bool{}}
	_, _ = rand.Read(c.salt) // it never fails
	for _, secret := range secrets {
		if len(secret) >= shortest {
			c.secrets = append(c.secrets, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
	slices.SortFunc(c.secrets, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	for _, text := range append(known, words) {
		for _, word := range word.FindAllString(text, -1) {
			c.known[strings.ToLower(word)] = true
		}
	}
	return c
}

var (
	userPart = regexp.MustCompile(`://[^/\s]*@`)
	word     = regexp.MustCompile(`[\p{L}\p{M}]+`)
	// pieces are what is looked at as one: addresses of people, ids, times, numbers in groups,
	// and what has no blank and begins with a letter or a digit.
	pieces = regexp.MustCompile(`\S*@\S*|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|\b[0-9A-F]{1,8}/[0-9A-F]{1,8}\b|\+?\d[\d /().-]{4,}\d\w*|[\p{L}\p{M}\d]+`)
	when   = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d`)
	lsn    = regexp.MustCompile(`^[0-9A-F]{1,8}/[0-9A-F]{1,8}$`)
)

// mostDigits is how many digits a number may have that is nobody's: a year, a port, a count.
const mostDigits = 5

// Text cleans a text.
func (c *Cleaner) Text(s string) string {
	return pieces.ReplaceAllStringFunc(c.withoutSecrets(s), c.piece)
}

func (c *Cleaner) withoutSecrets(s string) string {
	for _, secret := range c.secrets {
		s = strings.ReplaceAll(s, secret, "[secret]")
	}
	return userPart.ReplaceAllString(s, "://[hidden]@")
}

func (c *Cleaner) piece(p string) string {
	if scheme, rest, is := strings.Cut(p, "[hidden]@"); is { // an address of a server
		return c.Text(scheme) + "[hidden]@" + c.Text(rest)
	}

	digits := 0
	for _, r := range p {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	letters := word.FindAllString(p, -1)
	_, duration := time.ParseDuration(p)

	switch {
	case when.MatchString(p), lsn.MatchString(p), duration == nil:
		return p
	case strings.Contains(p, "@"), digits > mostDigits:
		return c.Hash(p)
	case !slices.ContainsFunc(letters, func(w string) bool { return !c.known[strings.ToLower(w)] }):
		return p
	}
	return c.Hash(p)
}

// Hash stands for a value.
func (c *Cleaner) Hash(value string) string {
	sum := hmac.New(sha256.New, c.salt)
	_, _ = sum.Write([]byte(value))
	return "~" + hex.EncodeToString(sum.Sum(nil)[:5])
}

// JSON cleans all texts of a value, keys included, and writes it out.
func (c *Cleaner) JSON(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write part: %w", err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("read part: %w", err)
	}
	return json.MarshalIndent(c.tree(tree), "", "  ")
}

func (c *Cleaner) tree(v any) any {
	switch v := v.(type) {
	case string:
		return c.Text(v)
	case []any:
		for i, item := range v {
			v[i] = c.tree(item)
		}
	case map[string]any:
		clean := map[string]any{}
		for key, item := range v {
			clean[c.Text(key)] = c.tree(item)
		}
		return clean
	}
	return v
}
