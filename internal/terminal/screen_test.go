package terminal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// onTerminal is what print shows on a terminal so many columns wide.
func onTerminal(t testing.TB, columns int, environ []string, print func(s *Screen) error) string {
	t.Helper()
	master, slave, err := pty.Open()
	require.NoError(t, err)
	defer func() { _ = master.Close() }()
	require.NoError(t, pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: uint16(columns)}))
	shown := make(chan string)
	go func() {
		var b strings.Builder
		_, _ = io.Copy(&b, bufio.NewReader(master)) // ends with an error when the other end is closed
		shown <- b.String()
	}()
	require.NoError(t, print(New(slave, environ)))
	require.NoError(t, slave.Close())
	return strings.ReplaceAll(<-shown, "\r\n", "\n")
}

var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func sampleRows() [][]string {
	return [][]string{
		{"5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10", "synced", "partner 228000046627", `"Žiga Kovač"`, ""},
		{"7651a5a9-eb4d-47f6-9f1b-cba61cc9316d", "error", "partner 228000046630", `"北京 中文"`, "email: is not an e-mail address, which MetaKocka asks for"},
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	t.Parallel()
	for columns, want := range map[int]string{
		200: `
5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10  synced  partner 228000046627  "Žiga Kovač"
7651a5a9-eb4d-47f6-9f1b-cba61cc9316d  error   partner 228000046630  "北京 中文"   email: is not an e-mail address, which MetaKocka asks for
`,
		119: `
5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10  synced  partner 228000046627  "Žiga Kovač"
7651a5a9-eb4d-47f6-9f1b-cba61cc9316d  error   partner 228000046630  "北京 中文"   email: is not an e-mail address, whi…
`,
		80: `
5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10  synced  partner 228000046627  "Žiga Kovač"
7651a5a9-eb4d-47f6-9f1b-cba61cc9316d  error  partner 228000046630  "北京 中文"
    email: is not an e-mail address, which MetaKocka asks for
`,
		40: `
5f0f6d1e-7d3c-4b0e-a3ad-6c2b0b6a9d10
    synced  partner 228000046627
    "Žiga Kovač"
7651a5a9-eb4d-47f6-9f1b-cba61cc9316d
    error  partner 228000046630
    "北京 中文"
    email: is not an e-mail address,
    which MetaKocka asks for
`,
	} {
		got := onTerminal(t, columns, nil, func(s *Screen) error { return s.Table(sampleRows()) })
		require.Equal(t, want, "\n"+colours.ReplaceAllString(got, ""), "%d columns", columns)
		got = onTerminal(t, 500, []string{fmt.Sprintf("COLUMNS=%d", columns), "NO_COLOR=1"}, func(s *Screen) error { return s.Table(sampleRows()) })
		require.Equal(t, want, "\n"+got, "COLUMNS=%d NO_COLOR=1", columns)
	}
}

func TestTablesAreWholeWhereNobodyLooks(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	long := strings.Repeat("x", 500)
	require.NoError(t, New(&out, []string{"COLUMNS=40"}).Table([][]string{{"1", long, "end"}, {"22", "č"}}))
	require.Equal(t, "1   "+long+"  end\n22  č\n", out.String())
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	t.Parallel()
	show := func(s *Screen) error { return s.Table([][]string{{"1", "parked"}}) }
	require.Equal(t, "\x1b[1m1  \x1b[0mparked\n", onTerminal(t, 80, nil, show))
	for _, environ := range [][]string{{"NO_COLOR=1"}, {"TERM=dumb"}} {
		require.Equal(t, "1  parked\n", onTerminal(t, 80, environ, show), environ)
	}
}

func TestSheetsFitTheTerminal(t *testing.T) {
	t.Parallel()
	show := func(s *Screen) error {
		return s.Sheet([]Pair{{"field", "phone"}, {"metakocka", "040 333 333, before 040 111 111, which is long"}})
	}
	require.Equal(t, "field      phone\nmetakocka  040 333 333, before 040 111\n           111, which is long\n", onTerminal(t, 38, []string{"NO_COLOR=1"}, show))
}

// TestLawNoLineIsWiderThanTheTerminal: whatever the cells hold, lines fit and
// nothing commands the terminal.
func TestLawNoLineIsWiderThanTheTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		columns := rapid.IntRange(10, 120).Draw(r, "columns")
		rows := rapid.SliceOfN(rapid.SliceOfN(rapid.String(), 1, 6), 1, 4).Draw(r, "rows")
		got := onTerminal(t, 500, []string{fmt.Sprintf("COLUMNS=%d", columns), "NO_COLOR=1"}, func(s *Screen) error { return s.Table(rows) })
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			require.LessOrEqual(r, Width(line), columns, "%q", line)
			require.Equal(r, line, Clean(line))
		}
	})
}

func TestNothingCommandsTheTerminal(t *testing.T) {
	t.Parallel()
	const evil = "Ana\x1b[2J\x1b]0;title\x07\x9b31m \u009b31m \u202enova\r\b\x7f \U000e0001"
	var out bytes.Buffer
	s := New(&out, nil)
	_, err := fmt.Fprintln(s, evil)
	require.NoError(t, err)
	require.Equal(t, `Ana\u001b[2J\u001b]0;title\u0007\x9b31m \u009b31m \u202enova\u000d\u0008\u007f \udb40\udc01`+"\n", out.String())
	require.Equal(t, "čšž 中 👩‍👩‍👧 a\u00a0b", Clean("čšž 中 👩‍👩‍👧 a\u00a0b"))
	require.NotContains(t, s.Paint(Bold, evil), "\x1b[2J")
}

func TestCellsAreCutToTheirWidth(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Žiga  ", Cell("Žiga", 6))
	require.Equal(t, "Čopova…", Cell("Čopova ulica", 7))
	require.Equal(t, []string{"ena dve", "tri"}, Wrap("ena  dve tri", 7))
}
