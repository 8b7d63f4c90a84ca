package main

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMediansAndRatiosAreOfRounds(t *testing.T) {
	var r result
	for i, relay := range []float64{100, 200, 400} { // a machine that drifts
		r.add("case", "relay", "rows/s", relay)
		r.add("case", "mksync", "rows/s", relay*[]float64{0.5, 0.8, 0.7}[i])
	}
	require.InDelta(t, 200, r.median("case", "relay", "rows/s"), 1e-9)
	require.InDelta(t, 0.7, r.ratio("case", "mksync", "relay", "rows/s"), 1e-9)
	require.InDelta(t, 280, r.worst("case", "mksync", "rows/s"), 1e-9)
	require.True(t, math.IsNaN(r.median("case", "nobody", "rows/s")))
	require.InDelta(t, 1.5, percentile([]float64{2, 1}, 0.5), 1e-9)
	require.InDelta(t, 4, percentile([]float64{4, 1, 3, 2}, 0.99), 1e-9)
}

func TestNumbersAreWrittenAsTheyAreWorth(t *testing.T) {
	for want, v := range map[string]float64{"1,234,567": 1234567.4, "139,000": 139000, "28.3": 28.31, "0.62": 0.618, "0": 0, "200": 200, "–": math.NaN(), "-1,234": -1234} {
		require.Equal(t, want, number(v))
	}
}

func TestReportIsMarkdown(t *testing.T) {
	r := result{Section: "drain", About: "a backlog"}
	r.add("one", "mksync", "rows/s", 1000)
	r.add("one", "relay", "MiB", 20)
	r.atLeast("ratio", 0.5, 0.6)
	var out strings.Builder
	require.NoError(t, report{Results: []result{r}}.print(&out))
	require.Contains(t, out.String(), "| case | who    | rows/s | MiB |\n|------|--------|-------:|----:|\n| one  | mksync |  1,000 |   – |")
	require.Contains(t, out.String(), "| ratio  | at least 0.60 | 0.50 | **missed** |")
}

func TestOptionsAreChecked(t *testing.T) {
	for _, args := range [][]string{
		{"-sections", "nonsense"}, {"-rounds", "0"}, {"-scale", "0"}, {"-listener", "name"}, {"word"},
	} {
		_, err := parseOptions(args, io.Discard)
		require.Error(t, err, args)
	}
	o, err := parseOptions([]string{"-quick", "-listener", "peer=run --it=1"}, io.Discard)
	require.NoError(t, err)
	require.Equal(t, 1, o.Rounds)
	require.InDelta(t, 0.1, o.Scale, 1e-9)
	require.Equal(t, []candidate{{Name: "peer", Command: "run --it=1"}}, o.Listeners)
}

func TestUnknownPartIsRefused(t *testing.T) {
	require.Error(t, runPart(t.Context(), "nonsense"))
}

func TestErrorsOfASectionAreShown(t *testing.T) {
	var out strings.Builder
	require.NoError(t, report{Results: []result{{Error: errors.New("no luck").Error()}}}.print(&out))
	require.Contains(t, out.String(), "This section failed: no luck")
}

func TestThatSomebodyElsesListenerFailsIsANote(t *testing.T) {
	var r result
	failed := errors.New("exit status 1")
	require.ErrorIs(t, r.unlessForeign(t.Context(), false, "backlog, mksync", failed), failed)
	require.Empty(t, r.Notes)
	require.NoError(t, r.unlessForeign(t.Context(), true, "backlog, peer", failed))
	require.NoError(t, r.unlessForeign(t.Context(), true, "backlog, peer", nil))
	require.Equal(t, []string{"backlog, peer failed: exit status 1"}, r.Notes)
}
