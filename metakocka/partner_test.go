package metakocka_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/metakocka"
)

func partners() *rapid.Generator[metakocka.Partner] {
	return rapid.Custom(func(t *rapid.T) metakocka.Partner {
		text := func(name string) string { return storable(rapid.String().Draw(t, name)) }
		flag := rapid.Ptr(rapid.Bool(), true)
		p := metakocka.Partner{
			MKID: rapid.StringMatching(`[1-9]\d{0,14}`).Draw(t, "mk_id"), Customer: text("customer"),
			TaxIDNumber: text("tax"), Notes: text("notes"), Website: text("website"),
			BusinessEntity: rapid.Bool().Draw(t, "business"), Taxpayer: rapid.Bool().Draw(t, "taxpayer"),
			Buyer: flag.Draw(t, "buyer"), Supplier: flag.Draw(t, "supplier"),
			Extra: extras(t),
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "contacts") {
			p.Contacts = append(p.Contacts, metakocka.Contact{
				MKID: fmt.Sprint(100 + i), Name: text("name"), Email: text("email"), Extra: extras(t),
			})
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "addresses") {
			p.Addresses = append(p.Addresses, metakocka.Address{
				MKID: fmt.Sprint(200 + i), Type: metakocka.AddressBilling, Street: text("street"), Extra: extras(t),
			})
		}
		return p
	})
}

func extras(t *rapid.T) map[string]json.RawMessage {
	values := rapid.MapOfN(
		rapid.StringMatching(`x_[a-z]{1,5}`),
		rapid.SampledFrom([]string{`"15"`, `15`, `true`, `""`, `null`, `{"a":["b"],"c":1}`, `[1,2]`, `["EUR"]`, `[]`}),
		0, 3,
	).Draw(t, "extra")
	if len(values) == 0 {
		return nil
	}
	out := map[string]json.RawMessage{}
	for key, value := range values {
		out[key] = json.RawMessage(value)
	}
	return out
}

func storable(s string) string { return strings.ReplaceAll(s, "\x00", "") }

func TestPartnerSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := partners().Draw(t, "partner")
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var back metakocka.Partner
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, p, back)
		again, err := json.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(data), string(again))
	})
}

// Another spelling of the same content: other key order, numbers for digits,
// booleans for their texts, bare elements, and empty attributes that were missing.
func TestHashIsOfTheContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := partners().Draw(t, "partner")
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var tree any
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(&tree))
		respelled := respell(t, tree)
		var back metakocka.Partner
		require.NoError(t, json.Unmarshal(respelled, &back), string(respelled))
		require.Equal(t, p.Hash(), back.Hash(), string(respelled))
	})
}

func respell(t *rapid.T, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v)+1)
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		keys = rapid.Permutation(keys).Draw(t, "order")
		parts := []string{}
		for _, key := range keys {
			quoted, _ := json.Marshal(key)
			parts = append(parts, string(quoted)+":"+string(respell(t, v[key])))
		}
		if rapid.Bool().Draw(t, "empty") {
			parts = append(parts, `"x_empty":`+rapid.SampledFrom([]string{`""`, `null`, `[]`, `{}`}).Draw(t, "as"))
		}
		return []byte("{" + strings.Join(parts, ",") + "}")
	case []any:
		parts := []string{}
		for _, element := range v {
			parts = append(parts, string(respell(t, element)))
		}
		if len(parts) == 1 && rapid.Bool().Draw(t, "bare") {
			return []byte(parts[0])
		}
		return []byte("[" + strings.Join(parts, ",") + "]")
	case string:
		if (isNumber(v) || v == "true" || v == "false") && rapid.Bool().Draw(t, "number") {
			return []byte(v)
		}
	}
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}

func isNumber(s string) bool {
	return len(s) > 0 && len(s) < 15 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

func TestHashTellsContentApart(t *testing.T) {
	yes := true
	base := metakocka.Partner{MKID: "1", Customer: "Ana", Contacts: []metakocka.Contact{{MKID: "2"}, {MKID: "3"}}}
	seen := map[string]string{base.Hash(): "base"}
	for name, edit := range map[string]func(*metakocka.Partner){
		"customer": func(p *metakocka.Partner) { p.Customer = "ana" },
		"flag":     func(p *metakocka.Partner) { p.Taxpayer = true },
		"buyer":    func(p *metakocka.Partner) { p.Buyer = &yes },
		"contact":  func(p *metakocka.Partner) { p.Contacts[1].Phone = "1" },
		"order":    func(p *metakocka.Partner) { slices.Reverse(p.Contacts) },
		"extra":    func(p *metakocka.Partner) { p.Extra = map[string]json.RawMessage{"currency": json.RawMessage(`"EUR"`)} },
	} {
		p := base.Clone()
		edit(&p)
		require.NotContains(t, seen, p.Hash(), name)
		seen[p.Hash()] = name
	}
	require.Equal(t, "Ana", base.Customer)
	require.Equal(t, "2", base.Contacts[0].MKID, "a clone shares nothing")
}

func TestAnswersCanBeStored(t *testing.T) {
	var p metakocka.Partner
	require.NoError(t, json.Unmarshal([]byte(`{"mk_id":"1","customer":"A\u0000na","odd":"\ud800\u0000","big":1e400000,"n\u0000":{"a\u0000":1}}`), &p))
	require.Equal(t, "Ana", p.Customer)
	data, err := json.Marshal(p)
	require.NoError(t, err)
	require.True(t, utf8.Valid(data))
	require.NotContains(t, string(data), `\u0000`)
	require.NotContains(t, string(data), `\ud800`)
	require.Contains(t, string(data), `"1e400000"`)
}

func TestCredentialsAreNotPartOfAPartner(t *testing.T) {
	var p metakocka.Partner
	require.NoError(t, json.Unmarshal([]byte(`{"mk_id":"1","secret_key":"x","company_id":"16"}`), &p))
	require.Nil(t, p.Extra)
}

func TestPartnerWithoutEntries(t *testing.T) {
	var p metakocka.Partner
	_, ok := p.Billing()
	require.False(t, ok)
	_, ok = p.PrimaryContact()
	require.False(t, ok)
	p.Addresses = []metakocka.Address{{Type: "Dobava"}, {Type: metakocka.AddressBilling, MKID: "2"}, {Type: metakocka.AddressBilling}}
	billing, ok := p.Billing()
	require.True(t, ok)
	require.Equal(t, "2", billing.MKID)
}
