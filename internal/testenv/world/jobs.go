package world

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// Later asks for a job by its path below contacts/ and returns where it is.
func (c Client) Later(path, body string) string {
	c.T.Helper()
	return c.LaterAt("contacts/"+path, body)
}

// LaterAt is Later by a path below /api/metakocka/.
func (c Client) LaterAt(path, body string) string {
	c.T.Helper()
	r := c.Do("POST", "/api/metakocka/"+path, body, "Prefer", "wait=5, Respond-Async")
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

// All is how many calls are let through that lets all through, now and later.
const All = -1

// Hold keeps the calls of an endpoint waiting until let lets so many of them through. So a
// test looks at work that is under way, however long it takes to look. It comes before the
// world's services start: a call may take long then, and one without an answer is waited for
// as long.
func (w *World) Hold(endpoint string) (let func(n int)) {
	w.T.Helper()
	w.Config.MetaKockaTimeout = time.Hour
	through, open := make(chan struct{}), make(chan struct{})
	w.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint != endpoint {
			return
		}
		select {
		case <-through:
		case <-open:
		case <-w.T.Context().Done():
		}
	})

	return func(n int) {
		w.T.Helper()
		if n == All {
			close(open)
			return
		}

		patience := waits.Context(w.T, time.Minute)
		for range n {
			select {
			case through <- struct{}{}:
			case <-patience.Done():
				require.Fail(w.T, "nobody calls "+endpoint)
			}
		}
	}
}

// Latency makes add_partner slow.
func (w *World) Latency(d time.Duration) {
	w.T.Helper()
	require.NoError(w.T, w.ERP.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: d}}))
}
