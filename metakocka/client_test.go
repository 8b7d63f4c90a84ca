package metakocka_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestAddFindUpdateAgainstTheSimulator(t *testing.T) {
	for name, opts := range map[string]sim.Options{
		"plain": {},
		"other": {Numbers: true, BareLists: true, ShowEmpty: true, ShowCode: true, UpdateAnswer: sim.AnswerPartner},
		"code":  {UpdateAnswer: sim.AnswerCode, ErrorDesc: true, Numbers: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := simulated(t, opts)
			added, err := c.Add(t.Context(), person("Test Uporabnik"), nil)
			require.NoError(t, err)
			require.NotEmpty(t, added.ContactID)
			require.Len(t, added.Addresses, 1)

			p, err := c.Get(t.Context(), added.MKID)
			require.NoError(t, err)
			require.Equal(t, "Test Uporabnik", p.Customer)
			billing, ok := p.Billing()
			require.True(t, ok)
			require.Equal(t, added.Addresses[0].MKID, billing.MKID)
			require.Equal(t, "Slovenija", billing.Country)

			contact, _ := p.PrimaryContact()
			contact.Phone = "015551234"
			billing.Street = "Nova 5"
			updated, err := c.Update(t.Context(), metakocka.Update{
				MKID: p.MKID, Set: map[string]string{"customer": "Novo Ime"}, Contact: &contact, Address: &billing,
			}, nil)
			require.NoError(t, err)
			require.Equal(t, "Novo Ime", updated.Customer)
			require.Equal(t, "015551234", updated.Contacts[0].Phone)
			require.Equal(t, "041234567", updated.Contacts[0].GSM)
			require.Equal(t, "Nova 5", updated.Addresses[0].Street)

			read, err := c.Get(t.Context(), p.MKID)
			require.NoError(t, err)
			require.Equal(t, updated.Hash(), read.Hash())
			require.Equal(t, 2, s.Calls().Writes())
		})
	}
}

func TestSearches(t *testing.T) {
	_, c := simulated(t, sim.Options{Numbers: true})
	first, err := c.Add(t.Context(), person("BAJEC JANEZ"), nil)
	require.NoError(t, err)
	other := person("Testni Janez")
	other.TaxIDNumber, other.Contact.Email = "", "x@test.com"
	second, err := c.Add(t.Context(), other, nil)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		query metakocka.Query
		want  []string
	}{
		"name, oldest first": {metakocka.Query{Name: "janez"}, []string{first.MKID, second.MKID}},
		"tax":                {metakocka.Query{TaxNumber: "SI12345678"}, []string{first.MKID}},
		"tax, other form":    {metakocka.Query{TaxNumber: "12345678"}, nil},
		"e-mail":             {metakocka.Query{Email: "TEST@test.com"}, []string{first.MKID}},
		"phone and name":     {metakocka.Query{Phone: "041234567", Name: "testni"}, []string{second.MKID}},
		"nothing":            {metakocka.Query{Name: "nobody"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := c.Find(t.Context(), test.query)
			require.NoError(t, err)
			var ids []string
			for _, p := range found.Partners {
				ids = append(ids, p.MKID)
			}
			require.Equal(t, test.want, ids)
			require.Len(t, test.want, found.Count)
		})
	}
	for _, q := range []metakocka.Query{{All: true, Limit: 1, Offset: 1}, {EmptyName: true, Limit: 1, Offset: 1}} {
		page, err := c.Find(t.Context(), q)
		require.NoError(t, err)
		require.Len(t, page.Partners, 1)
		require.Equal(t, second.MKID, page.Partners[0].MKID)
		require.Equal(t, 2, page.Count)
	}
	_, err = c.Find(t.Context(), metakocka.Query{Limit: 1})
	require.ErrorIs(t, err, metakocka.ErrEmptyQuery)
}

// TestWaitsForTheLockAreObserved: what live companies' answers tell.
func TestWaitsForTheLockAreObserved(t *testing.T) {
	_, c := simulated(t, sim.Options{ShowTimes: true, Provice: true, UpdateAnswer: sim.AnswerPartner}, func(cfg *metakocka.Config) {
		cfg.ObserveLock = func(endpoint string, d time.Duration) {
			require.Equal(t, 100*time.Millisecond, d)
			require.Contains(t, []string{metakocka.EndpointAdd, metakocka.EndpointUpdate, metakocka.EndpointGet}, endpoint)
		}
	})
	n := person("Ana")
	n.Province = "Osrednja"
	added, err := c.Add(t.Context(), n, nil)
	require.NoError(t, err)
	p, err := c.Update(t.Context(), metakocka.Update{MKID: added.MKID, Set: map[string]string{"customer": "Ana Novak"}}, nil)
	require.NoError(t, err)
	require.Empty(t, p.Extra)
	require.Equal(t, "Osrednja", p.Addresses[0].Province)
	require.NotContains(t, p.Addresses[0].Extra, "provice")
}

func TestWrongKeyIsARefusal(t *testing.T) {
	_, c := simulated(t, sim.Options{SecretKey: "another"})
	_, err := c.Get(t.Context(), "1")
	require.True(t, metakocka.IsRefusal(err))
	_, err = c.Add(t.Context(), person("Test"), nil)
	require.True(t, metakocka.IsRefusal(err))
}

// An entry is sent whole: an ERP that empties what is left out keeps what is not ours.
func TestNestedEntriesAreSentWhole(t *testing.T) {
	_, c := simulated(t, sim.Options{LeftOut: sim.Cleared, EmptyValue: sim.Cleared})
	added, err := c.Add(t.Context(), person("Test"), nil)
	require.NoError(t, err)
	p, err := c.Get(t.Context(), added.MKID)
	require.NoError(t, err)
	billing, _ := p.Billing()
	contact, _ := p.PrimaryContact()
	billing.City, contact.Email = "", ""
	updated, err := c.Update(t.Context(), metakocka.Update{MKID: p.MKID, Contact: &contact, Address: &billing}, nil)
	require.NoError(t, err)
	require.Empty(t, updated.Addresses[0].City)
	require.Empty(t, updated.Contacts[0].Email)
	require.Equal(t, p.Addresses[0].Extra, updated.Addresses[0].Extra)
	require.Equal(t, p.Contacts[0].GSM, updated.Contacts[0].GSM)
}

func TestEmptyingTakesTheMarkerWhereEmptyChangesNothing(t *testing.T) {
	_, c := simulated(t, sim.Options{})
	added, err := c.Add(t.Context(), person("Test"), nil)
	require.NoError(t, err)
	set := func(v string) string {
		p, err := c.Update(t.Context(), metakocka.Update{MKID: added.MKID, Set: map[string]string{"tax_id_number": v}}, nil)
		require.NoError(t, err)
		return p.TaxIDNumber
	}
	require.Equal(t, "SI12345678", set(""))
	require.Empty(t, set(metakocka.RemoveValue))
}

func TestAddIsNeverRepeatedOnceItMayHaveBeenSent(t *testing.T) {
	for fault, partners := range map[sim.Fault]int{
		sim.FaultBefore: 0, sim.FaultAfter: 1, sim.FaultHalf: 1, sim.FaultGarbage: 1,
		sim.Fault504: 1, sim.Fault5xx: 0, sim.Fault429: 0, sim.FaultHTML: 0,
	} {
		t.Run(string(fault), func(t *testing.T) {
			s, c := simulated(t, sim.Options{}, withRetries(5))
			require.NoError(t, s.FailNext(metakocka.EndpointAdd, fault))
			_, err := c.Add(t.Context(), person("Test"), nil)
			require.True(t, metakocka.IsTransient(err), err)
			require.True(t, metakocka.Uncertain(err), err)
			require.Equal(t, 1, s.Calls().Received[metakocka.EndpointAdd])
			require.Len(t, s.Partners(), partners)
		})
	}
}

func TestAnUpdateThatAddsAnEntryIsNotRepeated(t *testing.T) {
	s, c := simulated(t, sim.Options{}, withRetries(5))
	added, err := c.Add(t.Context(), person("Test"), nil)
	require.NoError(t, err)
	require.NoError(t, s.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	_, err = c.Update(t.Context(), metakocka.Update{
		MKID: added.MKID, Contact: &metakocka.Contact{AddressID: added.Addresses[0].MKID, Name: "Drugi"},
	}, nil)
	require.True(t, metakocka.Uncertain(err))
	p, _ := s.Partner(added.MKID)
	require.Len(t, p.Contacts, 2)
}

func TestReadsAreRepeated(t *testing.T) {
	s, c := simulated(t, sim.Options{}, withRetries(3))
	added, err := c.Add(t.Context(), person("Test"), nil)
	require.NoError(t, err)
	require.NoError(t, s.FailNext(metakocka.EndpointGet, sim.Fault429, sim.FaultHTML, sim.FaultHalf))
	_, err = c.Get(t.Context(), added.MKID)
	require.NoError(t, err)
	require.Equal(t, 4, s.Calls().Received[metakocka.EndpointGet])
}

// A repeated update would write over what was edited in the ERP since the
// partner was read.
func TestUpdatesAreSentOnce(t *testing.T) {
	s, c := simulated(t, sim.Options{}, withRetries(3))
	added, err := c.Add(t.Context(), person("Test"), nil)
	require.NoError(t, err)
	for i, fault := range []sim.Fault{sim.FaultAfter, sim.Fault504, sim.Fault5xx, sim.Fault429, sim.FaultBefore} {
		require.NoError(t, s.FailNext(metakocka.EndpointUpdate, fault))
		_, err = c.Update(t.Context(), metakocka.Update{MKID: added.MKID, Set: map[string]string{"notes": "Novo"}}, nil)
		require.True(t, metakocka.IsTransient(err), fault)
		require.Equal(t, i+1, s.Calls().Received[metakocka.EndpointUpdate])
	}
}

func TestRetriesEnd(t *testing.T) {
	s, c := simulated(t, sim.Options{}, withRetries(2))
	require.NoError(t, s.SetFaults(sim.Faults{Down: true}))
	_, err := c.Get(t.Context(), "1")
	require.True(t, metakocka.IsTransient(err))
	require.Equal(t, 3, s.Calls().Total())
}

func TestRetryAfterIsReported(t *testing.T) {
	s, c := simulated(t, sim.Options{})
	require.NoError(t, s.SetFaults(sim.Faults{Rate429: 1, RetryAfter: 7 * time.Second}))
	_, err := c.Get(t.Context(), "1")
	var transient *metakocka.TransientError
	require.ErrorAs(t, err, &transient)
	require.Equal(t, 7*time.Second, transient.RetryAfter)
}

func TestAddThatCouldNotConnectWasCertainlyNotSent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	var attempts int
	c := newClient(t, "http://"+listener.Addr().String(), withRetries(2), func(cfg *metakocka.Config) {
		cfg.Observe = func(string, string, time.Duration) { attempts++ }
	})
	_, err = c.Add(t.Context(), person("Test"), nil)
	require.True(t, metakocka.IsTransient(err))
	require.False(t, metakocka.Uncertain(err))
	require.Equal(t, 3, attempts)
}

func TestAddCancelledInFlightIsUncertain(t *testing.T) {
	s, c := simulated(t, sim.Options{})
	require.NoError(t, s.SetFaults(sim.Faults{Latency: time.Hour}))
	ctx, cancel := context.WithCancel(t.Context())
	s.OnCall(func(sim.Call) { cancel() })
	_, err := c.Add(ctx, person("Test"), nil)
	require.True(t, metakocka.Uncertain(err))
	require.ErrorIs(t, err, context.Canceled)

	_, err = c.Add(ctx, person("Test"), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, metakocka.Uncertain(err), "nothing is sent for a context that has ended")
	require.Equal(t, 1, s.Calls().Total())
}

func TestTimeOutOfAnAddIsUncertain(t *testing.T) {
	s, c := simulated(t, sim.Options{}, func(cfg *metakocka.Config) { cfg.Timeout = waits.Stretch(500 * time.Millisecond) }) // by then it is sent
	require.NoError(t, s.SetFaults(sim.Faults{Latency: time.Hour}))
	_, err := c.Add(t.Context(), person("Test"), nil)
	require.True(t, metakocka.Uncertain(err))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A transport that reports nothing about connections counts as one that sent.
type brokenTransport struct{ err error }

func (b brokenTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, b.err }

func TestUnknownTransportCountsAsSent(t *testing.T) {
	c := newClient(t, "http://127.0.0.1:1", func(cfg *metakocka.Config) {
		cfg.HTTPClient = &http.Client{Transport: brokenTransport{net.ErrClosed}}
	})
	_, err := c.Add(t.Context(), person("Test"), nil)
	require.True(t, metakocka.Uncertain(err))
}

func TestARedirectIsNotFollowed(t *testing.T) {
	c := handled(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}, func(cfg *metakocka.Config) { cfg.HTTPClient = http.DefaultClient })
	_, err := c.Get(t.Context(), "1")
	require.ErrorContains(t, err, "a redirect, which is not followed")
}

func TestRequestShape(t *testing.T) {
	var got map[string]any
	c := handled(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s with %s", r.Method, r.Header.Get("Content-Type"))
		}
		got = nil
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(`{"mk_id":"7","customer":"x"}`))
	})
	_, err := c.Add(t.Context(), metakocka.NewPartner{Customer: "Ana", Buyer: true}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"secret_key": sim.DefaultSecretKey, "company_id": sim.DefaultCompanyID,
		"partner": map[string]any{
			"customer": "Ana", "street": "", "post_number": "", "place": "", "country": "",
			"business_entity": "false", "taxpayer": "false", "foreign_county": "false", "buyer": "true", "supplier": "false",
		},
	}, got)

	_, err = c.Update(t.Context(), metakocka.Update{
		MKID: "7", Set: map[string]string{"notes": ""},
		Contact: &metakocka.Contact{MKID: "8", AddressID: "9", Name: "Ana", Extra: map[string]json.RawMessage{"role": json.RawMessage(`3`)}},
		Address: &metakocka.Address{Type: "Dobava", Street: "Nova 1"},
	}, nil)
	require.NoError(t, err)
	require.Equal(t, map[string]any{
		"mk_id": "7", "notes": "",
		"partner_contact_list":          []any{map[string]any{"mk_id": "8", "mk_address_id": "9", "name": "Ana", "gsm": "", "phone": "", "email": "", "role": 3.0}},
		"partner_delivery_address_list": []any{map[string]any{"address_type": "Dobava", "street": "Nova 1"}},
	}, got["partner"])
}

func TestConfigProblemsAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  metakocka.Config
		want string
	}{
		"key":     {metakocka.Config{CompanyID: "1"}, "secret key is empty"},
		"company": {metakocka.Config{SecretKey: "k"}, "company id is empty"},
		"url":     {metakocka.Config{URL: "ftp://x", CompanyID: "1", SecretKey: "k"}, "address is not an http or https URL"},
		"user":    {metakocka.Config{URL: "https://u:p@x", CompanyID: "1", SecretKey: "k"}, "carries more than"},
		"backoff": {metakocka.Config{CompanyID: "1", SecretKey: "k", BackoffInitial: time.Hour}, "backoff is not an interval"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := metakocka.New(test.cfg, nil)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestAWriteThatWasTakenIsNoRefusal: what is refused behind it leaves its outcome open.
func TestAWriteThatWasTakenIsNoRefusal(t *testing.T) {
	erp, c := simulated(t, sim.Options{UpdateAnswer: sim.AnswerCode, Partners: []metakocka.Partner{{MKID: "5", Customer: "Ana"}}})
	require.NoError(t, erp.FailNext(metakocka.EndpointGet, sim.FaultRefused))
	_, err := c.Update(t.Context(), metakocka.Update{MKID: "5", Set: map[string]string{"customer": "Bor"}}, nil)
	require.True(t, metakocka.Uncertain(err), err)
	require.False(t, metakocka.IsRefusal(err), err)
	p, ok := erp.Partner("5")
	require.True(t, ok)
	require.Equal(t, "Bor", p.Customer)

	_, err = answering(t, 200, `{"opr_code":"6","opr_desc":"Saved, but no mail was sent.","mk_id":"7"}`).Add(t.Context(), metakocka.NewPartner{Customer: "Ana"}, nil)
	require.True(t, metakocka.Uncertain(err), err)
	require.False(t, metakocka.IsRefusal(err), err)
}
