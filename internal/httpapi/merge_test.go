package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestContactsAreMergedOverHTTP(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, c := w.API()
	l, r := world.Twins()
	loser, winner := w.Add(l), w.Add(mapping.Contact{Name: r.Name, Phone: l.Phone})
	const api = "/api/metakocka"
	body := `{"loserContactId":"` + loser + `","winnerContactId":"` + winner + `"`
	for _, call := range []struct {
		method, path, body string
		status             int
		holds              string
	}{
		{http.MethodGet, "/contacts/duplicates?limit=5", "", http.StatusOK, `"total":1`},
		{http.MethodPost, "/contacts/merge", body + `,"dryRun":true}`, http.StatusOK, `"field":"email","winner":"","loser":"ana@novak.si","holds":"ana@novak.si","taken":true`},
		{http.MethodPost, "/contacts/merge", `{"loserContactId":"` + loser + `"}`, http.StatusBadRequest, "winnerContactId: is missing"},
		{http.MethodPost, "/contacts/merge", body + "}", http.StatusOK, `"status":"merged"`},
		{http.MethodPost, "/contacts/merge", `{"loserContactId":"` + winner + `","winnerContactId":"` + loser + `"}`, http.StatusNotFound, "it was merged into"},
		{http.MethodGet, "/merges?of=" + winner, "", http.StatusOK, `"createdBy":"crm"`},
		{http.MethodPost, "/merges/undo", `{"id":"99"}`, http.StatusNotFound, "there is no merge 99"},
		{http.MethodPost, "/merges/undo", `{"id":"1"}`, http.StatusOK, `"status":"undone"`},
		{http.MethodPost, "/merges/undo", `{"id":"1"}`, http.StatusConflict, "undone already"},
	} {
		got := c.Do(call.method, api+call.path, call.body)
		require.Equal(t, call.status, got.Status, "%s: %s", call.path, got.Body)
		require.Contains(t, got.Body, call.holds)
	}
}
