package service_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/status"
)

// counted are the metrics of a process, by name with labels.
func counted(t *testing.T, s *service.Service) map[string]float64 {
	t.Helper()
	_, text := world.Get(t, s, "/metrics")
	all := map[string]float64{}
	for _, line := range regexp.MustCompile(`(?m)^(mksync_\S+) (\S+)$`).FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(line[2], 64)
		require.NoError(t, err)
		all[line[1]] = value
	}
	return all
}

// TestWhatIsDoneIsCounted: events, writes both ways, what was refused, tried again and
// left to a person, how long it all took.
func TestWhatIsDoneIsCounted(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{ShowTimes: true})
	s := w.Up()
	counts := func(name string, least float64) {
		t.Helper()
		w.Eventually(func() error {
			if got := counted(t, s)[name]; got < least {
				return fmt.Errorf("%s is %v", name, got)
			}
			return nil
		})
	}

	// One contact goes over, is edited on either side, and is deleted; another cannot.
	id := w.Insert("Ana Zajc", "ana@primer.si")
	w.Status(id, "synced")
	w.Exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", id)
	w.Agree(id, "040 111 222")
	w.Polls(1) // it has seen the partner: the next one sees a change, and this one says from when on it was made
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 333 444" })
	w.Agree(id, "041 333 444")
	w.Status(w.Insert(" ", ""), "error")
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Status(id, "deleted")

	for name, least := range map[string]float64{
		`mksync_events_total{operation="insert"}`:                             2,
		`mksync_events_total{operation="delete"}`:                             1,
		`mksync_partner_events_total{kind="changed"}`:                         1,
		`mksync_events_handled_total{consumer="pusher",outcome="done"}`:       3,
		`mksync_events_handled_total{consumer="pusher",outcome="put_aside"}`:  1,
		`mksync_events_handled_total{consumer="puller",outcome="done"}`:       1,
		`mksync_writes_total{result="done",side="metakocka"}`:                 2,
		`mksync_writes_total{result="done",side="crm"}`:                       1,
		`mksync_creations_total{side="metakocka"}`:                            1,
		`mksync_commit_to_metakocka_seconds_count`:                            2,
		`mksync_metakocka_to_crm_seconds_count{from="poll"}`:                  1,
		`mksync_metakocka_to_crm_seconds_count{from="poll_before"}`:           1,
		`mksync_metakocka_lock_wait_seconds_count{endpoint="update_partner"}`: 1,
	} {
		counts(name, least)
	}
	require.InDelta(t, 1, counted(t, s)[`mksync_creations_total{side="metakocka"}`], 0, "it is made once")
	require.Zero(t, counted(t, s)[`mksync_creations_total{side="crm"}`])

	// Whoever shows it gets the last minutes without asking Prometheus.
	var sum status.Minute
	minutes := s.Monitor().Status(t.Context()).Recent
	for _, m := range minutes {
		sum.ToMetaKocka += m.ToMetaKocka
		sum.ToCRM += m.ToCRM
		sum.Calls.Count += m.Calls.Count
		sum.LockWait.Count += m.LockWait.Count
		sum.CommitToMetaKocka.Count += m.CommitToMetaKocka.Count
		sum.MetaKockaToCRM.Count += m.MetaKockaToCRM.Count
	}
	require.Len(t, minutes, 60)
	require.GreaterOrEqual(t, sum.ToMetaKocka, 2)
	require.Equal(t, 1, sum.ToCRM)
	require.GreaterOrEqual(t, sum.CommitToMetaKocka.Count, 2)
	require.Equal(t, 1, sum.MetaKockaToCRM.Count)
	require.Greater(t, sum.Calls.Count, sum.ToMetaKocka)
	require.Positive(t, sum.LockWait.Count)

	// MetaKocka goes away, and then refuses one.
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	late := w.Insert("Pozna Oseba", "pozna@primer.si")
	counts(`mksync_retries_total{consumer="pusher"}`, 1)
	counts(`mksync_metakocka_call_retries_total{endpoint="get_partner"}`, 1)
	w.Eventually(func() error {
		if s.Monitor().Status(t.Context()).Oldest["pusher"] <= 0 {
			return fmt.Errorf("nothing waits")
		}
		return nil
	})
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Status(late, "synced")
	w.Eventually(func() error {
		if age := counted(t, s)[`mksync_queue_age_seconds{consumer="pusher"}`]; age != 0 {
			return fmt.Errorf("the oldest event waits for %v s", age)
		}
		return nil
	})
	require.NoError(t, w.ERP.FailNext("update_partner", sim.FaultRefused))
	w.Exec("UPDATE contacts SET phone = '040 555 666' WHERE id = $1", late)
	counts(`mksync_writes_total{result="refused",side="metakocka"}`, 1)

	for name := range counted(t, s) {
		require.NotContains(t, name, id)
		require.NotContains(t, strings.ToLower(name), "zajc")
	}
}
