package store

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/crmmind/mksync/coded"
)

// KeyType is the type of the column that names contacts, as Postgres calls it.
type KeyType string

// The types that a contacts' key may have.
const (
	KeyUUID     KeyType = "uuid"
	KeyText     KeyType = "text"
	KeyVarchar  KeyType = "character varying"
	KeySmallint KeyType = "smallint"
	KeyInteger  KeyType = "integer"
	KeyBigint   KeyType = "bigint"
)

// KeyTypes are all of them; each whole number is within the one behind it.
func KeyTypes() []KeyType {
	return []KeyType{KeyUUID, KeyText, KeyVarchar, KeySmallint, KeyInteger, KeyBigint}
}

// KeyTypesText names them for people.
func KeyTypesText() string { return "uuid, text, varchar, smallint, integer or bigint" }

// LongestKey is how many bytes a key may have. It stands in subjects, where a byte may take
// three, and NATS reads 4,096 of a command.
const LongestKey = 512

// IsText tells a text from a number or a uuid.
func (t KeyType) IsText() bool { return t == KeyText || t == KeyVarchar }

// bits is how large a whole number may be; 0: it is none.
func (t KeyType) bits() int {
	return map[KeyType]int{KeySmallint: 16, KeyInteger: 32, KeyBigint: 64}[t]
}

// Within tells whether every key of this type is one of the other with the same text.
func (t KeyType) Within(other KeyType) bool {
	return other.IsText() || t == other || t.bits() > 0 && t.bits() <= other.bits()
}

// Canonical is a key as Postgres writes it: a uuid in small letters, a number without
// leading zeros. Its error says what is wrong with it, without the key.
func (t KeyType) Canonical(key string) (string, error) {
	switch {
	case t == KeyUUID:
		if !uuidForm.MatchString(key) {
			return "", coded.Fail("refusal.request.key_uuid", "is not a uuid")
		}
		return strings.ToLower(key), nil
	case t.bits() > 0:
		return t.number(key)
	}
	return key, textKey(key)
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (t KeyType) number(key string) (string, error) {
	n, err := strconv.ParseInt(key, 10, t.bits())
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "", coded.Fail("refusal.request.key_range", "is not within the range of the contacts' key, whose type is {type}", t)
	case err != nil || key[0] == '+':
		return "", coded.Fail("refusal.request.key_number", "is not a whole number, which the contacts' key is")
	}
	return strconv.FormatInt(n, 10), nil
}

// textKey is what is wrong with a text as a key.
func textKey(key string) error {
	switch {
	case key == "":
		return coded.Fail("refusal.request.key_empty", "is empty")
	case len(key) > LongestKey:
		return coded.Fail("refusal.request.key_long", "has {count} bytes, and a contact's key {most} at most", len(key), LongestKey)
	case !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return coded.Fail("refusal.request.key_text", "is no text")
	}
	return nil
}
