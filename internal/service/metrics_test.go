package service

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/event"
	"github.com/crmmind/mksync/syncer/status"
)

// everything is a status in which each part has something to tell.
func everything() status.Status {
	at, bytes := time.Unix(1, 0), int64(1)
	s := status.Status{
		Streams:  []status.StreamStatus{{Name: "CRM_CONTACTS"}},
		Mappings: map[store.Status]int{store.StatusSynced: 1},
		Oldest:   map[string]time.Duration{event.ConsumerPusher: time.Second},
	}
	s.Poller.LastPollAt = &at
	s.Check.LastCheckAt = &at
	s.Listener.LastHeartbeatAt = &at
	s.Listener.SafeBytes = &bytes
	return s
}

// exposed are the names of all metrics of our own, labels and all.
func exposed(t *testing.T) []string {
	t.Helper()
	m := newMetrics("1.2.3")
	m.watch(func(context.Context) status.Status { return everything() })
	families, err := m.registry.Gather()
	require.NoError(t, err)
	wrong, err := promlint.NewWithMetricFamilies(families).Lint() // as promtool check metrics
	require.NoError(t, err)
	require.Empty(t, wrong)

	var names []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "mksync_") {
			continue
		}
		require.NotEmpty(t, f.GetHelp(), f.GetName())
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		name := f.GetName()
		if len(labels) > 0 {
			name += "{" + strings.Join(labels, ",") + "}"
		}
		names = append(names, name)
	}
	return names
}

// TestThePageOfMetricsListsThemAll, and no other.
func TestThePageOfMetricsListsThemAll(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(mksync_[^`]*)` \\|").FindAllStringSubmatch(string(page), -1) {
		name, labels, with := strings.Cut(strings.TrimSuffix(row[1], "}"), "{")
		if with {
			sorted := strings.Split(labels, ",")
			slices.Sort(sorted)
			name += "{" + strings.Join(sorted, ",") + "}"
		}
		listed = append(listed, name)
	}
	slices.Sort(listed)
	all := exposed(t)
	slices.Sort(all)
	require.Equal(t, all, listed)
}
