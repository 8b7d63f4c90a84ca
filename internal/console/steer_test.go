package console_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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
