package metakocka

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAnswer reads arbitrary answers the way every endpoint does. Nothing
// panics, an error never quotes the secret, and a partner that was read can be
// stored, is the same when it is read again, and keeps its hash.
func FuzzAnswer(f *testing.F) {
	const secret = "fuzz-secret-key-0001"
	for _, seed := range []string{
		`{"partner_list_count":"1","partner_list":[{"mk_id":"1","customer":"A","partner_contact_list":[{"mk_id":"2","gsm":"1"}],"partner_delivery_address_list":[{"mk_id":"3","address_type":"Račun","payment_due_days":"15"}]}]}`,
		`{"partner_list_count":1,"partner_list":{"mk_id":2.28E11,"taxpayer":true,"partner_contact_list":{"mk_id":1}}}`,
		`{"opr_code":"2","opr_desc":"No partner with such properties."}`,
		`{"opr_code":6,"error_desc":"fuzz-secret-key-0001 is wrong"}`,
		`{"mk_id":"1","mk_contact_id":2,"mk_address_id_list":[{"mk_id":"3","street":"x"}]}`,
		`{"mk_id":"1","customer":"\u0000\ud800","e":1e999,"nested":{"a":[[1]]}}`,
		`{"partner_list":[{"mk_id":"1"},,{"mk_id":"2"}]}`, `{"partner_list":[,]}`, `{"opr_code":"0","partner_list":}`, `{"partner_list":[{"mk_id":"1"}}}`,
		`{"partner_list":[{"mk_id":"1"}] junk}`, `{"opr_code":"6","mk_id":"5"}`, `<html>fuzz-secret-key-0001</html>`, "", "[]", `{"partner_list":""}`,
	} {
		f.Add(200, []byte(seed))
	}
	f.Add(503, []byte("<html>"))
	c, err := New(Config{CompanyID: "1", SecretKey: secret}, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var given []byte // what the last answer was read from
		parse := func() (answer, error) {
			given = c.redact.data(bytes.Clone(body))
			return c.parseAnswer(EndpointGet, status, http.Header{}, given)
		}
		used := func() { // another answer takes the place
			for i := range given {
				given[i] = '#'
			}
		}
		check := func(err error) {
			if err != nil && strings.Contains(strings.ToLower(err.Error()), secret) {
				t.Fatalf("the secret is in the error %q", err)
			}
		}
		a, err := parse()
		check(err)
		if err != nil {
			return
		}
		found, err := a.found(EndpointGet, nil)
		check(err)
		if text := bytes.TrimSpace(bytes.TrimPrefix(c.redact.data(body), []byte("\xEF\xBB\xBF"))); err == nil && !json.Valid(text) {
			t.Fatalf("read without an error, and no JSON: %q", text)
		}
		used()
		for _, p := range found.Partners {
			checkPartner(t, p)
		}
		a, _ = parse()
		_, err = a.added(EndpointAdd)
		check(err)
		a, _ = parse()
		p, ok, err := a.updated(EndpointUpdate, "1")
		used()
		check(err)
		if ok {
			checkPartner(t, p)
		}
	})
}

func checkPartner(t *testing.T, p Partner) {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatalf("write partner: %v", err)
	}
	if !utf8.Valid(data) || strings.Contains(strings.ReplaceAll(string(data), `\\`, ""), `\u0000`) {
		t.Fatalf("cannot be stored: %q", data)
	}
	var back Partner
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatalf("read %s: %v", data, err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(data) {
		t.Fatalf("is not stable:\n%s\n%s", data, again)
	}
	if p.Hash() != back.Hash() {
		t.Fatalf("hash is not stable: %s", data)
	}
}
