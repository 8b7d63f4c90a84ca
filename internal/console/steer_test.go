package console_test

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/syncer/operations"
)

// stopSending: who may not is shown no button and refused; stopped, seen by everybody, and let
// go on from the notice or from the page.
func stopSending(t *testing.T, h *house) {
	t.Helper()
	decider, b := h.as(t, operations.Decider), h.as(t, operations.Operator)
	halted := func() int { return h.Count("SELECT count(*) FROM mksync_state WHERE key = 'halt'") }
	for _, page := range []string{"/console/", "/console/system"} {
		require.NotContains(t, decider.get(page).body, "Stop sending")
		a := b.get(page)
		f := b.button(a, "Stop sending")
		require.Contains(t, a.body, `name="reason"`)
		f.fields.Set("reason", "Inventura v MetaKocki")
		require.Equal(t, 403, decider.do("POST", f.action, f.fields).status)
		require.Zero(t, halted())

		a = b.led(b.do("POST", f.action, f.fields))
		require.Contains(t, a.notice(), "Sending is stopped.")
		require.Equal(t, 1, halted())
		seen := decider.get(page).body
		require.Contains(t, seen, "the-operator")
		require.Contains(t, seen, "Inventura v MetaKocki")
		require.Contains(t, seen, "stopped until somebody lets it go on")
		require.NotContains(t, seen, "/console/do/resume")

		a = b.led(b.do("POST", "/console/do/resume", b.resume(a).fields))
		require.Contains(t, a.notice(), "Sending goes on.")
		require.Zero(t, halted())
	}
}

// resume is the first form that lets sending go on: the notice and the page have one each.
func (b *browser) resume(a answer) form {
	b.t.Helper()
	var fit []form
	for _, f := range a.forms() {
		if f.action == "/console/do/resume" {
			fit = append(fit, f)
		}
	}
	require.Len(b.t, fit, 2)
	return fit[0]
}

// throwAway: a dead letter goes for a reason, which the history keeps, and for none it stays.
func throwAway(t *testing.T, h *house) {
	t.Helper()
	id := h.Linked(h.s, "vera@primer.si")
	h.deadLetter(id)
	b := h.as(t, operations.Decider)
	a := b.get("/console/errors")
	require.NotContains(t, a.body, "/console/do/dead-letter", "trying again is the operator's")
	f := b.button(a, "Throw away")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "reason")
	require.Contains(t, a.body, "it could not be")

	f = b.button(a, "Throw away")
	f.fields.Set("reason", "Stara sprememba")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "Oseba vera@primer.si: the change was thrown away")
	require.NotContains(t, a.body, "it could not be")
	require.Contains(t, b.get("/console/contact?id="+id).body, "thrown away")
	require.Equal(t, "Stara sprememba", h.One("SELECT note FROM mksync_history WHERE act = 'discard' AND contact_id = $1", id))
}

// theyAreTwo: a pair that a person says is two is not listed any more, until that is taken back.
func theyAreTwo(t *testing.T, h *house) {
	t.Helper()
	h.Insert("Zala Zupan", "zala@primer.si")
	h.Insert("Zala Zupan", "zala@primer.si")
	require.NotContains(t, h.as(t, operations.Viewer).get("/console/duplicates").body, "They are two")
	b := h.as(t, operations.Decider)
	a := b.get("/console/duplicates")
	before := strings.Count(a.body, "data-row")
	var f form
	for _, one := range a.forms() {
		if one.action == "/console/do/not-same" && strings.Contains(a.body, "Zala Zupan</a> · ") {
			f = one
		}
	}
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "are two, and no longer listed as duplicates.")
	require.Equal(t, before-1, strings.Count(a.body, "data-row"))
	a = b.press(a, "Take it back")
	require.Contains(t, a.notice(), "may be the same again.")
	require.Equal(t, before, strings.Count(a.body, "data-row"))
}

// manyForOneReason: all that wait for one reason are looked at and decided at once, but what
// came after the look; the decisions are taken back at once.
func manyForOneReason(t *testing.T, h *house) {
	t.Helper()
	b := h.as(t, operations.Decider)
	ids := []string{h.conflict("zan"), h.conflict("zora")}
	a := b.get("/console/waiting?kind=conflict")
	all := regexp.MustCompile(`/console/bulk\?because=[0-9a-f]{16}&amp;choice=crm&amp;every=true&amp;kind=conflict`).FindString(a.body)
	require.NotEmpty(t, all, a.body)
	look := b.get(html.UnescapeString(all))
	chosen := strings.Count(look.body, "<article")
	require.Contains(t, look.body, fmt.Sprintf("%d chosen:", chosen))

	late := h.conflict("zvone")
	f := b.button(look, "Do it for all")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), fmt.Sprintf("%d were decided.", chosen))
	h.Agree(ids[0], "041 333 444")
	h.Agree(ids[1], "041 333 444")
	h.Status(late, "conflict")

	a = b.press(a, "Take it back")
	require.Contains(t, a.notice(), fmt.Sprintf("%d decisions were taken back.", chosen))
	h.Agree(ids[0], "041 111 222")
	h.Agree(ids[1], "041 111 222")
	b.press(b.get("/console/contact?id="+late), "The CRM is right")
	require.Equal(t, 400, b.do("GET", "/console/bulk?kind=conflict&choice=crm&every=true&until=now", nil).status)
	require.Equal(t, 404, b.do("GET", "/console/bulk?kind=contact&choice=sync&every=true", nil).status)
}

// severalContacts of the list of all are left out at once, for one reason.
func severalContacts(t *testing.T, h *house) {
	t.Helper()
	ids := []string{h.Linked(h.s, "alma@primer.si"), h.Linked(h.s, "aleš@primer.si")}
	b := h.as(t, operations.Decider)
	a := b.get("/console/contacts?search=primer.si")
	require.Contains(t, a.body, `name="choose" value="`+ids[0]+`" form="bulk-contact"`)
	require.NotContains(t, a.body, `value="sync"`, "that is the operator's")
	require.NotContains(t, h.as(t, operations.Viewer).get("/console/contacts").body, "choose")

	a = b.get("/console/bulk?" + url.Values{"kind": {"contact"}, "choice": {"leave_out"}, "choose": ids}.Encode())
	require.Contains(t, a.body, "Oseba alma@primer.si")
	f := b.button(a, "Do it for all 2")
	f.fields.Set("reason", "Poskusna")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "Done for 2 contacts.")
	for _, id := range ids {
		require.Contains(t, b.get("/console/contact?id="+id).body, "Poskusna")
	}
}

// manyThatFailed: all dead letters of one reason go at once, for a reason that is given once.
func manyThatFailed(t *testing.T, h *house) {
	t.Helper()
	for _, name := range []string{"brina", "bruna"} {
		h.deadLetter(h.Linked(h.s, name+"@primer.si"))
	}
	b := h.as(t, operations.Decider)
	a := b.get("/console/errors")
	all := regexp.MustCompile(`/console/bulk\?because=[0-9a-f]{16}&amp;choice=discard&amp;every=true&amp;kind=dead_letter`).FindString(a.body)
	require.NotEmpty(t, all, a.body)
	require.Equal(t, 1, strings.Count(a.body, "it could not be"), "the reason is said once")
	a = b.get(html.UnescapeString(all))
	f := b.button(a, "Do it for all 2")
	f.fields.Set("reason", "Ni več potrebno")
	a = b.led(b.do("POST", f.action, f.fields))
	require.Contains(t, a.notice(), "2 were decided.")
	require.NotContains(t, a.body, "it could not be")
}

// inSlovenian: what operations refuse and would do, why a deletion waits and what two have in
// common is said in the reader's language, and counts agree with what they count.
func inSlovenian(t *testing.T, h *house) {
	t.Helper()
	h.deleted("lenka")
	h.deleted("ladka")
	b := h.as(t, operations.Operator)
	b.lang = "sl"
	a := b.get("/console/waiting?kind=deletion")
	require.Contains(t, a.body, "izbris")
	require.Contains(t, a.body, "več izbrisov v desetih minutah, kot je dovoljeno (0)")
	require.NotContains(t, a.body, "more than")

	a = b.led(b.post("/console/do/resume", "key", "sl"))
	require.Contains(t, a.notice(), "pošiljanja ni ustavil nihče")
	missing := "00000000-0000-4000-8000-000000000000"
	require.Contains(t, b.do("GET", "/console/merge?loser="+missing+"&winner="+missing, nil).body, "to je dvakrat isti stik")
	one, other := h.Linked(h.s, "maja@primer.si"), h.Linked(h.s, "maja2@primer.si")
	a = b.get("/console/merge?loser=" + one + "&winner=" + other)
	require.Contains(t, a.body, "stik "+one+" bo izbrisan")
	require.Contains(t, b.get("/console/duplicates").body, "isti telefon")

	a = b.get("/console/doctor")
	require.Contains(t, a.body, "tabele mksynca")
	require.Contains(t, a.body, "posodobljene v shemi public")

	a = b.get("/console/")
	tile := regexp.MustCompile(`kind=deletion"><b>(\d+)</b> (\w+)`).FindStringSubmatch(a.body)
	require.NotNil(t, tile, a.body)
	forms := map[string]string{"1": "izbris", "2": "izbrisa", "3": "izbrisi", "4": "izbrisi"}
	require.Equal(t, forms[tile[1]], tile[2])
}

// lookBeforeASync: what it would write is shown, and nothing is written.
func lookBeforeASync(t *testing.T, h *house) {
	t.Helper()
	id := h.Linked(h.s, "lado@primer.si")
	h.Set(id, mapping.FieldPhone, "041 999 888")
	a := h.as(t, operations.Viewer).get("/console/preview?id=" + id)
	require.Contains(t, a.body, "041 999 888")
	require.NotContains(t, a.body, "/console/do/sync")
	require.Equal(t, "041 111 111", h.Partner(id).Contacts[0].GSM)
}
