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

// Line is a finding as it is printed: status, name, what was found, what to do.
func (f Finding) Line() string {
	line := fmt.Sprintf("%-4s  %-*s  %s", labels[f.Status], nameWidth, f.Name, f.Detail)
	if f.Do != "" {
		line += " -> " + f.Do
	}
	return line
}

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
