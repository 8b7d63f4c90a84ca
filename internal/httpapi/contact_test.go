package httpapi_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestAContactIsTold: its page, where it stands, and how it is found, in either language; of
// one whose field waits for a person, one that was not brought over, one that is new and one
// that is left out.
func TestAContactIsTold(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	w.Config.Filter = []config.Condition{{Column: "website", Null: true}}
	_, c := w.API()
	ziga := w.Add(mapping.Contact{Name: "Žiga Čeh", Phone: "041 111 111", Email: "ziga@ceh.si"})
	bad := w.Insert(" ", "bor@ceh.si")
	c.Post("contacts/sync", `{"contactId":"`+ziga+`"}`).Data(&struct{}{})
	c.Post("contacts/sync", `{"contactId":"`+bad+`"}`).Refused(422, "refused")
	p := w.Partner(ziga)
	w.Set(ziga, mapping.FieldPhone, "041 222 222")
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 333 333" })
	c.Post("contacts/sync", `{"contactId":"`+ziga+`"}`).Data(&struct{}{})

	var page operations.ContactPage
	c.Do("GET", "/api/metakocka/contacts/"+ziga+"?zone=Europe/Ljubljana", "", "Accept-Language", "sl-SI,sl;q=0.9,en;q=0.5").Data(&page)
	require.Equal(t, []any{ziga, p.MKID, p.CountCode, "conflict", true, false}, []any{page.ContactID, page.Partner.MetaKockaID, page.Partner.Number, string(page.SyncStatus), page.Exists, page.LeftOut})
	require.Contains(t, page.Reason, "Na odločitev čaka (od ")
	require.Len(t, page.Fields, len(mapping.Fields()))
	phone := page.Fields[3]
	require.Equal(t, []any{mapping.FieldPhone, "041 222 222", "041 333 333", true, "041 111 111"}, []any{phone.Field, phone.CRM, phone.MetaKocka, phone.Differs, *phone.Base})
	require.Equal(t, "field.parked", string(phone.Why.Code))
	require.Contains(t, phone.Reason, "Telefon je v CRM-ju 041 222 222, v MetaKocki 041 333 333, ker sta polje spremenili obe strani; čaka na odločitev")
	require.False(t, page.Fields[0].Differs)
	require.Len(t, page.Waiting, 1)
	require.Equal(t, []any{operations.WaitConflict, mapping.FieldPhone}, []any{page.Waiting[0].Kind, page.Waiting[0].Field})
	require.Equal(t, w.One("SELECT id::text FROM mksync_conflicts"), page.Waiting[0].ID)
	require.Equal(t, []string{"park", "create"}, []string{string(page.History[0].Act), string(page.History[len(page.History)-1].Act)})

	stands := func(id string, want ...any) {
		t.Helper()
		var s operations.ContactStatus
		c.Get("contacts/" + id + "/status").Data(&s)
		require.Equal(t, want, []any{s.Status, string(s.ReasonCode), s.Waiting, s.MetaKockaID})
		require.NotEmpty(t, s.Reason)
	}
	fresh := w.Insert("Žana Novak", "")
	out := w.Add(mapping.Contact{Name: "Ž. Čehovin", Website: "https://x.si"})
	stands(ziga, "conflict", "contact.conflict", true, p.MKID)
	stands(bad, "error", "contact.error", false, "")
	stands(fresh, "new", "contact.new", false, "")
	stands(out, "left_out", "contact.left_out", false, "")
	c.Get("contacts/" + bad).Data(&page)
	require.Equal(t, operations.WaitError, page.Waiting[0].Kind)
	require.Contains(t, page.Reason, "The contact was refused since ")

	finds := func(query string, want ...string) {
		t.Helper()
		var ids []string
		for after := "first"; after != ""; {
			page := "contacts?limit=1&" + query
			if len(ids) > 0 {
				page += "&after=" + url.QueryEscape(after)
			}
			var l operations.List[operations.ListedContact]
			c.Get(page).Data(&l)
			for _, found := range l.Items {
				ids = append(ids, found.ContactID)
			}
			after = l.Next
		}
		require.Equal(t, want, ids, query)
	}
	linked := []string{ziga, bad}
	slices.Sort(linked)
	finds("search=ceh", append(linked, out)...)
	finds("search=" + url.QueryEscape("+386 40 777777")) // nobody: no id has these figures by chance
	finds("search="+url.QueryEscape("+386 41 222222"), ziga)
	finds("search="+url.QueryEscape(p.CountCode), ziga)
	finds("search=novak", fresh)
	finds("status=error", bad)
	finds("search=ceh&status=conflict", ziga)
	finds("search="+fresh, fresh)

	c.Get("contacts?search=%2F%2F").Refused(400, "malformed", "search: has no letter and no digit")
	c.Get("contacts?after="+ziga).Refused(400, "malformed", "after: ")
	c.Get("contacts?status=fine").Refused(400, "malformed", "status: ")
	c.Get("contacts/"+ziga+"?zone=Mars").Refused(400, "malformed", "zone: ")
	c.Get("contacts/"+uuid.NewString()).Refused(404, "not_found", "there is no contact")
	c.Get("contacts/"+uuid.NewString()+"/status").Refused(404, "not_found")
}
