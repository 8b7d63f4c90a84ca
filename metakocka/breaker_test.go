package metakocka

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// server is a transport that answers without a network, so that time can be faked.
type server struct {
	calls  atomic.Int64
	answer func(*http.Request) (int, string)
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.calls.Add(1)
	status, body := s.answer(r)
	if status == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func fakeClient(t *testing.T, s *server, cfg Config) *Client {
	t.Helper()
	cfg.CompanyID, cfg.SecretKey = "1", "a-secret-of-the-tests"
	cfg.HTTPClient = &http.Client{Transport: s}
	c, err := New(cfg, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return c
}

func gets(ctx context.Context, c *Client) error {
	_, err := c.Get(ctx, "1")
	return err
}

const somebody = `{"partner_list":[{"mk_id":"1","customer":"Ana"}]}`

func TestBreakerPausesProbesAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := http.StatusServiceUnavailable
		s := &server{answer: func(*http.Request) (int, string) { return status, somebody }}
		c := fakeClient(t, s, Config{BreakerFailures: 3, BreakerCooldown: time.Minute})
		start := time.Now()
		for range 3 {
			require.True(t, IsTransient(gets(t.Context(), c)))
		}
		state := c.State()
		require.True(t, state.Open)
		require.Equal(t, start, state.Since)
		require.Equal(t, start.Add(time.Minute), state.ProbeAt)
		require.Contains(t, state.LastError, "HTTP status 503")

		_, err := c.Add(t.Context(), NewPartner{Customer: "Ana"}, nil)
		require.ErrorIs(t, err, ErrBreakerOpen)
		require.False(t, Uncertain(err))
		require.EqualValues(t, 3, s.calls.Load(), "an open breaker sends nothing")

		require.NoError(t, ready(t.Context(), c))
		require.True(t, IsTransient(gets(t.Context(), c)), "the probe")
		require.True(t, c.State().Open, "a failed probe pauses again")

		status = http.StatusOK
		require.NoError(t, ready(t.Context(), c))
		require.NoError(t, gets(t.Context(), c))
		require.Equal(t, State{LastError: c.State().LastError, LastErrorAt: c.State().LastErrorAt}, c.State())
		require.WithinDuration(t, start.Add(2*time.Minute), time.Now(), time.Second)
	})
}

func TestOnlyOutagesOpenTheBreaker(t *testing.T) {
	for name, body := range map[string]string{
		"refusal":    `{"opr_code":"6","opr_desc":"x"}`,
		"not found":  `{"opr_code":"2","opr_desc":"No partner with such properties."}`,
		"odd answer": `{"partner_list":[5]}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := fakeClient(t, &server{answer: func(*http.Request) (int, string) { return 200, body }}, Config{BreakerFailures: 2})
			for range 10 {
				require.Error(t, gets(t.Context(), c))
			}
			require.False(t, c.State().Open)
		})
	}
}

func TestACallGivenUpSaysNothingAboutTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fakeClient(t, &server{answer: func(*http.Request) (int, string) { return 0, "" }}, Config{BreakerFailures: 1})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- gets(ctx, c) }()
		synctest.Wait()
		require.Equal(t, 1, c.State().InFlight)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.False(t, c.State().Open)

		require.ErrorIs(t, gets(t.Context(), c), context.DeadlineExceeded, "a time-out does")
		require.True(t, c.State().Open)
	})
}

// ready waits until a call may probe.
func ready(ctx context.Context, c *Client) error {
	return sleep(ctx, time.Until(c.State().ProbeAt)+time.Millisecond)
}

// While the probe is in flight other calls are told at once.
func TestOneProbeAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		status := 500
		s := &server{answer: func(*http.Request) (int, string) {
			if status == 200 {
				<-gate
			}
			return status, somebody
		}}
		c := fakeClient(t, s, Config{BreakerFailures: 1, BreakerCooldown: time.Second})
		require.Error(t, gets(t.Context(), c))
		require.NoError(t, ready(t.Context(), c))
		status = 200
		probe := make(chan error)
		go func() { probe <- gets(t.Context(), c) }()
		synctest.Wait()
		require.ErrorIs(t, gets(t.Context(), c), ErrBreakerOpen)
		close(gate)
		require.NoError(t, <-probe)
	})
}

func TestConcurrencyIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		s := &server{answer: func(r *http.Request) (int, string) {
			most.Store(max(most.Load(), now.Add(1)))
			_ = sleep(r.Context(), time.Second)
			now.Add(-1)
			return 200, somebody
		}}
		c := fakeClient(t, s, Config{Concurrency: 3})
		start := time.Now()
		done := make(chan error)
		for range 10 {
			go func() { done <- gets(t.Context(), c) }()
		}
		synctest.Wait()
		require.Equal(t, 3, c.State().InFlight)
		require.Equal(t, 7, c.State().Waiting)
		for range 10 {
			require.NoError(t, <-done)
		}
		require.EqualValues(t, 3, most.Load())
		require.Equal(t, 4*time.Second, time.Since(start))
	})
}

// A call that waits before its next attempt holds no slot.
func TestAPauseBetweenAttemptsHoldsNoSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		s := &server{answer: func(*http.Request) (int, string) {
			if first {
				first = false
				return 500, ""
			}
			return 200, somebody
		}}
		c := fakeClient(t, s, Config{Concurrency: 1, Retries: 1, BackoffInitial: time.Hour, BackoffMax: time.Hour})
		slow := make(chan error)
		go func() { slow <- gets(t.Context(), c) }()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, gets(t.Context(), c))
		require.Zero(t, time.Since(start))
		require.NoError(t, <-slow)
	})
}

func TestLiveCallsOvertakeBulkCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		s := &server{answer: func(r *http.Request) (int, string) {
			body, _ := io.ReadAll(r.Body)
			name, _, _ := strings.Cut(strings.SplitAfter(string(body), `"partner_name":"`)[1], `"`)
			order = append(order, name)
			_ = sleep(r.Context(), time.Second)
			return 200, `{"opr_code":"0"}`
		}}
		c := fakeClient(t, s, Config{Concurrency: 1})
		done := make(chan error)
		find := func(l Lane, name string) {
			go func() {
				_, err := c.Lane(l).Find(t.Context(), Query{Name: name})
				done <- err
			}()
			synctest.Wait()
		}
		find(Bulk, "sweep 1")
		find(Bulk, "sweep 2")
		find(Bulk, "sweep 3")
		find(Live, "live")
		for range 4 {
			require.NoError(t, <-done)
		}
		require.Equal(t, []string{"sweep 1", "live", "sweep 2", "sweep 3"}, order)
	})
}

func TestRateIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fakeClient(t, &server{answer: func(*http.Request) (int, string) { return 200, somebody }}, Config{RatePerSecond: 2})
		start := time.Now()
		for range 5 {
			require.NoError(t, gets(t.Context(), c))
		}
		require.Equal(t, 2*time.Second, time.Since(start))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		err := gets(ctx, c)
		require.True(t, IsTransient(err))
		require.False(t, Uncertain(err))
	})
}

func TestObserveIsToldOfEveryOutcome(t *testing.T) {
	answers := []string{somebody, `{"opr_code":"2","opr_desc":"No partner with such properties."}`, `{"opr_code":"6"}`, "<html>"}
	next := -1
	var seen []string
	c := fakeClient(t, &server{answer: func(*http.Request) (int, string) { next++; return 200, answers[next] }}, Config{
		BreakerFailures: 1,
		Observe:         func(endpoint, outcome string, _ time.Duration) { seen = append(seen, endpoint+" "+outcome) },
	})
	for range 5 {
		_ = gets(t.Context(), c)
	}
	require.Equal(t, []string{
		"get_partner ok", "get_partner not_found", "get_partner refused", "get_partner transient", "get_partner paused",
	}, seen)
}
