package console

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/syncer/status"
)

// TestPlotsShowWhatTheirTablesSay: a line for each side, broken where there is no figure, and
// a row for each minute that has one.
func TestPlotsShowWhatTheirTablesSay(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	minutes := make([]status.Minute, 5)
	for i := range minutes {
		minutes[i].At = began.Add(time.Duration(i) * time.Minute)
	}
	minutes[0].ToMetaKocka = 3
	minutes[4].ToCRM = 7
	p := writesPlot(minutes)
	require.Equal(t, "10", p.Most)
	require.Equal(t, []string{"0.0,84.0 150.0,120.0 300.0,120.0 450.0,120.0 600.0,120.0"}, p.Lines[0].Runs)
	require.Equal(t, []plotRow{{minutes[4].At, "0", "7"}, {minutes[0].At, "3", "0"}}, p.Rows)

	minutes[0].CommitToMetaKocka.Add(400 * time.Millisecond)
	minutes[1].CommitToMetaKocka.Add(200 * time.Millisecond)
	minutes[3].CommitToMetaKocka.Add(time.Second)
	p = delaysPlot(minutes)
	require.Equal(t, "1.0 s", p.Most)
	require.Equal(t, []string{"0.0,72.0 150.0,96.0"}, p.Lines[0].Runs)
	require.Equal(t, []dot{{"450.0", "0.0"}}, p.Lines[0].Dots)
	require.Empty(t, p.Lines[1].Runs)
	require.Equal(t, []plotRow{{minutes[3].At, "1.0 s", "–"}, {minutes[1].At, "200 ms", "–"}, {minutes[0].At, "400 ms", "–"}}, p.Rows)
	require.Equal(t, "1", writesPlot(nil).Most, "nothing is drawn of nothing")
}
