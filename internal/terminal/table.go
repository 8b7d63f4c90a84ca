package terminal

import (
	"fmt"
	"io"
	"strings"
)

const (
	between     = "  " // two cells
	flowIndent  = 4    // of the second line of an entry that needs several
	flowLines   = 3    // most lines of one cell
	leastReason = 24   // the last cell is not cut to less while an entry is on one line
)

// Table prints entries, each of which begins with its id. Where a terminal is too
// narrow for a line each, the last cell is cut; where that does not help, an entry
// goes over several lines, so that its ids stay whole.
func (s *Screen) Table(rows [][]string) error {
	widths := tidy(rows)
	room := s.Columns()
	total := -len(between)
	for _, w := range widths {
		total += w + len(between)
	}
	var b strings.Builder
	switch last := len(widths) - 1; {
	case room == 0 || total <= room:
		s.aligned(&b, rows, widths)
	case total-widths[last]+min(widths[last], leastReason) <= room:
		widths[last] -= total - room
		s.aligned(&b, rows, widths)
	default:
		for _, row := range rows {
			s.flow(&b, row, room)
		}
	}
	_, err := io.WriteString(s.raw, b.String())
	return err
}

// tidy makes every cell one clean line and gives the columns' widths.
func tidy(rows [][]string) (widths []int) {
	for _, row := range rows {
		for i := range row {
			row[i] = OneLine(row[i])
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(row[i]))
		}
	}
	return widths
}

func (s *Screen) aligned(b *strings.Builder, rows [][]string, widths []int) {
	for _, row := range rows {
		for len(row) > 1 && row[len(row)-1] == "" {
			row = row[:len(row)-1]
		}
		for i, text := range row {
			text = Cut(text, widths[i])
			if i < len(row)-1 {
				text = Pad(text, widths[i]+len(between))
			}
			if i == 0 {
				text = s.Paint(Bold, text)
			}
			b.WriteString(text)
		}
		b.WriteString("\n")
	}
}

// flow prints an entry over several lines.
func (s *Screen) flow(b *strings.Builder, row []string, room int) {
	line, used, begun := s.Paint(Bold, Cut(row[0], room)), Width(row[0]), true
	next := func() {
		b.WriteString(line + "\n")
		line, used, begun = strings.Repeat(" ", flowIndent), flowIndent, false
	}

	for _, text := range row[1:] {
		if text == "" {
			continue
		}

		if w := Width(text); begun && used+len(between)+w <= room {
			line, used = line+between+text, used+len(between)+w
			continue
		}
		for i, part := range Wrap(text, max(room-flowIndent, 1)) {
			if i == flowLines {
				line = Cut(line+" …", room)
				break
			}
			next()
			line, used, begun = line+part, used+Width(part), true
		}
	}

	b.WriteString(line + "\n")
}

// nameColour makes what is wrong stand out.
func nameColour(name string) string {
	if strings.HasPrefix(name, "PROBLEM") || strings.HasPrefix(name, "FAIL") {
		return Red
	}
	return Faint
}

// Pair is one line of a sheet: a name and a text.
type Pair [2]string

// Sheet prints what there is to say of one thing: names, and beside them texts
// that are broken where the terminal is narrow.
func (s *Screen) Sheet(pairs []Pair) error {
	names := 0
	for _, p := range pairs {
		names = max(names, Width(p[0]))
	}
	room := s.Columns()
	if room > 0 {
		room = max(room-names-len(between), 1)
	}
	var b strings.Builder
	for _, p := range pairs {
		name, text := p[0], p[1]
		for _, line := range Wrap(text, room) {
			b.WriteString(strings.TrimRight(s.Paint(nameColour(name), Pad(name, names))+between+line, " ") + "\n")
			name = ""
		}
	}
	_, err := io.WriteString(s.raw, b.String())
	return err
}

// Amount is a number with its noun.
func Amount[N ~int | ~int64 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
