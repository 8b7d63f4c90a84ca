package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/status"
)

// counters count what this process does, where the parts tell of it. Their labels take few
// values, all of them known before: never an id.
type counters struct {
	published   map[cdc.Op]prometheus.Counter
	seen        *prometheus.CounterVec   // by kind
	handled     *prometheus.CounterVec   // by consumer and outcome
	retries     *prometheus.CounterVec   // by consumer
	writes      *prometheus.CounterVec   // by side and result
	creations   *prometheus.CounterVec   // by side
	conflicts   *prometheus.CounterVec   // by rule and outcome
	holds       prometheus.Counter       //
	toMetaKocka prometheus.Histogram     //
	toCRM       *prometheus.HistogramVec // by from
	calls       *prometheus.HistogramVec // by end point and outcome
	lockWait    *prometheus.HistogramVec // by end point
	repeats     *prometheus.CounterVec   // by end point

	recent status.Recent
}

// What became of a write.
const (
	writeDone      = "done"
	writeRefused   = "refused"   // in words about the record
	writeFailed    = "failed"    // MetaKocka gave no answer
	writeOvertaken = "overtaken" // the contact was changed meanwhile, and is read again
)

// What a conflict came to, where no side won.
const conflictWaits = "waits"

// From when the ERP's changes are timed.
const (
	fromPollBefore = "poll_before"
	fromPoll       = "poll"
)

var endpoints = []string{metakocka.EndpointGet, metakocka.EndpointAdd, metakocka.EndpointUpdate}

func newCounters(reg prometheus.Registerer) *counters {
	with := promauto.With(reg)
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		return with.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	timed := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return with.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}

	// A call can take tens of seconds; a change waits as long as MetaKocka is away.
	callSeconds := []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
	delaySeconds := []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 86400}

	c := &counters{
		published:   map[cdc.Op]prometheus.Counter{},
		seen:        count("mksync_partner_events_total", "Changes of partners that a poll of this process found and published, by kind.", "kind"),
		handled:     count("mksync_events_handled_total", "Events that this process worked off, by consumer and outcome.", "consumer", "outcome"),
		retries:     count("mksync_retries_total", "Events that this process put off, to be tried again, by consumer.", "consumer"),
		writes:      count("mksync_writes_total", "Writes by this process, by the side that was written and what became of them.", "side", "result"),
		creations:   count("mksync_creations_total", "Contacts and partners that this process made, by side.", "side"),
		conflicts:   count("mksync_conflicts_found_total", "Fields that both sides had changed, by the rule and by who won.", "rule", "outcome"),
		holds:       count("mksync_holds_total", "Matches and deletions that this process left to a person.").WithLabelValues(),
		toMetaKocka: timed("mksync_commit_to_metakocka_seconds", "From the commit of a contact's newest change until MetaKocka had it.", delaySeconds).WithLabelValues().(prometheus.Histogram),
		toCRM: timed("mksync_metakocka_to_crm_seconds", "Until the contact had a change made in MetaKocka: "+
			"from the beginning of the poll before the one that saw it, which is the longest it can have been, or of the one that did.", delaySeconds, "from"),
		calls:    timed("mksync_metakocka_call_duration_seconds", "How long calls to MetaKocka take, by end point and outcome.", callSeconds, "endpoint", "outcome"),
		lockWait: timed("mksync_metakocka_lock_wait_seconds", "How long calls waited in MetaKocka for the company's lock, where its answers say so, by end point.", callSeconds, "endpoint"),
		repeats:  count("mksync_metakocka_call_retries_total", "Calls to MetaKocka that were repeated at once after they had failed, by end point.", "endpoint"),
	}

	c.begin(count("mksync_events_total", "Changes of contacts that this process read from the database's log and published, by operation.", "operation"))
	return c
}

// begin makes the counters begin at 0: the first of something is an increase, too.
func (c *counters) begin(published *prometheus.CounterVec) {
	for _, op := range []cdc.Op{cdc.OpSnapshot, cdc.OpInsert, cdc.OpUpdate, cdc.OpDelete, cdc.OpTruncate} {
		c.published[op] = published.WithLabelValues(op.String())
	}
	for _, kind := range []string{event.PartnerCreated, event.PartnerChanged, event.PartnerMissing} {
		c.seen.WithLabelValues(kind)
	}
	for _, consumer := range []string{event.ConsumerPusher, event.ConsumerPusherBulk, event.ConsumerPuller} {
		c.handled.WithLabelValues(consumer, string(bus.Done))
		c.handled.WithLabelValues(consumer, string(bus.PutAside))
		c.retries.WithLabelValues(consumer)
	}

	for _, result := range []string{writeDone, writeRefused, writeFailed} {
		c.writes.WithLabelValues(string(mapping.SideMetaKocka), result)
	}
	for _, result := range []string{writeDone, writeRefused, writeOvertaken} {
		c.writes.WithLabelValues(string(mapping.SideCRM), result)
	}
	for _, side := range []mapping.Side{mapping.SideCRM, mapping.SideMetaKocka} {
		c.creations.WithLabelValues(string(side))
	}
	for _, outcome := range []string{string(mapping.SideCRM), string(mapping.SideMetaKocka), conflictWaits} {
		c.conflicts.WithLabelValues(string(mapping.RuleNewest), outcome)
	}

	c.toCRM.WithLabelValues(fromPollBefore)
	c.toCRM.WithLabelValues(fromPoll)
	for _, endpoint := range endpoints {
		c.calls.WithLabelValues(endpoint, "ok")
		c.lockWait.WithLabelValues(endpoint)
		c.repeats.WithLabelValues(endpoint)
	}
}

// work counts what became of a consumer's messages.
func (c *counters) work(consumer string, outcome bus.Outcome, messages int) {
	if outcome == bus.PutOff {
		c.retries.WithLabelValues(consumer).Add(float64(messages))
		return
	}
	c.handled.WithLabelValues(consumer, string(outcome)).Add(float64(messages))
}

// called counts a call of MetaKocka. A write that it did not take stands in no history.
func (c *counters) called(endpoint, outcome string, d time.Duration) {
	c.calls.WithLabelValues(endpoint, outcome).Observe(d.Seconds())
	if outcome == "paused" { // nothing was sent
		return
	}
	c.recent.Note(time.Now(), func(m *status.Minute) { m.Calls.Add(d) })
	if endpoint == metakocka.EndpointGet {
		return
	}
	switch outcome {
	case "refused":
		c.writes.WithLabelValues(string(mapping.SideMetaKocka), writeRefused).Inc()
	case "transient", "canceled":
		c.writes.WithLabelValues(string(mapping.SideMetaKocka), writeFailed).Inc()
	}
}

// waited times a call's wait for the company's lock.
func (c *counters) waited(endpoint string, d time.Duration) {
	c.lockWait.WithLabelValues(endpoint).Observe(d.Seconds())
	c.recent.Note(time.Now(), func(m *status.Minute) { m.LockWait.Add(d) })
}

func (c *counters) repeated(endpoint string) { c.repeats.WithLabelValues(endpoint).Inc() }

func (c *counters) partnerEvent(kind string) { c.seen.WithLabelValues(kind).Inc() }

// stored counts what the history tells of a contact, or why it does not.
func (c *counters) stored(s syncer.Stored) {
	var refused *store.ContactRefusedError
	switch {
	case errors.As(s.Err, &refused):
		c.writes.WithLabelValues(string(mapping.SideCRM), writeRefused).Inc()
	case errors.Is(s.Err, store.ErrContactChanged):
		c.writes.WithLabelValues(string(mapping.SideCRM), writeOvertaken).Inc()
	case s.Err == nil:
		for _, e := range s.History {
			c.entry(e)
		}
		c.delays(s)
	}
}

// entry counts one entry of the history.
func (c *counters) entry(e store.Entry) {
	if e.Side != "" {
		c.writes.WithLabelValues(string(e.Side), writeDone).Inc()
		c.recent.Note(time.Now(), func(m *status.Minute) {
			if e.Side == mapping.SideCRM {
				m.ToCRM++
			} else {
				m.ToMetaKocka++
			}
		})
	}

	switch e.Act {
	case store.ActCreate:
		c.creations.WithLabelValues(string(e.Side)).Inc()
	case store.ActHold:
		c.holds.Inc()
	default:
	}

	for _, f := range e.Fields {
		switch f.Reason {
		case store.FieldConflict, store.FieldUndecided:
			c.conflicts.WithLabelValues(string(f.Rule), string(f.Winner)).Inc()
		case store.FieldParked:
			c.conflicts.WithLabelValues(string(f.Rule), conflictWaits).Inc()
		default:
		}
	}
}

// delays times a change on its way to the other side, once for a contact.
func (c *counters) delays(s syncer.Stored) {
	wrote := func(side mapping.Side) bool {
		return slices.ContainsFunc(s.History, func(e store.Entry) bool { return e.Side == side })
	}
	if !s.CommittedAt.IsZero() && wrote(mapping.SideMetaKocka) {
		took := max(s.At.Sub(s.CommittedAt), 0)
		c.toMetaKocka.Observe(took.Seconds())
		c.recent.Note(time.Now(), func(m *status.Minute) { m.CommitToMetaKocka.Add(took) })
	}
	if !s.SeenAt.IsZero() && wrote(mapping.SideCRM) {
		took := max(s.At.Sub(s.SeenAt), 0)
		c.toCRM.WithLabelValues(fromPoll).Observe(took.Seconds())
		c.recent.Note(time.Now(), func(m *status.Minute) { m.MetaKockaToCRM.Add(took) })
		if !s.SeenAfter.IsZero() {
			c.toCRM.WithLabelValues(fromPollBefore).Observe(max(s.At.Sub(s.SeenAfter), 0).Seconds())
		}
	}
}

// countedRelay counts the events that are published.
type countedRelay struct {
	*event.Relay
	published map[cdc.Op]prometheus.Counter
}

// Publish implements cdc.Sink.
func (r countedRelay) Publish(ctx context.Context, ev *cdc.Event) error {
	err := r.Relay.Publish(ctx, ev)
	if counter := r.published[ev.Op]; err == nil && counter != nil {
		counter.Inc()
	}
	return err
}
