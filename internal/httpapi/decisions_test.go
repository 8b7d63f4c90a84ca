package httpapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestWhatWaitsIsDecidedOverHTTP: a conflict and a held deletion, each found in its list,
// decided, and gone from it; and what else is asked for over HTTP.
func TestWhatWaitsIsDecidedOverHTTP(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule, w.Config.MaxDeletes = "manual", 0
	s, c := w.API() // nobody consumes events: each reconcile is this test's
	ana := w.Linked(s, "ana@primer.si")
	p := w.Partner(ana)

	listed := func(path string) (items []map[string]any) {
		var page struct{ Items []map[string]any }
		c.Get(path).Data(&page)
		return page.Items
	}
	require.Empty(t, listed("conflicts"))
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 111 222" })
	w.Set(ana, mapping.FieldPhone, "041 333 444")
	w.Reconciled(s, ana)
	conflict := listed("conflicts")[0]
	require.Equal(t, []any{ana, "phone", "parked", "041 333 444"}, []any{conflict["contactId"], conflict["field"], conflict["status"], conflict["crmValue"]})
	c.Post("conflicts/resolve", `{"id":"`+ana+`","take":"nobody"}`).Refused(400, "malformed", "take")
	var decided struct {
		Entry   map[string]any
		Outcome map[string]any
	}
	c.Post("conflicts/resolve", `{"id":"`+ana+`","take":"metakocka"}`).Data(&decided)
	require.Equal(t, []any{"resolved", "crm", "synced"}, []any{decided.Entry["status"], decided.Entry["closedBy"], decided.Outcome["syncStatus"]})
	require.Empty(t, listed("conflicts"))
	require.Len(t, listed("conflicts?all=true&of="+ana), 1)
	require.Equal(t, "041 111 222", w.Contact(ana).Phone)

	require.Empty(t, listed("deadletters"))
	c.Post("deadletters/retry", `{"id":"4711"}`).Refused(404, "not_found", "4711")

	var sending map[string]any
	c.Post("pause", `{"reason":"the year is closed"}`).Data(&sending)
	require.Equal(t, []any{true, "crm", "the year is closed"}, []any{sending["paused"], sending["by"], sending["reason"]})
	c.Post("resume", "{}").Data(&sending)
	require.Equal(t, false, sending["paused"])
	c.Post("contacts/duplicates/dismiss", `{"id":"`+ana+`","otherId":"`+ana+`"}`).Refused(400, "malformed", "otherId")
	c.Post("deadletters/discard", `{"id":"4711","reason":"a test"}`).Refused(404, "not_found", "4711")
	c.Post("deadletters/retry-group", `{"reason":"no such"}`).Refused(404, "not_found", "reason")
	require.Empty(t, listed("unclear"))
	var preview map[string]any
	c.Get("contacts/preview?contactId=" + ana).Data(&preview)
	require.Equal(t, ana, preview["contactId"])

	c.Post("contacts/leave-out", `{"contactId":"`+ana+`"}`).Refused(400, "malformed", "reason: is missing")
	var out map[string]any
	c.Post("contacts/leave-out", `{"contactId":"`+ana+`","reason":"a friend"}`).Data(&out)
	require.Equal(t, []any{ana, "a friend", "crm", "Oseba ana@primer.si"}, []any{out["contactId"], out["reason"], out["by"], out["name"]})
	require.Equal(t, []map[string]any{out}, listed("contacts/left-out"))
	c.Post("contacts/sync", `{"contactId":"`+ana+`"}`).Refused(422, "refused", "left out")
	c.Post("contacts/take-in", `{"contactId":"`+ana+`"}`).Data(&out)
	require.Equal(t, "synced", out["syncStatus"])
	require.Empty(t, listed("contacts/left-out"))

	// Writes of several contacts are taken back by a job.
	w.Linked(s, "bor@primer.si")
	queued := c.Post("history/undo", `{"since":"2020-01-01T00:00:00Z","until":"2100-01-01T00:00:00Z","side":"metakocka"}`)
	require.Equal(t, 202, queued.Status, queued.Body)
	var undone map[string]any
	queued.Data(&undone)
	require.Equal(t, "/api/metakocka/jobs/"+undone["job"].(string), queued.Header.Get("Location"))
	require.Equal(t, []any{2.0}, []any{undone["contacts"]})
	c.Until(w, "jobs/"+undone["job"].(string), world.Ended)
	c.Post("jobs/retry", `{"id":"`+undone["job"].(string)+`"}`).Refused(409, "conflict", "nothing of job")

	w.Exec("DELETE FROM contacts WHERE id = $1", ana)
	_, err := s.Reconciler.Contact(t.Context(), ana, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
	require.NoError(t, err)
	require.Equal(t, ana, listed("deletions")[0]["contactId"])
	c.Post("deletions/approve", `{"id":"`+ana+`"}`).Data(&decided)
	require.Equal(t, "deleted", decided.Outcome["syncStatus"])
	require.Empty(t, listed("deletions"))

	var report map[string]any
	c.Post("check", "{}").Data(&report)
	require.Equal(t, []any{1.0, 1.0, 0.0}, []any{report["contacts"], report["links"], report["differing"]})
	require.Empty(t, listed("mappings/orphans"))
}
