package sim_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

type object = map[string]any

// shown is the one partner of an answer.
func shown(t *testing.T, answer object) object {
	t.Helper()
	list, ok := answer["partner_list"].([]any)
	require.True(t, ok, answer)
	require.Len(t, list, 1)
	return list[0].(object)
}

func TestEmptyAttributesAreLeftOut(t *testing.T) {
	bare := metakocka.Partner{Customer: "Ana"}
	got := shown(t, start(t, sim.Options{Partners: []metakocka.Partner{bare}}).call("get_partner", object{"partner_name": "ANA"}))
	require.Equal(t, object{
		"mk_id": "228000046627", "count_code": got["count_code"], "customer": "Ana",
		"business_entity": "false", "taxpayer": "false", "foreign_county": "false",
	}, got)
	got = shown(t, start(t, sim.Options{ShowEmpty: true, Partners: []metakocka.Partner{bare}}).call("get_partner", object{"partner_name": "ana"}))
	require.Empty(t, got["tax_id_number"])
	require.Contains(t, got, "tax_id_number")
}

func TestSpellings(t *testing.T) {
	r := start(t, sim.Options{Numbers: true, BareLists: true, ShowCode: true, Partners: []metakocka.Partner{ana()}})
	answer := r.call("get_partner", object{"partner_id": r.only().MKID})
	require.Equal(t, "0", answer["opr_code"])
	require.InDelta(t, 1, answer["partner_list_count"], 0)
	p := answer["partner_list"].(object)
	require.InDelta(t, 228000046627, p["mk_id"], 0)
	require.Equal(t, "Test, 4", p["partner_contact_list"].(object)["contact_address"])
}

func TestWhatGetPartnerShows(t *testing.T) {
	r := start(t, sim.Options{Partners: []metakocka.Partner{ana()}})
	got := shown(t, r.call("get_partner", object{"partner_name": "ana"}))
	require.NotContains(t, got, "buyer")
	require.NotContains(t, got, "registration_number")
	r = start(t, sim.Options{ShowBuyer: true, ShowRegistration: true, Partners: []metakocka.Partner{ana()}})
	got = shown(t, r.call("get_partner", object{"partner_name": "ana"}))
	require.Equal(t, "false", got["supplier"])
	require.Equal(t, "55", got["registration_number"])
}

func TestListingEverything(t *testing.T) {
	partners := []metakocka.Partner{ana(), ana(), ana()}
	r := start(t, sim.Options{ListAll: sim.ListsAll, AnswerCap: 2, Partners: partners})
	answer := r.call("get_partner", object{})
	require.Len(t, answer["partner_list"], 2)
	require.Equal(t, "3", answer["partner_list_count"])
	r = start(t, sim.Options{ListAll: sim.ListsAll, AnswerCap: 2, CountCapped: sim.CountsReturned, Partners: partners})
	require.Equal(t, "2", r.call("get_partner", object{})["partner_list_count"])
	r = start(t, sim.Options{ListAll: sim.ListsNothing, Partners: partners})
	require.Equal(t, "No partner with such properties.", r.call("get_partner", object{})["opr_desc"])
}

func TestHowSearchesCompare(t *testing.T) {
	find := func(opts sim.Options, args object) bool {
		opts.Partners = []metakocka.Partner{ana()}
		return start(t, opts).call("get_partner", args)["partner_list"] != nil
	}
	require.True(t, find(sim.Options{}, object{"partner_email": "ana@EXAMPLE.com"}))
	require.False(t, find(sim.Options{EmailHeedsCase: true}, object{"partner_email": "ana@EXAMPLE.com"}))
	require.True(t, find(sim.Options{EmailHeedsCase: true}, object{"partner_email": "Ana@example.com"}))
	require.False(t, find(sim.Options{}, object{"partner_email": "ana@"}))
	require.True(t, find(sim.Options{LooseEmailSearch: true}, object{"partner_email": "ana@"}))
	require.False(t, find(sim.Options{}, object{"partner_tax_number": "12345678"}))
	require.True(t, find(sim.Options{LooseTaxSearch: true}, object{"partner_tax_number": "12345678"}))
	require.False(t, find(sim.Options{}, object{"partner_name": "ana", "partner_phone_number": "1"}))
}

func TestCountries(t *testing.T) {
	country := func(opts sim.Options, name string) string {
		r := start(t, opts)
		r.add(object{"country": name})
		return r.only().Addresses[0].Country
	}
	for _, name := range []string{"Germany", "nemčija", "Deutschland", "Njemačka"} {
		require.Equal(t, "Nemčija", country(sim.Options{}, name))
	}
	require.Equal(t, "Združene države Amerike", country(sim.Options{}, "USA"))
	require.Equal(t, "Germany", country(sim.Options{Country: sim.CountryAsSent}, "Germany"))
	require.Empty(t, country(sim.Options{UnknownCountry: sim.Dropped}, "Atlantis"))
	require.Equal(t, "Atlantis", country(sim.Options{UnknownCountry: sim.Kept}, "Atlantis"))
	require.Empty(t, country(sim.Options{}, ""))
}

func TestNotesAndWebsite(t *testing.T) {
	r := start(t, sim.Options{})
	r.add(object{"notes": "n", "website": "w"})
	require.Empty(t, r.only().Notes+r.only().Website)
	r = start(t, sim.Options{Notes: sim.Kept, Website: sim.Refused})
	require.Equal(t, "Unknown attribute website.", r.add(object{"website": "w"})["opr_desc"])
	r.add(object{"notes": "n"})
	require.Equal(t, "n", r.only().Notes)
}

func TestEmptying(t *testing.T) {
	tax := func(opts sim.Options, value any) string {
		opts.Partners = []metakocka.Partner{ana()}
		r := start(t, opts)
		r.update(r.only().MKID, object{"tax_id_number": value})
		return r.only().TaxIDNumber
	}
	require.Equal(t, "SI12345678", tax(sim.Options{}, ""))
	require.Equal(t, "SI12345678", tax(sim.Options{EmptyValue: sim.Cleared}, nil))
	require.Empty(t, tax(sim.Options{EmptyValue: sim.Cleared}, ""))
	require.Empty(t, tax(sim.Options{}, metakocka.RemoveValue))
	require.Equal(t, "SI12345678", tax(sim.Options{RemoveMarker: sim.Ignored}, metakocka.RemoveValue))
	require.Equal(t, metakocka.RemoveValue, tax(sim.Options{RemoveMarker: sim.Kept}, metakocka.RemoveValue))
}

func TestNestedEntries(t *testing.T) {
	r := start(t, sim.Options{})
	r.add(object{"partner_contact": object{"name": "Ana", "gsm": "1"}})
	p := r.only()
	r.update(p.MKID, object{
		"street":                        "is not taken",
		"partner_contact_list":          []any{object{"mk_id": p.Contacts[0].MKID, "email": "a@b.si"}, object{"mk_address_id": p.Addresses[0].MKID, "name": "Drugi"}},
		"partner_delivery_address_list": []any{object{"mk_id": p.Addresses[0].MKID, "city": "Kranj"}, object{"street": "Nova 1"}},
	})
	after := r.only()
	require.Equal(t, "Test, 4", after.Addresses[0].Street)
	require.Equal(t, "Kranj", after.Addresses[0].City)
	require.Equal(t, "Dobava", after.Addresses[1].Type)
	require.JSONEq(t, `"15"`, string(after.Addresses[0].Extra["payment_due_days"]))
	require.Equal(t, "1", after.Contacts[0].GSM)
	require.Equal(t, "a@b.si", after.Contacts[0].Email)
	require.Equal(t, "Drugi", after.Contacts[1].Name)
	require.NotEmpty(t, after.Contacts[1].MKID)
}

func TestNestedEntriesInOtherServers(t *testing.T) {
	r := start(t, sim.Options{LeftOut: sim.Cleared, AcceptSingleEntry: true, TopLevelAddress: true})
	r.add(object{"partner_contact": object{"name": "Ana", "gsm": "1"}})
	p := r.only()
	r.update(p.MKID, object{"street": "Nova 1", "partner_contact_list": object{"mk_id": p.Contacts[0].MKID, "name": "Ana"}})
	require.Empty(t, r.only().Contacts[0].GSM)
	require.Equal(t, "Nova 1", r.only().Addresses[0].Street)

	entry := object{"partner_contact_list": []any{object{"mk_id": "5", "name": "x", "mk_address_id": "228000046628"}}}
	for mode, contacts := range map[string]int{sim.Ignored: 1, sim.Added: 2} {
		r = start(t, sim.Options{UnknownEntry: mode, Partners: []metakocka.Partner{ana()}})
		r.update(r.only().MKID, entry)
		require.Len(t, r.only().Contacts, contacts, mode)
	}
}

func TestUpdateAnswers(t *testing.T) {
	for mode, key := range map[string]string{"": "partner_list", sim.AnswerPartner: "customer", sim.AnswerCode: "opr_code"} {
		r := start(t, sim.Options{UpdateAnswer: mode, Partners: []metakocka.Partner{ana()}})
		require.Contains(t, r.update(r.only().MKID, nil), key)
	}
	r := start(t, sim.Options{Partners: []metakocka.Partner{ana()}})
	answer := r.call("update_partner", object{"partner": object{"count_code": r.only().CountCode, "customer": "Nova"}})
	require.Equal(t, "Nova", shown(t, answer)["customer"])
}
