package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

const jobPath = "/api/metakocka/jobs/5c0b1c46-6f0e-4f2c-9d0c-0b8c8a0b7f10/events"

// board is a api with one job, whose changes are told.
type board struct {
	mu   sync.Mutex
	job  operations.Job
	err  error
	news []func()
}

func (b *board) Answer(_ context.Context, _ string, request []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return nil, b.err
	}
	var asked operations.JobRequest
	if err := json.Unmarshal(request, &asked); err != nil {
		return nil, err
	}
	job := b.job
	if asked.Brief {
		job.Result = nil
	}
	return json.Marshal(job)
}

func (b *board) follow(_ string, news func()) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.news = append(b.news, news)
	return func() {}, nil
}

// set changes the job, and tells.
func (b *board) set(change func(*operations.Job)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.job)
	for _, news := range b.news {
		news()
	}
}

// serving runs a server whose api has one job; stop ends it.
func serving(t *testing.T, b *board) (s *Server, stop func() error) {
	t.Helper()
	b.job = operations.Job{ID: "5c0b1c46-6f0e-4f2c-9d0c-0b8c8a0b7f10", Status: store.JobRunning, Total: 3, Result: []byte(`{"big":1}`)}
	s, _ = server(t, b.Answer, Config{Follow: b.follow, Rate: 1e6})
	s.every = intervals{look: time.Hour, beat: time.Hour}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	t.Cleanup(func() { require.NoError(t, stop()) })
	return s, stop
}

// following is a client's end of a stream.
type following struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Scanner
}

func followJob(t *testing.T, s *Server, lastID string) following {
	t.Helper()
	r, err := http.NewRequestWithContext(waits.Context(t, 20*time.Second), http.MethodGet, "http://"+s.Addr()+jobPath, nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer secret-token")
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	return following{t, res, lines}
}

// block reads up to the next empty line; false: the stream has ended.
func (f following) block() (fields map[string]string, more bool) {
	fields = map[string]string{}
	for f.lines.Scan() {
		if f.lines.Text() == "" {
			return fields, true
		}
		name, value, _ := strings.Cut(f.lines.Text(), ": ")
		fields[name] = value
	}
	return fields, false
}

// event reads the next event, and the job that it holds.
func (f following) event() (name, id string, job operations.Job) {
	f.t.Helper()
	fields, more := f.block()
	require.True(f.t, more)
	require.NoError(f.t, json.Unmarshal([]byte(fields["data"]), &job), "%v", fields)
	require.Nil(f.t, job.Result)
	return fields["event"], fields["id"], job
}

func TestAJobIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	var b board
	s, _ := serving(t, &b)
	f := followJob(t, s, "")
	require.Equal(t, "text/event-stream", f.res.Header.Get("Content-Type"))
	first, _ := f.block()
	require.Equal(t, map[string]string{"retry": "2000"}, first)
	name, id, job := f.event()
	require.Equal(t, []any{"progress", 0}, []any{name, job.Done})
	b.set(func(j *operations.Job) { j.Done = 2 })
	name, second, job := f.event()
	require.Equal(t, []any{"progress", 2}, []any{name, job.Done})
	require.NotEqual(t, id, second)
	b.set(func(*operations.Job) {}) // nothing new
	b.set(func(j *operations.Job) { j.Done, j.Status = 3, store.JobDone })
	name, end, job := f.event()
	require.Equal(t, []any{"end", 3, store.JobDone}, []any{name, job.Done, job.Status})
	_, more := f.block()
	require.False(t, more)

	require.Equal(t, http.StatusNoContent, followJob(t, s, end).res.StatusCode)
	again := followJob(t, s, second)
	_, _ = again.block()
	name, _, _ = again.event()
	require.Equal(t, "end", name)
}

// TestAStreamGoesOnWhereItWas: a client that comes back is not told what it has.
func TestAStreamGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	var b board
	s, _ := serving(t, &b)
	f := followJob(t, s, "")
	_, _ = f.block()
	_, id, _ := f.event()
	again := followJob(t, s, id)
	_, _ = again.block()
	b.set(func(j *operations.Job) { j.Done = 1 })
	_, _, job := again.event()
	require.Equal(t, 1, job.Done)
}

// TestStreamsFindOutByThemselves: what nobody told is found by looking, also
// after the database was away.
func TestStreamsFindOutByThemselves(t *testing.T) {
	t.Parallel()
	var b board
	s, _ := serving(t, &b)
	s.every = intervals{look: 10 * time.Millisecond, beat: 10 * time.Millisecond}
	f := followJob(t, s, "")
	_, _ = f.block()
	_, _, _ = f.event()
	beat, _ := f.block()
	require.Contains(t, beat, "")
	b.mu.Lock()
	b.err = errors.New("the database is away")
	b.mu.Unlock()
	_, _ = f.block()
	b.mu.Lock()
	b.err, b.job.Status = nil, store.JobFailed
	b.mu.Unlock()
	for {
		fields, more := f.block()
		require.True(t, more)
		if fields["event"] == "end" {
			require.Contains(t, fields["data"], `"failed"`)
			return
		}
	}
}

func TestStoppingEndsStreamsAtOnce(t *testing.T) {
	t.Parallel()
	var b board
	s, stop := serving(t, &b)
	f := followJob(t, s, "")
	_, _ = f.block()
	_, _, _ = f.event()
	began := waits.Start()
	require.NoError(t, stop())
	require.Less(t, began.Elapsed(), stopTimeout/2)
	_, err := io.ReadAll(f.res.Body)
	require.NoError(t, err, "the stream ends in order")
}

// TestASlowReaderHoldsUpNobody: others are told while one does not read.
func TestASlowReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	var b board
	s, _ := serving(t, &b)
	_ = followJob(t, s, "") // reads nothing
	f := followJob(t, s, "")
	_, _ = f.block()
	_, _, _ = f.event()
	long := strings.Repeat("x", 1<<20) // ten of them are more than a connection buffers
	for i := range 10 {
		b.set(func(j *operations.Job) { j.Done, j.Doing = i+1, long })
		_, _, job := f.event()
		require.Equal(t, i+1, job.Done)
	}
}

func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	var b board
	s, _ := serving(t, &b)
	for range mostStreams {
		require.Equal(t, http.StatusOK, followJob(t, s, "").res.StatusCode)
	}
	require.Equal(t, http.StatusTooManyRequests, followJob(t, s, "").res.StatusCode)
}

func TestWhatCannotBeFollowedIsRefused(t *testing.T) {
	t.Parallel()
	s, _ := server(t, func(context.Context, string, []byte) ([]byte, error) {
		return nil, &syncer.RequestError{Code: syncer.CodeNotFound, Message: "there is no job"}
	}, Config{Follow: func(string, func()) (func(), error) { return nil, errors.New("NATS is away") }})
	w := ask(s, http.MethodGet, jobPath, "")
	require.Equal(t, 404, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, 400, ask(s, http.MethodGet, jobPath+"?x=1", "").Code)
	require.Equal(t, 405, ask(s, http.MethodPost, jobPath, "").Code)
	r := httptest.NewRequest(http.MethodGet, jobPath, nil)
	nobody := httptest.NewRecorder()
	s.handler().ServeHTTP(nobody, r)
	require.Equal(t, 401, nobody.Code)
}
