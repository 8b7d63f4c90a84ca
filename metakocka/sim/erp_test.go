package sim_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestAPersonAtTheERP(t *testing.T) {
	r := start(t, sim.Options{})
	stored, err := r.AddPartner(ana())
	require.NoError(t, err)
	require.Equal(t, "Račun", stored.Addresses[0].Type)
	require.NoError(t, r.EditPartner(stored.MKID, func(p *metakocka.Partner) {
		p.MKID, p.Contacts[0].Email, p.Buyer = "other", "", nil
	}))
	p, ok := r.Partner(stored.MKID)
	require.True(t, ok)
	require.Empty(t, p.Contacts[0].Email)
	require.NotNil(t, p.Buyer)
	p.Contacts[0].Email = "not stored"
	require.Empty(t, r.only().Contacts[0].Email, "handles give copies")
	require.NoError(t, r.DeletePartner(stored.MKID))
	require.Empty(t, r.Partners())
	require.ErrorIs(t, r.DeletePartner(stored.MKID), sim.ErrUnknownPartner)
	require.ErrorIs(t, r.EditPartner(stored.MKID, nil), sim.ErrUnknownPartner)
	require.Zero(t, r.Calls().Total(), "none of that is a call")
}

func TestCallsAreRecordedWithoutTheSecret(t *testing.T) {
	r := start(t, sim.Options{})
	var seen []sim.Call
	r.OnCall(func(c sim.Call) {
		seen = append(seen, c)
		if c.Endpoint == metakocka.EndpointGet { // an ERP user who is quicker
			_, err := r.AddPartner(ana())
			require.NoError(t, err)
		}
	})
	require.NotNil(t, r.call("get_partner", object{"partner_name": "novak"})["partner_list"])
	require.NoError(t, r.FailNext("add_partner", sim.FaultGarbage))
	_, err := r.client().Add(t.Context(), newAna(), nil)
	require.Error(t, err)
	require.Len(t, seen, 2)
	require.JSONEq(t, `{"company_id":"16","partner_name":"novak"}`, string(seen[0].Arguments))
	require.Equal(t, sim.FaultGarbage, seen[1].Fault)
	require.NotContains(t, string(seen[1].Arguments), sim.DefaultSecretKey)
	require.Equal(t, 1, r.Calls().Writes())
	require.Equal(t, 2, r.Calls().Total())
}

func TestControlAPI(t *testing.T) {
	r := start(t, sim.Options{Partners: []metakocka.Partner{ana()}})
	status, body := r.send(http.MethodPost, "/control/partners", `{"customer":"Bojan","partner_contact_list":{"email":"b@b.si"}}`)
	require.Equal(t, http.StatusCreated, status, body)
	var made metakocka.Partner
	require.NoError(t, json.Unmarshal([]byte(body), &made))

	path := "/control/partners/" + made.MKID
	status, body = r.send(http.MethodPatch, path, `{"customer":"Bojan K","notes":"n","contact":{"gsm":"1","email":null},"address":{"city":"Kranj"}}`)
	require.Equal(t, http.StatusOK, status, body)
	p, _ := r.Partner(made.MKID)
	require.Equal(t, "Bojan K", p.Customer)
	require.Equal(t, "1", p.Contacts[0].GSM)
	require.Empty(t, p.Contacts[0].Email)
	require.Equal(t, made.Contacts[0].MKID, p.Contacts[0].MKID)
	require.Equal(t, "Kranj", p.Addresses[0].City)
	require.NotEmpty(t, p.Addresses[0].MKID)

	_, body = r.send(http.MethodPost, "/control/partners", `{"customer":"Cene","contact":{"email":"c@c.si"},"address":{"city":"Celje"}}`)
	var entered metakocka.Partner
	require.NoError(t, json.Unmarshal([]byte(body), &entered))
	require.Equal(t, "c@c.si", entered.Contacts[0].Email)
	require.Equal(t, "Celje", entered.Addresses[0].City)

	status, body = r.send(http.MethodGet, "/control/partners", "")
	require.Equal(t, http.StatusOK, status)
	var all []metakocka.Partner
	require.NoError(t, json.Unmarshal([]byte(body), &all))
	require.Len(t, all, 3)

	r.call("get_partner", object{"partner_name": "bojan"})
	_, body = r.send(http.MethodGet, "/control/calls", "")
	require.JSONEq(t, `{"received":{"get_partner":1},"processed":{"get_partner":1},"writes":0,"total":1}`, body)

	status, _ = r.send(http.MethodDelete, path, "")
	require.Equal(t, http.StatusNoContent, status)
	status, _ = r.send(http.MethodGet, path, "")
	require.Equal(t, http.StatusNotFound, status)
}

func TestControlFaultsAndReset(t *testing.T) {
	r := start(t, sim.Options{Partners: []metakocka.Partner{ana()}})
	status, body := r.send(http.MethodPut, "/control/faults", `{"down":true,"latency":"1ms"}`)
	require.Equal(t, http.StatusOK, status, body)
	require.True(t, r.Faults().Down)
	status, _ = r.send(http.MethodPost, "/control/faults/next", `{"endpoint":"get_partner","faults":["429"]}`)
	require.Equal(t, http.StatusNoContent, status)
	_, err := r.AddPartner(ana())
	require.NoError(t, err)
	status, _ = r.send(http.MethodPost, "/control/reset", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Equal(t, sim.Faults{}, r.Faults())
	require.Equal(t, "Ana Novak", r.only().Customer)
}

func TestControlRefusals(t *testing.T) {
	r := start(t, sim.Options{Partners: []metakocka.Partner{ana()}})
	id := r.only().MKID
	for _, call := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPost, "/control/partners", `{}`, 400},
		{http.MethodPost, "/control/partners", `{"customer":"x","mk_id":"` + id + `"}`, 409},
		{http.MethodPost, "/control/partners", `x`, 400},
		{http.MethodPatch, "/control/partners/5", `{}`, 404},
		{http.MethodPatch, "/control/partners/" + id, `{"customer":{"a":1}}`, 400},
		{http.MethodDelete, "/control/partners/5", ``, 404},
		{http.MethodPut, "/control/faults", `{"rate_429":3}`, 400},
		{http.MethodPost, "/control/faults/next", `{"endpoint":"get_partner","faults":["fire"]}`, 400},
		{http.MethodPost, "/control/faults/next", `{"endpoint":"delete_partner"}`, 400},
		{http.MethodGet, "/control/nothing", ``, 404},
	} {
		status, body := r.send(call.method, call.path, call.body)
		require.Equal(t, call.status, status, "%s %s: %s", call.method, call.path, body)
	}
	require.Equal(t, "Ana Novak", r.only().Customer)
}
