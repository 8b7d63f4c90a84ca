package service

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/syncer/status"
)

// metrics is the process's registry and what the parts report to it.
type metrics struct {
	registry *prometheus.Registry
	*counters
}

func newMetrics(version string) *metrics {
	reg := telemetry.NewRegistry(version)
	return &metrics{registry: reg, counters: newCounters(reg)}
}

// scrapeTimeout bounds how long a scrape waits for the figures.
const scrapeTimeout = 5 * time.Second

// watch serves the status as gauges, read when they are scraped.
func (m *metrics) watch(status func(context.Context) status.Status) {
	telemetry.OnScrape(m.registry, func() []telemetry.Sample {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
		defer cancel()
		return samples(status(ctx))
	})
}

func samples(s status.Status) []telemetry.Sample { //nolint:funlen // a list
	all := []telemetry.Sample{
		{Name: "mksync_ready", Help: "1 while this process's roles do their work.", Value: oneIf(len(s.NotReady) == 0)},
		{Name: "mksync_problems", Help: "Problems that mksync status names.", Value: float64(len(s.Problems))},
		{Name: "mksync_listener_streaming", Help: "1 while the slot is read.", Value: oneIf(s.Listener.State == "streaming")},
		{Name: "mksync_listener_lag_bytes", Help: "Log written since the slot's confirmed LSN.", Value: float64(s.Listener.LagBytes)},
		{Name: "mksync_slot_retained_bytes", Help: "Log that Postgres keeps for the slot.", Value: float64(s.Listener.RetainedBytes)},
		{Name: "mksync_sending_paused", Help: "1 while MetaKocka is away or refuses everything.", Value: oneIf(s.Pusher.Paused)},
		{Name: "mksync_conflicts", Help: "Conflicts that wait for a person.", Value: float64(s.Conflicts)},
		{Name: "mksync_dead_letters", Help: "Events that could not be applied.", Value: float64(s.DeadLetters)},
		{Name: "mksync_held_deletions", Help: "Deletions that wait for approval.", Value: float64(s.HeldDeletions)},
		{Name: "mksync_differing", Help: "Links whose sides knowingly differ, and what the last full check found besides.", Value: float64(s.Differing)},
		{Name: "mksync_failing", Help: "Contacts and partners that this process fails at again and again.", Value: float64(s.Failing)},
		{Name: "mksync_poll_partners", Help: "Partners that the last complete poll saw.", Value: float64(s.Poller.Partners)},
		{Name: "mksync_poll_duration_seconds", Help: "How long the last poll took.", Value: s.Poller.LastDurationSeconds},
		{Name: "mksync_poll_failed", Help: "1 when the last poll did not succeed.", Value: oneIf(s.Poller.Error != "")},
	}

	// What never happened has no time: such a sample is left out, not zero.
	if at := s.Poller.LastPollAt; at != nil {
		all = append(all, telemetry.Sample{Name: "mksync_poll_last_success_timestamp_seconds", Help: "When the last complete poll ended.", Value: float64(at.Unix())})
	}
	if at := s.Listener.LastHeartbeatAt; at != nil {
		all = append(all, telemetry.Sample{Name: "mksync_listener_heartbeat_timestamp_seconds", Help: "When the newest heartbeat that came from the slot into the stream was sent.", Value: float64(at.Unix())})
	}
	if safe := s.Listener.SafeBytes; safe != nil {
		all = append(all, telemetry.Sample{Name: "mksync_slot_safe_bytes", Help: "Log that may be written before Postgres gives the slot up.", Value: float64(*safe)})
	}
	if at := s.Check.LastCheckAt; at != nil {
		all = append(all,
			telemetry.Sample{Name: "mksync_check_last_success_timestamp_seconds", Help: "When the last full check began.", Value: float64(at.Unix())},
			telemetry.Sample{Name: "mksync_check_duration_seconds", Help: "How long the last full check took.", Value: s.Check.LastDurationSeconds},
			telemetry.Sample{Name: "mksync_check_differing", Help: "What the last full check found and did not repair.", Value: float64(s.Check.Differing)})
	}

	for _, w := range []struct {
		name string
		work status.WorkStatus
	}{{"pusher", s.Pusher}, {"puller", s.Puller}} {
		labels := prometheus.Labels{"worker": w.name}
		all = append(all,
			telemetry.Sample{Name: "mksync_pending", Help: "Events that wait.", Labels: labels, Value: float64(w.work.Pending)},
			telemetry.Sample{Name: "mksync_in_flight", Help: "Events that are worked on or wait for another try.", Labels: labels, Value: float64(w.work.InFlight)})
	}

	for consumer, oldest := range s.Oldest {
		all = append(all, telemetry.Sample{
			Name: "mksync_queue_age_seconds", Help: "How long the oldest event waits that is not worked off; 0: none waits.",
			Labels: prometheus.Labels{"consumer": consumer}, Value: oldest.Seconds(),
		})
	}

	for _, st := range s.Streams {
		all = append(all, telemetry.Sample{
			Name: "mksync_stream_messages", Help: "Messages a stream holds.",
			Labels: prometheus.Labels{"stream": st.Name}, Value: float64(st.Messages),
		})
	}

	for status, n := range s.Mappings {
		all = append(all, telemetry.Sample{
			Name: "mksync_mappings", Help: "Mappings by status.",
			Labels: prometheus.Labels{"status": string(status)}, Value: float64(n),
		})
	}
	return all
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
