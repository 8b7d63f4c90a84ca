package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// report is a whole run.
type report struct {
	Command string    `json:"command"`
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"`
	Options options   `json:"options"`
	Machine machine   `json:"machine"`
	Results []result  `json:"results"`
}

// print writes the report as Markdown.
func (r report) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "```\n$ %s\n```\n\n%s\n\n", strings.TrimSpace(r.Command), r.Machine)
	fmt.Fprintf(&b, "Medians of %d rounds, scale %s, seed %d, %s.\n", r.Options.Rounds, number(r.Options.Scale), r.Options.Seed,
		time.Duration(r.Seconds*float64(time.Second)).Round(time.Second))
	for _, res := range r.Results {
		fmt.Fprintf(&b, "\n**%s**: %s\n\n", res.Section, res.About)
		res.print(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r result) print(b *strings.Builder) {
	if r.Error != "" {
		fmt.Fprintf(b, "This section failed: %s\n\n", r.Error)
	}

	if len(r.Rows) > 0 {
		table(b, append([]string{"case", "who"}, r.Columns...), r.cells())
	}

	if len(r.Goals) > 0 {
		b.WriteByte('\n')
		var rows [][]string
		for _, g := range r.Goals {
			met := "met"
			if !g.Met {
				met = "**missed**"
			}
			rows = append(rows, []string{g.What, g.Target, number(g.Got), met})
		}
		table(b, []string{"target", "", "got", ""}, rows)
	}

	for _, n := range r.Notes {
		fmt.Fprintf(b, "\n%s\n", n)
	}
}

func (r result) cells() [][]string {
	var rows [][]string
	for _, w := range r.Rows {
		cells := []string{w.Case, w.Who}
		if w.Note != "" {
			cells[1] += " (" + w.Note + ")"
		}
		for _, c := range r.Columns {
			v := math.NaN()
			if s := w.Figures[c]; s != nil {
				v = s.median()
			}
			cells = append(cells, number(v))
		}
		rows = append(rows, cells)
	}
	return rows
}

// table writes a Markdown table, aligned so that it reads as text, too; all
// columns but the first two are numbers.
func table(b *strings.Builder, head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, cells := range slices.Concat([][]string{head}, rows) {
		for i, c := range cells {
			width[i] = max(width[i], len([]rune(c)), 3)
		}
	}

	line := func(cells []string) {
		for i, c := range cells {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i > 1 {
				c = pad + c
			} else {
				c += pad
			}
			b.WriteString("| " + c + " ")
		}
		b.WriteString("|\n")
	}

	line(head)
	for i := range head {
		if i > 1 {
			b.WriteString("|" + strings.Repeat("-", width[i]+1) + ":")
		} else {
			b.WriteString("|" + strings.Repeat("-", width[i]+2))
		}
	}
	b.WriteString("|\n")

	for _, cells := range rows {
		line(cells)
	}
}

// save writes everything, each round's values included, to a file; none when
// path is empty.
func (r report) save(path string) error {
	if path == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}
