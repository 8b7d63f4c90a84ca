package service_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// spans are those of one trace, which end one after the other.
type spans []sdktrace.ReadOnlySpan

// named is the first span of a name; nil: there is none.
func (s spans) named(name string) sdktrace.ReadOnlySpan {
	for _, span := range s {
		if span.Name() == name {
			return span
		}
	}
	return nil
}

// within are the spans of the trace that a span is in.
func within(recorder *tracetest.SpanRecorder, id trace.TraceID) (of spans) {
	for _, span := range recorder.Ended() {
		if span.SpanContext().TraceID() == id {
			of = append(of, span)
		}
	}
	return of
}

// attributes of a span, by key, as texts.
func attributes(span sdktrace.ReadOnlySpan) map[string]string {
	all := map[string]string{}
	for _, a := range span.Attributes() {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

// TestAChangeIsOneTrace: from its commit to the write on the other side, both ways; what
// comes again is a trace of its own, and no span tells what a contact holds.
func TestAChangeIsOneTrace(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	w := world.NewAudited(t, sim.Options{})
	w.Tracing = telemetry.TracingTo(sdktrace.WithSpanProcessor(recorder))
	w.Config.APIToken = config.Secret("crm:" + world.CRMToken)
	s := w.Up()

	// traceOf is the trace of what was done to a side of a contact, once it is whole.
	traceOf := func(id, side, act, needed string) spans {
		t.Helper()
		var text string
		w.Eventually(func() error {
			text = w.One("SELECT coalesce((SELECT trace_id FROM mksync_history WHERE contact_id = $1 AND side = $2 AND act = $3), '')", id, side, act)
			if text == "" {
				return fmt.Errorf("the history has no %s of %s in a trace", act, side)
			}
			return nil
		})
		traceID, err := trace.TraceIDFromHex(text)
		require.NoError(t, err)
		w.Eventually(func() error {
			if within(recorder, traceID).named(needed) == nil {
				return fmt.Errorf("the trace has no span %s", needed)
			}
			return nil
		})
		return within(recorder, traceID)
	}
	follows := func(of spans, names ...string) {
		t.Helper()
		for i, name := range names[1:] {
			before, span := of.named(names[i]), of.named(name)
			require.NotNil(t, before, names[i])
			require.NotNil(t, span, name)
			require.Equal(t, before.SpanContext().SpanID(), span.Parent().SpanID(), "%s follows %s", name, names[i])
		}
	}

	// From the CRM to MetaKocka.
	id := w.Insert("Ana Zajc", "ana.zajc@primer.si")
	w.Status(id, "synced")
	there := traceOf(id, "metakocka", "create", "pusher")
	follows(there, "crm.contacts.insert", "pusher", "reconcile", "add_partner")
	require.NotNil(t, there.named("batch"), "the contact's link is stored in the trace")
	var committed time.Time
	require.NoError(t, w.DB.QueryRow(t.Context(), "SELECT created_at FROM contacts WHERE id = $1", id).Scan(&committed))
	require.WithinDuration(t, committed, there.named("crm.contacts.insert").StartTime(), waits.Stretch(2*time.Second))
	require.False(t, there.named("crm.contacts.insert").Parent().IsValid())
	require.Equal(t, id, attributes(there.named("pusher"))["mksync.contact"])
	require.Equal(t, "event", w.One("SELECT cause FROM mksync_history WHERE contact_id = $1 AND event_id = $2",
		id, attributes(there.named("pusher"))["mksync.event_id"]))

	// From MetaKocka to the CRM.
	w.Polls(1)
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 333 444" })
	w.Agree(id, "041 333 444")
	back := traceOf(id, "crm", "write", "puller")
	follows(back, "metakocka.partners.changed", "puller", "reconcile")
	require.NotNil(t, back.named("batch"))
	w.Drained(s) // else the event of that write would be worked off with the next one

	// What comes again is linked with the trace that it first came in.
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Endpoints: []string{"update_partner"}, Rate5xx: 1})) // a poll that fails would pause before
	w.Exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", id)
	w.Eventually(func() error {
		putOff := slices.ContainsFunc(recorder.Ended(), func(span sdktrace.ReadOnlySpan) bool {
			return span.Name() == "pusher" && span.Status().Description == "put_off"
		})
		if !putOff {
			return errors.New("the change was not put off yet")
		}
		return nil
	})
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Agree(id, "040 111 222")
	again := traceOf(id, "metakocka", "write", "pusher")
	require.Nil(t, again.named("crm.contacts.update"), "it is no part of the first trace")
	require.Len(t, again.named("pusher").Links(), 1)
	first := within(recorder, again.named("pusher").Links()[0].SpanContext.TraceID())
	require.NotNil(t, first.named("crm.contacts.update"))
	require.Equal(t, "put_off", first.named("pusher").Status().Description)

	// Whoever asks over HTTP may bring a trace along.
	api := world.Client{T: t, Base: "http://" + s.HTTPAddr(), Token: world.CRMToken}
	asked := "4bf92f3577b34da6a3ce929d0e0e4736"
	reply := api.Do(http.MethodPost, "/api/metakocka/contacts/sync", fmt.Sprintf(`{"contactId":%q}`, id),
		telemetry.TraceParent, "00-"+asked+"-00f067aa0ba902b7-01")
	require.Equal(t, http.StatusOK, reply.Status, reply.Body)
	askedID, err := trace.TraceIDFromHex(asked)
	require.NoError(t, err)
	const route = "/api/metakocka/contacts/sync"
	w.Eventually(func() error {
		if within(recorder, askedID).named("POST "+route) == nil {
			return fmt.Errorf("the request has no span")
		}
		return nil
	})
	follows(within(recorder, askedID), "POST "+route, "reconcile")

	// As may whoever asks over NATS, down to the call of MetaKocka.
	asking, mine := w.Tracing.Asks(t.Context(), "mine", "")
	_, err = operations.OpSync.Ask(asking, control.NewClient(s.Conn, bus.Names{}), operations.SyncRequest{ContactID: id})
	require.NoError(t, err)
	mine.End()
	follows(within(recorder, mine.SpanContext().TraceID()), "mine", "mksync.contacts.sync", "reconcile", "get_partner")
	_, err = operations.OpSync.Ask(asking, control.NewClient(s.Conn, bus.Names{}), operations.SyncRequest{})
	require.Error(t, err)
	require.True(t, slices.ContainsFunc(within(recorder, mine.SpanContext().TraceID()), func(span sdktrace.ReadOnlySpan) bool {
		return span.Name() == "mksync.contacts.sync" && span.Status().Description == "malformed"
	}))

	for _, span := range recorder.Ended() {
		told := fmt.Sprint(span.Name(), attributes(span), span.Status(), span.Events())
		require.NotRegexp(t, `(?i)zajc|primer\.si|040 ?111|041 ?333`, told)
	}
}
