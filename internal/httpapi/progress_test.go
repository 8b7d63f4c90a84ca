package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// told is an event of a stream, or a message.
type told struct {
	name, id string
	job      operations.Job
}

// stream reads the server-sent events of a job until they end, and says of each that it came.
func stream(c world.Client, path string, came chan<- told) (all []told) {
	c.T.Helper()
	req, err := http.NewRequestWithContext(c.T.Context(), http.MethodGet, c.Base+"/api/metakocka/"+path+"/events", nil)
	require.NoError(c.T, err)
	req.Header.Set("Authorization", "Bearer "+c.Token)
	res, err := http.DefaultClient.Do(req)
	require.NoError(c.T, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(c.T, 200, res.StatusCode)
	var one told
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			one.name = value
		case "id":
			one.id = value
		case "data":
			require.NoError(c.T, json.Unmarshal([]byte(value), &one.job))
			came <- one
			all, one = append(all, one), told{}
		}
	}
	http.DefaultClient.CloseIdleConnections()
	return all
}

// toldOf waits until a stream told that so many are done.
func toldOf(t *testing.T, events <-chan told, done int) {
	t.Helper()
	for {
		e, came := waits.Within(time.Minute, events)
		require.True(t, came)
		if e.job.Done >= done {
			return
		}
	}
}

// TestProgressIsToldByEveryProcess: one process works the job off, another is
// asked how it goes, over HTTP and over NATS.
func TestProgressIsToldByEveryProcess(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	server, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(server.Shutdown)
	w.Config.NATSURL = config.Secret(server.URL())
	const n = 12
	var ids []string
	for i := range n {
		ids = append(ids, w.Insert(fmt.Sprintf("Oseba %d", i), fmt.Sprintf("oseba%d@partner.si", i)))
	}
	let := w.Hold(metakocka.EndpointAdd)
	s, one := w.API()
	messages := make(chan *nats.Msg, 1000)
	sub, err := s.Conn.ChanSubscribe("mksync.progress.*", messages)
	require.NoError(t, err)
	defer func() { _ = sub.Unsubscribe() }()
	_, other := w.API()
	require.NotEqual(t, one.Base, other.Base)

	path := one.Later("bulk-sync", `{"contactIds":`+world.JSONList(ids)+`}`)
	streams := make(chan []told, 2)
	came := map[string]chan told{one.Base: make(chan told, 100), other.Base: make(chan told, 100)}
	for _, c := range []world.Client{one, other} {
		go func() { streams <- stream(c, path, came[c.Base]) }()
	}
	for done := range 3 { // each is told of all of these
		for _, events := range came {
			toldOf(t, events, done)
		}
		let(1)
	}
	let(world.All)
	for range 2 {
		all := <-streams
		require.Greater(t, len(all), 2)
		last := all[len(all)-1]
		require.Equal(t, []any{"end", store.JobDone, n, n}, []any{last.name, last.job.Status, last.job.Done, last.job.Total})
		for i, e := range all[:len(all)-1] {
			require.Equal(t, "progress", e.name)
			require.LessOrEqual(t, e.job.Done, all[i+1].job.Done)
		}
		r := other.Do(http.MethodGet, "/api/metakocka/"+path+"/events", "", "Last-Event-ID", last.id)
		require.Equal(t, 204, r.Status)
	}
	var job operations.Job
	for job.Status != store.JobDone {
		m := <-messages
		require.Equal(t, "mksync.progress."+strings.TrimPrefix(path, "jobs/"), m.Subject)
		job = operations.Job{}
		require.NoError(t, json.Unmarshal(m.Data, &job))
		require.Equal(t, "mksync.job."+string(job.Status), m.Header.Get("ce-type"))
		require.Nil(t, job.Result)
	}
	require.Equal(t, n, job.Done)
}
