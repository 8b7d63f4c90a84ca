package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// seals sign what a browser keeps for us, so that nobody else can have written it.
type seals struct{ key []byte }

func newSeals(key [32]byte) seals { return seals{key[:]} }

// seal writes a value as a text for a cookie or an address. What it is for is signed too: a
// session is no notice.
func (s seals) seal(purpose string, value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	body := base64.RawURLEncoding.EncodeToString(text)
	return body + "." + base64.RawURLEncoding.EncodeToString(s.mac(purpose, body)), nil
}

// open reads a value back; false: it was not sealed here, or for something else.
func (s seals) open(purpose, sealed string, into any) bool {
	body, mac, _ := strings.Cut(sealed, ".")
	given, err := base64.RawURLEncoding.DecodeString(mac)
	if err != nil || !hmac.Equal(given, s.mac(purpose, body)) {
		return false
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	return err == nil && json.Unmarshal(text, into) == nil
}

func (s seals) mac(purpose, body string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(purpose + "\x00" + body))
	return h.Sum(nil)
}
