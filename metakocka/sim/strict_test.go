package sim_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka/sim"
)

func TestWhatIsNoCallGetsAPage(t *testing.T) {
	r := start(t, sim.Options{})
	for name, call := range map[string]struct {
		method, path, body string
		status             int
	}{
		"unknown endpoint": {http.MethodPost, sim.BasePath + "/delete_partner", "{}", 404},
		"GET":              {http.MethodGet, sim.BasePath + "/get_partner", "", 404},
		"wrong base":       {http.MethodPost, "/rest/get_partner", "{}", 404},
		"no JSON":          {http.MethodPost, sim.BasePath + "/get_partner", "secret_key=1", 400},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := r.send(call.method, call.path, call.body)
			require.Equal(t, call.status, status)
			require.Contains(t, body, "<html>")
		})
	}
	require.Zero(t, r.Calls().Total())
}

func TestCredentialsAreChecked(t *testing.T) {
	r := start(t, sim.Options{WrongKeyCode: "5", WrongKeyText: "Nope."})
	for _, wrong := range []map[string]any{
		{"secret_key": "x"}, {"company_id": "17"}, {"company_id": 16}, {"secret_key": nil},
	} {
		for _, endpoint := range []string{"get_partner", "add_partner", "update_partner"} {
			require.Equal(t, map[string]any{"opr_code": "5", "opr_desc": "Nope."}, r.call(endpoint, wrong))
		}
	}
}

func TestArgumentsAreChecked(t *testing.T) {
	r := start(t, sim.Options{ListAll: sim.Refused})
	id := r.add(nil)["mk_id"]
	before := r.only()
	type object = map[string]any
	for want, call := range map[string]func() object{
		"partner is not an object.":                   func() object { return r.call("add_partner", object{"partner": "x"}) },
		"Missing attribute street.":                   func() object { return r.add(object{"street": nil}) },
		"Attribute customer is empty.":                func() object { return r.add(object{"customer": " "}) },
		"partner.customer is not a string.":           func() object { return r.add(object{"customer": 5}) },
		"partner.taxpayer is not a string.":           func() object { return r.add(object{"taxpayer": true}) },
		"partner.buyer is neither true nor false.":    func() object { return r.add(object{"buyer": "da"}) },
		"partner_contact is not an object.":           func() object { return r.add(object{"partner_contact": []any{}}) },
		"partner_contact.gsm is not a string.":        func() object { return r.add(object{"partner_contact": object{"gsm": 41}}) },
		"Country Atlantis does not exist.":            func() object { return r.add(object{"country": "Atlantis"}) },
		"At least one search parameter is required.":  func() object { return r.call("get_partner", nil) },
		"request.limit is not a number.":              func() object { return r.call("get_partner", object{"partner_name": "a", "limit": "x"}) },
		"request.partner_id is not an id.":            func() object { return r.call("get_partner", object{"partner_id": object{}}) },
		"Partner does not exist.":                     func() object { return r.update("5", nil) },
		"partner.partner_contact_list is not a list.": func() object { return r.update(id, object{"partner_contact_list": object{}}) },
		"partner_contact_list[0].mk_id 5 does not exist.": func() object {
			return r.update(id, object{"customer": "Changed", "partner_contact_list": []any{object{"mk_id": "5"}}})
		},
		"partner_contact_list[0].mk_address_id is missing.": func() object {
			return r.update(id, object{"partner_contact_list": []any{object{"name": "x"}}})
		},
		"partner_contact_list[0].mk_address_id 5 does not exist.": func() object {
			return r.update(id, object{"partner_contact_list": []any{object{"name": "x", "mk_address_id": "5"}}})
		},
		"partner_delivery_address_list[0].address_type Dom does not exist.": func() object {
			return r.update(id, object{"partner_delivery_address_list": []any{object{"address_type": "Dom"}}})
		},
	} {
		t.Run(want, func(t *testing.T) {
			require.Equal(t, object{"opr_code": "2", "opr_desc": want}, call())
			require.Equal(t, before, r.only(), "a refused call changes nothing")
		})
	}
}

func TestLengths(t *testing.T) {
	long := strings.Repeat("č", 300)
	r := start(t, sim.Options{})
	r.add(map[string]any{"customer": long, "street": long, "partner_contact": map[string]any{"name": long}})
	p := r.only()
	require.Equal(t, strings.Repeat("č", 100), p.Customer)
	require.Equal(t, strings.Repeat("č", 150), p.Addresses[0].Street)
	require.Equal(t, strings.Repeat("č", 255), p.Contacts[0].Name)

	r = start(t, sim.Options{TooLong: sim.Refused})
	require.Equal(t, "partner.customer is longer than 100 characters.", r.add(map[string]any{"customer": long})["opr_desc"])
}

func TestAddNeverMatches(t *testing.T) {
	r := start(t, sim.Options{})
	first, second := r.add(nil), r.add(nil)
	require.NotEqual(t, first["mk_id"], second["mk_id"])
	require.Len(t, r.Partners(), 2)
}

func TestAddGivesIdsAndABillingAddress(t *testing.T) {
	r := start(t, sim.Options{})
	answer := r.add(map[string]any{
		"partner_contact":          map[string]any{"useCustomerAsContact": "true", "email": "a@b.si"},
		"partner_delivery_address": map[string]any{"street": "Druga 1"},
		"favourite_colour":         "blue",
	})
	p := r.only()
	require.Equal(t, p.MKID, answer["mk_id"])
	require.Equal(t, p.Contacts[0].MKID, answer["mk_contact_id"])
	require.Equal(t, []any{
		map[string]any{"mk_id": p.Addresses[0].MKID, "street": "Test, 4"},
		map[string]any{"mk_id": p.Addresses[1].MKID, "street": "Druga 1"},
	}, answer["mk_address_id_list"])
	require.Equal(t, "Ana", p.Contacts[0].Name)
	require.Equal(t, p.Addresses[0].MKID, p.Contacts[0].AddressID)
	require.Equal(t, "Račun", p.Addresses[0].Type)
	require.Regexp(t, `^1/20\d\d$`, p.CountCode)
	require.NotContains(t, answer, "opr_code")
	require.Empty(t, p.Extra)
}
