package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// askAll asks all services one of the requests of micro, and waits for n answers.
func askAll[T any](t *testing.T, nc *nats.Conn, verb string, n int) (all []T) {
	t.Helper()
	testenv.Eventually(t, 10*time.Second, func() error {
		all = nil
		inbox := nc.NewInbox()
		sub, err := nc.SubscribeSync(inbox)
		require.NoError(t, err)
		defer func() { _ = sub.Unsubscribe() }()
		require.NoError(t, nc.PublishRequest("$SRV."+verb+".mksync", inbox, nil))
		for range n {
			m, err := sub.NextMsg(waits.Stretch(time.Second))
			if err != nil {
				return err
			}
			if len(m.Data) == 0 {
				return errors.New("nobody answers")
			}
			var one T
			require.NoError(t, json.Unmarshal(m.Data, &one))
			all = append(all, one)
		}
		return nil
	})
	return all
}

// ready waits until n services answer every operation.
func ready(t *testing.T, nc *nats.Conn, n int) {
	t.Helper()
	testenv.Eventually(t, 10*time.Second, func() error {
		for _, info := range askAll[micro.Info](t, nc, "INFO", n) {
			if len(info.Endpoints) < len(operations.Endpoints()) {
				return errors.New("an endpoint is missing")
			}
		}
		return nil
	})
}

// TestTheServiceShowsItself: what `nats micro ls`, `info` and `stats` ask for.
func TestTheServiceShowsItself(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	b.serve(func(_ context.Context, name string, _ []byte) ([]byte, error) {
		if name == "contacts.sync" {
			return nil, &syncer.RequestError{Code: syncer.CodeNotFound, Message: "there is no contact"}
		}
		return []byte("{}"), nil
	})
	nc := b.dial()
	ready(t, nc, 1)
	ping := askAll[micro.Ping](t, nc, "PING", 1)[0]
	require.Equal(t, []string{"mksync", "1.2.3"}, []string{ping.Name, ping.Version})

	info := askAll[micro.Info](t, nc, "INFO", 1)[0]
	described := map[string]micro.EndpointInfo{}
	for _, e := range info.Endpoints {
		described[e.Subject] = e
	}
	require.Len(t, described, len(operations.Endpoints()))
	for _, e := range operations.Endpoints() {
		one := described["mksync."+e.Subject()]
		require.Equal(t, strings.ReplaceAll(e.Subject(), ".", "-"), one.Name)
		require.NotEmpty(t, one.Metadata["description"], "say in syncer/about.go what %s does", e.Subject())
		require.Equal(t, e.Timeout().String(), one.Metadata["timeout"])
		for _, key := range []string{"request_schema", "data_schema"} {
			var schema map[string]any
			require.NoError(t, json.Unmarshal([]byte(one.Metadata[key]), &schema))
			require.Equal(t, "object", schema["type"], one.Metadata[key])
		}
	}
	require.JSONEq(t, `{"type":"object","additionalProperties":false,"required":["contactId"],
		"properties":{"contactId":{"type":"string"},"new":{"type":"boolean"},"by":{"type":"string"}}}`, described["mksync.contacts.sync"].Metadata["request_schema"])
	require.Contains(t, described["mksync.mappings.list"].Metadata["data_schema"], `"$defs":{"Mapping":`)

	for range 3 {
		b.ask(nc, &nats.Msg{Subject: "mksync.contacts.sync", Data: []byte("{}")})
	}
	b.status(nc)
	testenv.Eventually(t, 10*time.Second, func() error {
		for _, e := range askAll[micro.Stats](t, nc, "STATS", 1)[0].Endpoints {
			want := `{"answered":0,"refused":0,"running":0}`
			switch e.Subject {
			case "mksync.contacts.sync":
				want = `{"answered":0,"refused":3,"running":0}`
			case "mksync.status":
				want = `{"answered":1,"refused":0,"running":0}`
			}
			if string(e.Data) != want {
				return fmt.Errorf("%s: %s", e.Name, e.Data)
			}
		}
		return nil
	})
}

func TestSeveralShareTheLoad(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	var counts [3]atomic.Int32
	var stops []func()
	for i := range counts {
		_, stop := b.serve(func(context.Context, string, []byte) ([]byte, error) { counts[i].Add(1); return []byte("{}"), nil })
		stops = append(stops, stop)
	}
	nc := b.dial()
	ready(t, nc, len(counts))
	const n = 300
	for range n {
		b.status(nc)
	}
	sum := 0
	for i := range counts {
		require.Positive(t, counts[i].Load())
		sum += int(counts[i].Load())
	}
	require.Equal(t, n, sum, "each is answered once")
	stops[0]()
	for range 20 { // the others go on
		b.status(nc)
	}
}

func TestErrorsHaveTheMicroHeaders(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	var fail atomic.Value
	b.serve(func(context.Context, string, []byte) ([]byte, error) {
		err, _ := fail.Load().(error)
		return nil, err
	})
	nc := b.dial()
	ready(t, nc, 1)
	for _, c := range []struct {
		err     *syncer.RequestError
		status  string
		message string
	}{
		{&syncer.RequestError{Code: syncer.CodeMalformed, Message: "a\nb"}, "400", "a b"},
		{&syncer.RequestError{Code: syncer.CodeRefused, Message: strings.Repeat("ž", 400)}, "422", strings.Repeat("ž", 256) + "…"},
		{&syncer.RequestError{Code: syncer.CodeUnreachable}, "502", "error"},
	} {
		fail.Store(error(c.err))
		m := b.status(nc)
		require.Equal(t, []string{c.status, c.message}, []string{m.Header.Get(micro.ErrorCodeHeader), m.Header.Get(micro.ErrorHeader)})
		_, err := NewClient(nc, bus.Names{}).Answer(t.Context(), "status", nil)
		require.Equal(t, c.err, err)
	}
}

func TestAPanicIsAnswered(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	b.serve(func(context.Context, string, []byte) ([]byte, error) { panic("a mistake") })
	nc := b.dial()
	ready(t, nc, 1)
	for range atOnce + 1 { // and no place is lost
		m := b.status(nc)
		require.Equal(t, "500", m.Header.Get(micro.ErrorCodeHeader))
		require.NotContains(t, string(m.Data), "mistake")
	}
}

func TestTheHeaderSaysWhoAsks(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	b.serve(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		who, _ := operations.CallerOf(ctx)
		return json.Marshal(who.Name)
	})
	nc := b.dial()
	ready(t, nc, 1)
	for by, want := range map[string]string{
		"":              `{"success":true,"data":""}`,
		"nightly@crm":   `{"success":true,"data":"nightly@crm"}`,
		"two words":     `{"success":false,"error":{"code":"malformed","message":"Mksync-By: is not a name: letters, digits, _ . @ and - only, at most 64","reason":{"code":"refusal.request.by","params":{"which":"Mksync-By"}}}}`,
		"<script>":      "Mksync-By: is not a name",
		"Živa":          "Mksync-By: is not a name",
		"a" + dots(100): "Mksync-By: is not a name",
	} {
		m := nats.NewMsg("mksync.status")
		m.Header.Set("Mksync-By", by)
		require.Contains(t, string(b.ask(nc, m).Data), want, by)
	}
}

func dots(n int) string { return strings.Repeat(".", n) }

// TestWhatIsTooLateIsNotDone: a request whose asker has given up is not begun, and
// one that is under way then is stopped.
func TestWhatIsTooLateIsNotDone(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	begun := make(chan string, 100)
	b.serve(func(ctx context.Context, name string, _ []byte) ([]byte, error) {
		begun <- name
		if name == "contacts.sync" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return []byte("{}"), nil
	})
	nc := b.dial()
	ready(t, nc, 1)
	request := func(name, deadline string) *nats.Msg {
		m := nats.NewMsg("mksync." + name)
		m.Header.Set("Mksync-Deadline", deadline)
		return b.ask(nc, m)
	}
	soon := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	require.Equal(t, "504", request("status", soon(-time.Second)).Header.Get(micro.ErrorCodeHeader))
	require.Equal(t, "400", request("status", "tomorrow").Header.Get(micro.ErrorCodeHeader))
	require.Empty(t, begun)
	require.Empty(t, request("status", soon(time.Minute)).Header.Get(micro.ErrorCodeHeader))
	require.Equal(t, "504", request("contacts.sync", soon(200*time.Millisecond)).Header.Get(micro.ErrorCodeHeader))

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := NewClient(nc, bus.Names{}).Answer(ctx, "contacts.sync", nil)
	var refused *syncer.RequestError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, syncer.CodeTimeout, refused.Code)
}

// TestAWatcherThatIsGoneStopsTheRequest: who asked has hung up.
func TestAWatcherThatIsGoneStopsTheRequest(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	told := make(chan error, 1)
	b.serve(func(ctx context.Context, _ string, _ []byte) ([]byte, error) {
		told <- operations.WatchOf(ctx)(ctx, operations.Progress{Done: 1})
		return []byte("{}"), nil
	})
	nc := b.dial()
	ready(t, nc, 1)
	m := nats.NewMsg("mksync.contacts.bulk-sync")
	m.Header.Set("Mksync-Watch", nc.NewInbox()) // to which nobody listens
	b.ask(nc, m)
	require.ErrorIs(t, <-told, errNobodyWatches)

	seen := 0
	ctx := operations.WithWatch(t.Context(), func(_ context.Context, p operations.Progress) error { seen += p.Done; return nil })
	_, err := NewClient(nc, bus.Names{}).Answer(ctx, "contacts.bulk-sync", nil)
	require.NoError(t, err)
	require.NoError(t, <-told)
	require.Equal(t, 1, seen)
	ctx = operations.WithWatch(t.Context(), func(context.Context, operations.Progress) error { return errors.New("enough") })
	_, err = NewClient(nc, bus.Names{}).Answer(ctx, "contacts.bulk-sync", nil)
	require.NoError(t, err)
	require.ErrorIs(t, <-told, errStopped)
}

func TestAnAnswerThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	nc := b.dial()
	b.serve(func(context.Context, string, []byte) ([]byte, error) {
		return json.Marshal(dots(int(nc.MaxPayload())))
	})
	ready(t, nc, 1)
	m := b.status(nc)
	require.Equal(t, "413", m.Header.Get(micro.ErrorCodeHeader))
}

func TestStoppingLetsRequestsFinish(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	_, stop := b.serve(func(context.Context, string, []byte) ([]byte, error) {
		close(begun)
		<-finish
		return []byte("{}"), nil
	})
	nc := b.dial()
	ready(t, nc, 1)
	answered := make(chan error, 1)
	go func() {
		_, err := nc.RequestMsgWithContext(b.patience, nats.NewMsg("mksync.status"))
		answered <- err
	}()
	<-begun
	var done sync.WaitGroup
	done.Go(stop)
	close(finish)
	require.NoError(t, <-answered)
	done.Wait()
	_, err := NewClient(nc, bus.Names{}).Answer(t.Context(), "status", nil)
	require.ErrorIs(t, err, ErrNoService)
}

func TestProgressIsToldToWhoFollows(t *testing.T) {
	t.Parallel()
	b := newBroker(t)
	one, other := b.dial(), b.dial()
	news := make(chan struct{}, 10)
	stop, err := Follow(other, bus.Names{}, "j1", func() { news <- struct{}{} })
	require.NoError(t, err)
	all, err := other.SubscribeSync("mksync.progress.*")
	require.NoError(t, err)
	require.NoError(t, other.Flush())
	tell := Tell(one, bus.Names{}, nil)
	tell(operations.Job{ID: "j2", Status: store.JobQueued})
	tell(operations.Job{ID: "j1", Status: store.JobRunning, Done: 3})
	<-news
	for _, id := range []string{"j2", "j1"} {
		m, err := all.NextMsgWithContext(b.patience)
		require.NoError(t, err)
		require.Equal(t, bus.JobSubject(id), m.Subject)
	}
	require.Empty(t, news)
	stop()
	other.Close()
	_, err = Follow(other, bus.Names{}, "j1", func() {})
	require.Error(t, err)
}
