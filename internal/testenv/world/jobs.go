package world

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// Later asks for a job and returns where it is.
func (c Client) Later(path, body string) string {
	c.T.Helper()
	r := c.Do("POST", "/api/metakocka/contacts/"+path, body, "Prefer", "wait=5, Respond-Async")
	require.Equal(c.T, 202, r.Status, r.Body)
	require.Equal(c.T, "respond-async", r.Header.Get("Preference-Applied"))
	var job operations.Job
	r.Data(&job)
	require.Equal(c.T, "/api/metakocka/jobs/"+job.ID, r.Header.Get("Location"))
	require.Equal(c.T, "crm", job.CreatedBy)
	return strings.TrimPrefix(r.Header.Get("Location"), "/api/metakocka/")
}

// Until waits until a job is as wanted.
func (c Client) Until(w *World, path string, wanted func(operations.Job) bool) (job operations.Job) {
	c.T.Helper()
	w.Eventually(func() error {
		job = operations.Job{}
		c.Get(path).Data(&job)
		if !wanted(job) {
			return fmt.Errorf("job is %+v", job)
		}
		return nil
	})
	return job
}

// Ended reports whether a job is done and has a result.
func Ended(j operations.Job) bool { return !j.Status.Open() && j.FinishedAt != nil && j.Result != nil }

// ByContact is the request that names contacts.
func ByContact(ids []string) json.RawMessage {
	return json.RawMessage(`{"contactIds":` + JSONList(ids) + `}`)
}

// Latency makes add_partner slow.
func (w *World) Latency(d time.Duration) {
	w.T.Helper()
	require.NoError(w.T, w.ERP.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: d}}))
}
