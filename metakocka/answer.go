package metakocka

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/crmmind/mksync/coded"
)

// codeInput is the code of an answer of get_partner that found nothing, and of a
// request that MetaKocka does not take.
const codeInput = "2"

// nothingFound is the English text that says that no partner matches. The Slovenian
// one is not known.
const nothingFound = "no partner with such properties"

// aboutTheRequest are words of texts with code 2 that say what is wrong with the
// request: nothing was looked for, so that nothing found says nothing.
var aboutTheRequest = []string{
	"required", "mandatory", "missing", "invalid", "wrong", "malformed", "not allowed", "is not a", "secret", "company",
	"obvez", "manjka", "napač", "neveljav", "ni dovolj", "podjetj", "ključ",
}

// answer is a successful answer's top-level attributes.
type answer struct{ object map[string]json.RawMessage }

// parseAnswer tells the answers apart: result, nothing found, refusal, and what
// is no answer of MetaKocka at all. Error texts never hold the body.
func (c *Client) parseAnswer(endpoint string, status int, header http.Header, body []byte) (answer, error) {
	object, isJSON := parseObject(body)
	if status == http.StatusTooManyRequests || status >= 500 || !isJSON {
		return answer{}, &TransientError{
			Endpoint: endpoint, Sent: true,
			Err: describe(status, body), RetryAfter: retryAfter(header),
		}
	}
	c.observeLock(endpoint, object)
	code, codeErr := codeOf(object)
	if codeErr != nil {
		return answer{}, unreadable(endpoint, codeErr)
	}
	if refusal := c.refusal(endpoint, code, object); refusal != nil {
		return answer{}, refusal
	}
	if status < 200 || status > 299 {
		return answer{}, &TransientError{Endpoint: endpoint, Sent: true, Err: describe(status, body)}
	}
	return answer{object: object}, nil
}

// Attributes that tell in milliseconds how long a call took, and how long it would
// have taken without the company's lock.
const (
	keyTook       = "opr_time_ms"
	keyTookNoLock = "opr_time_no_lock_ms"
)

func (c *Client) observeLock(endpoint string, object map[string]json.RawMessage) {
	var ms [2]float64
	for i, key := range []string{keyTook, keyTookNoLock} {
		text, err := scalarText(object[key])
		if err != nil {
			return
		}
		if ms[i], err = strconv.ParseFloat(strings.TrimSpace(text), 64); err != nil {
			return
		}
	}
	if wait := ms[0] - ms[1]; wait >= 0 {
		c.cfg.ObserveLock(endpoint, time.Duration(wait*float64(time.Millisecond)))
	}
}

// codeOf is the answer's code, which may stand in either of two attributes. One that
// says no counts.
func codeOf(object map[string]json.RawMessage) (code string, err error) {
	for _, key := range []string{"opr_code", "opr_code_app"} {
		text, err := scalarText(object[key])
		if err != nil {
			return "", fmt.Errorf("%s is not a text", key)
		}
		if text = strings.TrimSpace(text); code == "" || code == "0" && text != "" {
			code = text
		}
	}
	return code, nil
}

// refusal is nil for a success: code 0 or none at all. Without a code only an
// error_desc in an answer that holds nothing else of use is a refusal.
func (c *Client) refusal(endpoint, code string, object map[string]json.RawMessage) error {
	if code == "0" || (code == "" && !onlyErrorText(object)) {
		return nil
	}
	if made := object[keyMKID]; endpoint == EndpointAdd && made != nil {
		return unreadable(endpoint, errors.New("a refusal that names a partner"))
	}
	text := c.redact.text(errorText(object))
	if endpoint != EndpointAdd && foundNothing(endpoint, code, strings.ToLower(text), object) {
		return ErrNotFound
	}
	return &RefusalError{Endpoint: endpoint, Code: c.redact.text(code), Text: or(text, "no reason given")}
}

// foundNothing tells "no such partner" from a refusal: by its English text, and for
// a search in whatever words by the code and the list that is empty or not there,
// unless they are about the request.
func foundNothing(endpoint, code, text string, object map[string]json.RawMessage) bool {
	if strings.Contains(text, nothingFound) {
		return true
	}
	if endpoint != EndpointGet || code != codeInput || slices.ContainsFunc(aboutTheRequest, func(word string) bool { return strings.Contains(text, word) }) {
		return false
	}
	list, listErr := scalarText(object[keyPartners])
	count, countErr := scalarText(object["partner_list_count"])
	return listErr == nil && list == "" || countErr == nil && strings.TrimSpace(count) == "0"
}

func onlyErrorText(object map[string]json.RawMessage) bool {
	for _, key := range []string{"error_desc", "opr_desc_app"} {
		if text, err := scalarText(object[key]); err == nil && text != "" && object[keyPartners] == nil && object[keyMKID] == nil {
			return true
		}
	}
	return false
}

func errorText(object map[string]json.RawMessage) string {
	for _, key := range []string{"opr_desc", "opr_desc_app", "error_desc"} {
		if text, err := scalarText(object[key]); err == nil && strings.TrimSpace(text) != "" {
			return text
		}
	}
	return ""
}

// parseObject reads a whole answer. The attributes share its bytes, and whether a
// list of partners is JSON shows when its elements are read, because these lists are
// long.
func parseObject(body []byte) (map[string]json.RawMessage, bool) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")))
	if len(body) == 0 || body[0] != '{' {
		return nil, false
	}
	members, whole := elementsOf(body)
	if !whole {
		return nil, false
	}
	object := map[string]json.RawMessage{}
	for _, member := range members {
		key, value, ok := cutMember(member)
		if !ok || key != keyPartners && !json.Valid(value) {
			return nil, false
		}
		object[key] = value
	}
	return object, true
}

// cutMember splits a member of an object.
func cutMember(member []byte) (key string, value []byte, ok bool) {
	end := stringEnd(member, 0) + 1
	if member[0] != '"' || end > len(member) || json.Unmarshal(member[:end], &key) != nil {
		return "", nil, false
	}
	value, ok = bytes.CutPrefix(trimmed(member[end:]), []byte(":"))
	value = trimmed(value)
	return key, value, ok && len(value) > 0
}

// describe says what came instead of an answer without quoting it.
func describe(status int, body []byte) error {
	body = bytes.TrimSpace(body)
	switch {
	case status == http.StatusTooManyRequests || status >= 500:
		return coded.Fail("refusal.metakocka.status", "HTTP status {status}", status)
	case status >= 300 && status <= 399:
		return coded.Fail("refusal.metakocka.redirect", "HTTP status {status}, a redirect, which is not followed", status)
	case len(body) == 0:
		return coded.Fail("refusal.metakocka.empty", "empty answer, HTTP status {status}", status)
	case body[0] == '<':
		return coded.Fail("refusal.metakocka.page", "HTML page instead of an answer, HTTP status {status}", status)
	default:
		return coded.Fail("refusal.metakocka.no_object", "answer is not a JSON object, HTTP status {status}", status)
	}
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 86400 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func unreadable(endpoint string, why error) error {
	return &TransientError{Endpoint: endpoint, Sent: true, Err: fmt.Errorf("%w: %w", ErrUnreadable, why)}
}

// found reads get_partner's answer. An answer without code, list and count is
// not "nothing found": read so, it would make partners vanish.
func (a answer) found(endpoint string, m *Memory) (Found, error) {
	r := &reader{object: a.object}
	said := a.object[keyPartners] != nil || a.object["partner_list_count"] != nil || a.object["opr_code"] != nil
	count := r.text("partner_list_count")

	var partners []Partner
	var seen []Seen
	if m == nil {
		partners = readList[Partner](r, keyPartners)
	} else {
		partners, seen = m.read(r, keyPartners)
	}

	if r.err == nil && !said {
		r.err = errors.New("neither partner_list nor opr_code")
	}

	// A count that is no number says nothing; a count without partners is a broken answer.
	n, err := strconv.Atoi(or(strings.TrimSpace(count), "0"))
	if err != nil || n < 0 {
		n = 0
	}
	if r.err == nil && n > 0 && len(partners) == 0 {
		r.err = errors.New("a count and no partner_list")
	}

	for _, p := range partners {
		if p.MKID == "" && r.err == nil {
			r.err = errors.New("a partner without mk_id")
		}
	}

	if r.err != nil {
		return Found{}, unreadable(endpoint, r.err)
	}
	return Found{Partners: partners, Count: n, Seen: seen}, nil
}

// added reads add_partner's answer.
func (a answer) added(endpoint string) (Added, error) {
	r := &reader{object: a.object}
	out := Added{
		MKID:      r.text(keyMKID),
		ContactID: r.text("mk_contact_id"),
		Addresses: readList[Address](r, "mk_address_id_list"),
	}
	if r.err == nil && out.MKID == "" {
		r.err = errors.New("no mk_id")
	}
	if r.err != nil {
		return Added{}, unreadable(endpoint, r.err)
	}
	return out, nil
}

// updated reads update_partner's answer: the whole partner in a list, bare, or
// as the answer itself. ok is false where the answer holds no whole partner.
func (a answer) updated(endpoint, mkID string) (p Partner, ok bool, err error) {
	for _, raw := range a.candidates() {
		if err := json.Unmarshal(raw, &p); err != nil {
			return Partner{}, false, unreadable(endpoint, err)
		}
		if p.MKID == mkID && p.Customer != "" {
			return p, true, nil
		}
		if p.MKID != "" && p.MKID != mkID {
			return Partner{}, false, unreadable(endpoint, errors.New("another partner's mk_id"))
		}
	}
	return Partner{}, false, nil
}

func (a answer) candidates() []json.RawMessage {
	r := &reader{object: a.object}
	if list := r.list(keyPartners); len(list) > 0 || r.err != nil {
		return list
	}
	if list := r.list("partner"); len(list) > 0 {
		return list
	}
	for _, key := range []string{"opr_code", "opr_code_app", "opr_desc", "opr_desc_app", keyTook, keyTookNoLock, "partner_list_count"} {
		delete(a.object, key)
	}
	whole, err := json.Marshal(a.object)
	if err != nil {
		return nil
	}
	return []json.RawMessage{whole}
}
