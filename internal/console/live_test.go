package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/syncer/operations"
)

// event is one of a stream.
type event struct {
	name, id string
	state    struct {
		Mark    string
		Waiting int
	}
}

// follow reads the stream of a tab that knows the state last, until it is left.
func (b *browser) follow(last string) (events <-chan event, leave func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(waits.Context(b.t, time.Minute))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/console/events", http.NoBody)
	require.NoError(b.t, err)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := b.http.Do(r) //nolint:bodyclose // closed below
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusOK, resp.StatusCode)
	require.Equal(b.t, "text/event-stream", resp.Header.Get("Content-Type"))

	all := make(chan event, 100)
	go func() {
		defer close(all)
		defer func() { _ = resp.Body.Close() }()
		var e event
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				_ = json.Unmarshal([]byte(value), &e.state)
			case "":
				if e.name != "" {
					all <- e
				}
				e = event{}
			}
		}
	}()
	return all, cancel
}

// liveTabs: a tab is told how things stand and every change, and one that was cut goes on
// behind what it knows.
func liveTabs(t *testing.T, h *house) {
	t.Helper()
	b := h.as(t, operations.Viewer)
	events, leave := b.follow("")
	first := <-events
	require.Equal(t, "state", first.name)
	require.Equal(t, first.id, first.state.Mark)
	waiting := first.state.Waiting
	require.Positive(t, waiting)

	h.conflict("tina")
	e := <-events
	for e.state.Waiting == waiting { // what it took to make one
		e = <-events
	}
	require.Equal(t, waiting+1, e.state.Waiting)
	leave()

	again, leave := b.follow(first.id)
	defer leave()
	e = <-again
	require.Equal(t, waiting+1, e.state.Waiting, "what it missed")
	silent, leaveSilent := b.follow(e.id)
	defer leaveSilent()
	h.conflict("urban")
	for e.state.Waiting != waiting+2 {
		e = <-silent
	}
	require.NotEqual(t, first.id, e.id, "it is told nothing that it knows")
}
