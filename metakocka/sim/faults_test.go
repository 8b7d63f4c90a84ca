package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

func TestFaultsLoseWhatTheySay(t *testing.T) {
	for fault, made := range map[sim.Fault]int{
		sim.Fault429: 0, sim.Fault5xx: 0, sim.FaultHTML: 0, sim.FaultBefore: 0,
		sim.FaultGarbage: 1, sim.Fault504: 1, sim.FaultAfter: 1, sim.FaultHalf: 1,
	} {
		t.Run(string(fault), func(t *testing.T) {
			r := start(t, sim.Options{})
			require.NoError(t, r.FailNext(metakocka.EndpointAdd, sim.NoFault, fault))
			c := r.client()
			_, err := c.Add(t.Context(), newAna(), nil)
			require.NoError(t, err)
			_, err = c.Add(t.Context(), newAna(), nil)
			require.True(t, metakocka.IsTransient(err), err)
			require.Len(t, r.Partners(), 1+made)
			require.Equal(t, 1+made, r.Calls().Processed[metakocka.EndpointAdd])
			_, err = c.Add(t.Context(), newAna(), nil)
			require.NoError(t, err)
		})
	}
}

func newAna() metakocka.NewPartner { return metakocka.NewPartner{Customer: "Ana", Country: "Slovenia"} }

// holds waits until the ERP has so many partners.
func (r *rig) holds(n int) {
	r.t.Helper()
	waits.Eventually(r.t, 5*time.Second, func() error {
		if got := len(r.Partners()); got != n {
			return fmt.Errorf("%d partners", got)
		}
		return nil
	})
}

func TestLateProcessing(t *testing.T) {
	r := start(t, sim.Options{})
	require.NoError(t, r.SetFaults(sim.Faults{LateProcessing: 1, LateBy: 20 * time.Millisecond, Endpoints: []string{"add_partner"}}))
	_, err := r.client().Add(t.Context(), newAna(), nil)
	require.True(t, metakocka.Uncertain(err))
	r.holds(1)
}

func TestCloseForgetsWhatWouldComeLater(t *testing.T) {
	r := start(t, sim.Options{})
	require.NoError(t, r.FailNext(metakocka.EndpointAdd, sim.FaultLate))
	require.NoError(t, r.SetFaults(sim.Faults{LateBy: time.Hour}))
	_, err := r.client().Add(t.Context(), newAna(), nil)
	require.Error(t, err)
	r.Close()
	require.Empty(t, r.Partners())
}

func TestRefusedOnce(t *testing.T) {
	r := start(t, sim.Options{})
	require.NoError(t, r.FailNext(metakocka.EndpointAdd, sim.FaultRefused))
	_, err := r.client().Add(t.Context(), newAna(), nil)
	require.True(t, metakocka.IsRefusal(err), err)
	require.Empty(t, r.Partners())
	_, err = r.client().Add(t.Context(), newAna(), nil)
	require.NoError(t, err)
}

func TestDownAndRefusing(t *testing.T) {
	r := start(t, sim.Options{Partners: []metakocka.Partner{ana()}})
	c := r.client()
	require.NoError(t, r.SetFaults(sim.Faults{Down: true}))
	_, err := c.Get(t.Context(), "228000046627")
	require.True(t, metakocka.IsTransient(err))
	require.NoError(t, r.SetFaults(sim.Faults{RefuseAll: "Licence has run out."}))
	_, err = c.Get(t.Context(), "228000046627")
	require.ErrorContains(t, err, "Licence has run out.")
	require.NoError(t, r.SetFaults(sim.Faults{}))
	_, err = c.Get(t.Context(), "228000046627")
	require.NoError(t, err)
}

func TestDiceAreRepeatable(t *testing.T) {
	outcomes := func(seed uint64) (out []bool) {
		r := start(t, sim.Options{Seed: seed, Partners: []metakocka.Partner{ana()}})
		require.NoError(t, r.SetFaults(sim.Faults{Rate5xx: 0.5}))
		c := r.client()
		for range 30 {
			_, err := c.Get(t.Context(), "228000046627")
			out = append(out, err == nil)
		}
		return out
	}
	first := outcomes(1)
	require.Equal(t, first, outcomes(1))
	require.NotEqual(t, first, outcomes(2))
	require.Contains(t, first, true)
	require.Contains(t, first, false)
}

// A serial server takes its time for one call after the other.
func TestSerialCallsQueue(t *testing.T) {
	const latency, calls = 20 * time.Millisecond, 4
	r := start(t, sim.Options{Serial: true, Partners: []metakocka.Partner{ana()}})
	require.NoError(t, r.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{"get_partner": latency}}))
	c := r.client()
	began := time.Now()
	var group sync.WaitGroup
	for range calls {
		group.Go(func() {
			if _, err := c.Get(t.Context(), "228000046627"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.GreaterOrEqual(t, time.Since(began), calls*latency)
}

func TestACallerThatLeavesDoesNotStopItsCall(t *testing.T) {
	r := start(t, sim.Options{})
	require.NoError(t, r.SetFaults(sim.Faults{Latency: 100 * time.Millisecond}))
	c, err := metakocka.New(metakocka.Config{URL: r.url + sim.BasePath, CompanyID: sim.DefaultCompanyID, SecretKey: sim.DefaultSecretKey}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r.OnCall(func(sim.Call) { leave() })
	_, err = c.Add(ctx, newAna(), nil)
	require.True(t, metakocka.Uncertain(err))
	r.holds(1)
}

func TestFaultsAreChecked(t *testing.T) {
	s := sim.New(sim.Options{})
	require.EqualError(t, s.SetFaults(sim.Faults{Rate429: 2}), "set faults: rate of 429 is not between 0 and 1")
	require.EqualError(t, s.SetFaults(sim.Faults{Rate429: 0.6, CutAfter: 0.6}), "set faults: rates add up to more than 1")
	require.EqualError(t, s.SetFaults(sim.Faults{Latency: -1}), "set faults: a duration is negative")
	require.EqualError(t, s.FailNext("get_partner", "fire"), `fail next: unknown fault "fire"`)
}

func TestFaultsSurviveJSON(t *testing.T) {
	f := sim.Faults{
		Latency: 150 * time.Millisecond, CutAfter: 0.25, LateBy: time.Second, RefuseAll: "x", Endpoints: []string{"get_partner"},
		EndpointLatency: map[string]time.Duration{"get_partner": time.Second},
	}
	data, err := json.Marshal(f)
	require.NoError(t, err)
	require.Contains(t, string(data), `"latency":"150ms"`)
	var back sim.Faults
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, f, back)
}
