package metakocka_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
)

const documented = `{"partner_list_count":"1","partner_list":[{
  "mk_id":"228000046627","business_entity":"false","taxpayer":"false","foreign_county":"false",
  "customer":"Test Uporabnik","count_code":"32156793","tax_id_number":"SI12345678",
  "partner_contact_list":[{"mk_id":"228000046630","mk_address_id":"228000046628","contact_address":"Test, 4",
     "name":"Test Kontakt","gsm":"54367865463","phone":"","email":"test@test.com"}],
  "partner_delivery_address_list":[{"mk_id":"228000046628","address_type":"Račun","street":"Test, 4","post_number":"54375",
     "city":"Test","country":"Slovenija","payment_due_days":"15","language":"Slovenski","currency":"EUR"}]}]}`

// The same partner: numbers, booleans, bare elements, empty attributes, an opr_code.
const sameDocumented = `{"opr_code":0,"partner_list_count":1,"partner_list":{
  "count_code":32156793,"mk_id":228000046627,"business_entity":false,"taxpayer":"","foreign_county":null,
  "customer":"Test Uporabnik","tax_id_number":"SI12345678","notes":"","website":null,
  "partner_delivery_address_list":{"currency":"EUR","language":"Slovenski","payment_due_days":15,"mk_id":2.28000046628E11,
     "address_type":"Ra\u010dun","street":"Test, 4","post_number":54375,"city":"Test","country":"Slovenija","province":""},
  "partner_contact_list":{"mk_id":228000046630.0,"mk_address_id":"228000046628","contact_address":"Test, 4",
     "name":"Test Kontakt","gsm":54367865463,"email":"test@test.com"}}}`

func TestFindReadsTheDocumentedAnswer(t *testing.T) {
	found, err := answering(t, 200, documented).Find(t.Context(), metakocka.Query{Name: "test"})
	require.NoError(t, err)
	require.Equal(t, 1, found.Count)
	p := found.Partners[0]
	require.Equal(t, "228000046627", p.MKID)
	require.Equal(t, "SI12345678", p.TaxIDNumber)
	require.Nil(t, p.Buyer, "what is not shown is not false")
	contact, ok := p.PrimaryContact()
	require.True(t, ok)
	require.Equal(t, "54367865463", contact.GSM)
	require.JSONEq(t, `"Test, 4"`, string(contact.Extra["contact_address"]))
	billing, ok := p.Billing()
	require.True(t, ok)
	require.Equal(t, "54375", billing.PostNumber)
	require.JSONEq(t, `"15"`, string(billing.Extra["payment_due_days"]))
}

func TestSpellingsOfOneAnswerAreTheSamePartner(t *testing.T) {
	a, err := answering(t, 200, documented).Get(t.Context(), "228000046627")
	require.NoError(t, err)
	b, err := answering(t, 200, "\xEF\xBB\xBF"+sameDocumented).Get(t.Context(), "228000046627")
	require.NoError(t, err)
	require.Equal(t, "228000046630", b.Contacts[0].MKID)
	require.Equal(t, a.Hash(), b.Hash())

	b.Contacts[0].Email = "other@test.com"
	require.NotEqual(t, a.Hash(), b.Hash())
}

func TestNothingFound(t *testing.T) {
	for name, body := range map[string]string{
		"code 2":            `{"opr_code":"2","opr_desc":"No partner with such properties."}`,
		"number, other key": `{"opr_code":2,"error_desc":"  no partner with such properties "}`,
		"empty list":        `{"partner_list_count":"0","partner_list":[]}`,
		"only a code":       `{"opr_code":"0"}`,
		"empty text":        `{"opr_code":"0","partner_list":""}`,
		"other words":       `{"opr_code":"2","opr_desc":"Partner s temi podatki ne obstaja.","partner_list_count":"0","partner_list":[]}`,
		"no list":           `{"opr_code":"2","opr_desc":"Ni zadetkov."}`,
		"of the app":        `{"opr_code_app":"2","opr_desc_app":"Ni zadetkov."}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := answering(t, 200, body)
			found, err := c.Find(t.Context(), metakocka.Query{TaxNumber: "1"})
			require.NoError(t, err)
			require.Empty(t, found.Partners)
			_, err = c.Get(t.Context(), "1")
			require.ErrorIs(t, err, metakocka.ErrNotFound)
			require.False(t, metakocka.IsTransient(err))
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		status     int
		body, want string
	}{
		"code and text":    {200, `{"opr_code":"2","opr_desc":"Attribute country is missing."}`, "MetaKocka refused get_partner: Attribute country is missing. (code 2)"},
		"in Slovenian":     {200, `{"opr_code":"2","opr_desc":"Polje partner_name je obvezno."}`, "MetaKocka refused get_partner: Polje partner_name je obvezno. (code 2)"},
		"of the app":       {200, `{"opr_code":"0","opr_code_app":"6","opr_desc_app":"Napaka"}`, "MetaKocka refused get_partner: Napaka (code 6)"},
		"no code, the app": {200, `{"opr_desc_app":"Wrong key"}`, "MetaKocka refused get_partner: Wrong key"},
		"nothing, a list":  {200, `{"opr_code":"2","opr_desc":"Hm.","partner_list":[{"mk_id":"1"}]}`, "MetaKocka refused get_partner: Hm. (code 2)"},
		"number":           {200, `{"opr_code":6,"error_desc":"Napaka"}`, "MetaKocka refused get_partner: Napaka (code 6)"},
		"no text":          {200, `{"opr_code":"99"}`, "MetaKocka refused get_partner: no reason given (code 99)"},
		"no code":          {200, `{"error_desc":"Wrong key"}`, "MetaKocka refused get_partner: Wrong key"},
		"with HTTP status": {400, `{"opr_code":"1","opr_desc":"Wrong key"}`, "MetaKocka refused get_partner: Wrong key (code 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, test.status, test.body, withRetries(3)).Find(t.Context(), metakocka.Query{Name: "x"})
			require.EqualError(t, err, test.want)
			require.True(t, metakocka.IsRefusal(err))
			require.False(t, metakocka.IsTransient(err))
			require.False(t, metakocka.Uncertain(err))
		})
	}
}

func TestWhatIsNoAnswerIsTransient(t *testing.T) {
	const page = "<html><body>Vzdrževanje</body></html>"
	for name, test := range map[string]struct {
		status     int
		body, want string
	}{
		"maintenance page":   {200, page, "HTML page instead of an answer, HTTP status 200"},
		"wrong path":         {404, page, "HTML page instead of an answer, HTTP status 404"},
		"unavailable":        {503, page, "HTTP status 503"},
		"rate limit":         {429, `{"opr_code":"0"}`, "HTTP status 429"},
		"error with JSON":    {500, `{"opr_code":"7","opr_desc":"x"}`, "HTTP status 500"},
		"empty":              {200, "", "empty answer, HTTP status 200"},
		"cut JSON":           {200, documented[:200], "answer is not a JSON object, HTTP status 200"},
		"two documents":      {200, documented + documented, "answer is not a JSON object, HTTP status 200"},
		"list":               {200, "[]", "answer is not a JSON object, HTTP status 200"},
		"null":               {200, "null", "answer is not a JSON object, HTTP status 200"},
		"text":               {200, "OK", "answer is not a JSON object, HTTP status 200"},
		"denied, JSON":       {403, `{"message":"x"}`, "answer is not a JSON object, HTTP status 403"},
		"redirect":           {302, "", "HTTP status 302, a redirect, which is not followed"},
		"neither":            {200, `{}`, "answer has an unexpected shape: neither partner_list nor opr_code"},
		"count without list": {200, `{"partner_list_count":"3"}`, "answer has an unexpected shape: a count and no partner_list"},
		"hole in the list":   {200, `{"partner_list":[{"mk_id":"1"},,{"mk_id":"2"}]}`, "answer has an unexpected shape: partner_list is not a whole list"},
		"no mk_id":           {200, `{"partner_list":[{"customer":"x"}]}`, "answer has an unexpected shape: a partner without mk_id"},
		"list of texts":      {200, `{"partner_list":["x"]}`, "answer has an unexpected shape: partner_list[0]: is not a JSON object"},
		"object for text":    {200, `{"partner_list":[{"mk_id":"1","customer":{"a":1}}]}`, "answer has an unexpected shape: partner_list[0]: customer is an object"},
		"odd flag":           {200, `{"partner_list":[{"mk_id":"1","taxpayer":"maybe"}]}`, "answer has an unexpected shape: partner_list[0]: taxpayer is neither true nor false"},
		"odd code":           {200, `{"opr_code":{"a":1}}`, "answer has an unexpected shape: opr_code is not a text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answering(t, test.status, test.body).Find(t.Context(), metakocka.Query{Name: "x"})
			var transient *metakocka.TransientError
			require.ErrorAs(t, err, &transient)
			if name == "denied, JSON" {
				test.want = "HTTP status 403"
			}
			require.ErrorContains(t, transient.Err, test.want)
			require.False(t, metakocka.IsRefusal(err))
		})
	}
}

func TestGetDoesNotTakeAnotherPartnerForAnAbsence(t *testing.T) {
	_, err := answering(t, 200, documented).Get(t.Context(), "5")
	require.ErrorIs(t, err, metakocka.ErrUnreadable)
	require.NotErrorIs(t, err, metakocka.ErrNotFound)
}

func TestAddReadsItsAnswer(t *testing.T) {
	c := answering(t, 200, `{"mk_id":228000046627,"mk_contact_id":"228000046630","mk_address_id_list":{"mk_id":"228000046628","street":"Test, 4"}}`)
	added, err := c.Add(t.Context(), person("Test"), nil)
	require.NoError(t, err)
	require.Equal(t, metakocka.Added{
		MKID: "228000046627", ContactID: "228000046630",
		Addresses: []metakocka.Address{{MKID: "228000046628", Street: "Test, 4"}},
	}, added)
}

func TestAddWithoutAnIdIsUncertain(t *testing.T) {
	for _, body := range []string{`{}`, `{"opr_code":"0"}`, `{"mk_id":""}`} {
		_, err := answering(t, 200, body).Add(t.Context(), person("Test"), nil)
		require.ErrorIs(t, err, metakocka.ErrUnreadable)
		require.True(t, metakocka.Uncertain(err), body)
	}
	_, err := answering(t, 200, `{"opr_code":"2","opr_desc":"No partner with such properties."}`).Add(t.Context(), person("Test"), nil)
	require.True(t, metakocka.IsRefusal(err))
}

func TestUpdateReadsBack(t *testing.T) {
	const bare = `{"mk_id":"7","customer":"Ana","tax_id_number":"1"}`
	for name, body := range map[string]string{
		"list":   `{"partner_list_count":"1","partner_list":[` + bare + `]}`,
		"one":    `{"partner_list":` + bare + `}`,
		"object": `{"opr_code":"0","partner":` + bare + `}`,
		"itself": bare,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := answering(t, 200, body).Update(t.Context(), metakocka.Update{MKID: "7"}, nil)
			require.NoError(t, err)
			require.Equal(t, metakocka.Partner{MKID: "7", Customer: "Ana", TaxIDNumber: "1"}, p)
		})
	}
}

func TestUpdateWithoutAPartnerInItsAnswerReadsIt(t *testing.T) {
	for _, answer := range []string{`{"opr_code":"0"}`, `{"mk_id":"7"}`, `{}`} {
		c := handled(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, metakocka.EndpointUpdate) {
				_, _ = w.Write([]byte(answer))
				return
			}
			_, _ = w.Write([]byte(`{"partner_list":[{"mk_id":"7","customer":"Ana"}]}`))
		})
		p, err := c.Update(t.Context(), metakocka.Update{MKID: "7"}, nil)
		require.NoError(t, err)
		require.Equal(t, "Ana", p.Customer)
	}
}

func TestUpdateWhoseReadBackIsLostMayHaveHappened(t *testing.T) {
	c := handled(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, metakocka.EndpointUpdate) {
			_, _ = w.Write([]byte(`{"opr_code":"0"}`))
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := c.Update(t.Context(), metakocka.Update{MKID: "7"}, nil)
	require.True(t, metakocka.Uncertain(err))
}

func TestUpdateAnswersWithAnotherPartner(t *testing.T) {
	_, err := answering(t, 200, documented).Update(t.Context(), metakocka.Update{MKID: "7"}, nil)
	require.ErrorIs(t, err, metakocka.ErrUnreadable)
}

func TestUpdateOfAPartnerThatIsGone(t *testing.T) {
	c := answering(t, 200, `{"opr_code":"2","opr_desc":"No partner with such properties."}`)
	_, err := c.Update(t.Context(), metakocka.Update{MKID: "7"}, nil)
	require.ErrorIs(t, err, metakocka.ErrNotFound)
}

func TestArgumentsThatAreNotSent(t *testing.T) {
	c := handled(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") })
	_, err := c.Find(t.Context(), metakocka.Query{})
	require.ErrorIs(t, err, metakocka.ErrEmptyQuery)
	_, err = c.Update(t.Context(), metakocka.Update{}, nil)
	require.EqualError(t, err, "update partner: no mk_id")
	for _, key := range []string{"mk_id", "secret_key", "partner_contact_list"} {
		_, err = c.Update(t.Context(), metakocka.Update{MKID: "1", Set: map[string]string{key: "x"}}, nil)
		require.ErrorContains(t, err, "is not an attribute to set")
	}
}

func TestPredicatesSeeThroughWrapping(t *testing.T) {
	transient := errors.Join(errors.New("x"), &metakocka.TransientError{Err: errors.New("y"), Sent: true})
	require.True(t, metakocka.IsTransient(transient))
	require.True(t, metakocka.Uncertain(transient))
	require.False(t, metakocka.IsRefusal(transient))
	require.False(t, metakocka.Uncertain(nil))
}
