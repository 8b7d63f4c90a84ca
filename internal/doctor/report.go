package doctor

import (
	"fmt"
	"io"
	"strings"
)

// nameWidth is the width of the longest name of a finding.
const nameWidth = len("max_replication_slots")

// labels are how a status is printed: what is wrong stands out.
var labels = map[Status]string{OK: "ok", Fail: "FAIL", Note: "note", Skipped: "skip"}

// Head is what a finding is about: status and name.
func (f Finding) Head() string {
	return fmt.Sprintf("%-4s  %-*s", labels[f.Status], nameWidth, f.Name)
}

// Text is what was found, and what to do.
func (f Finding) Text() string {
	if f.Do == "" {
		return f.Detail
	}
	return f.Detail + " -> " + f.Do
}

// Line is a finding as it is printed.
func (f Finding) Line() string { return f.Head() + "  " + f.Text() }

// WriteHints prints hints, each as a block of its own.
func WriteHints(w io.Writer, hints []Hint) error {
	var b strings.Builder
	for _, h := range hints {
		fmt.Fprintf(&b, "\nhint: %s\n", h.Title)
		for _, line := range h.Lines {
			b.WriteString("  - " + line + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
