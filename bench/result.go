package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// result is what a section found out: a table, and how its targets were met.
type result struct {
	Section string  `json:"section"`
	About   string  `json:"about"`
	Seconds float64 `json:"seconds"`
	Error   string  `json:"error,omitempty"`

	Columns []string `json:"columns"` // of the figures, with their units: "rows/s"
	Rows    []row    `json:"rows"`
	Goals   []goal   `json:"goals,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// row is one competitor in one case.
type row struct {
	Case    string              `json:"case"` // "one transaction of 200,000 rows"
	Who     string              `json:"who"`  // "mksync"
	Figures map[string]*samples `json:"figures"`
	Note    string              `json:"note,omitempty"`
}

// samples are a figure's values, one for each round.
type samples struct {
	Values []float64 `json:"values"`
}

// goal is a target and what was reached.
type goal struct {
	What   string  `json:"what"`   // "rows/s of the relay's, single-row transactions"
	Target string  `json:"target"` // ">= 0.6"
	Got    float64 `json:"got"`
	Met    bool    `json:"met"`
}

// row finds the row of a competitor in a case, or makes it.
func (r *result) row(what, who string) *row {
	for i := range r.Rows {
		if r.Rows[i].Case == what && r.Rows[i].Who == who {
			return &r.Rows[i]
		}
	}
	r.Rows = append(r.Rows, row{Case: what, Who: who, Figures: map[string]*samples{}})
	return &r.Rows[len(r.Rows)-1]
}

// add puts one round's value into a column, which it makes where it is missing.
func (r *result) add(what, who, column string, v float64) {
	if !slices.Contains(r.Columns, column) {
		r.Columns = append(r.Columns, column)
	}
	w := r.row(what, who)
	if w.Figures[column] == nil {
		w.Figures[column] = &samples{}
	}
	w.Figures[column].Values = append(w.Figures[column].Values, v)
}

// unlessForeign is err; of somebody else's program it is a note, and nil.
func (r *result) unlessForeign(ctx context.Context, foreign bool, what string, err error) error {
	if err == nil || !foreign || ctx.Err() != nil {
		return err
	}
	r.Notes = append(r.Notes, fmt.Sprintf("%s failed: %v", what, err))
	return nil
}

// median is a figure's median over the rounds; NaN where it was not measured.
func (r *result) median(what, who, column string) float64 {
	if s := r.row(what, who).Figures[column]; s != nil {
		return s.median()
	}
	return math.NaN()
}

// worst is a figure's largest value of all rounds; NaN where it was not measured.
func (r *result) worst(what, who, column string) float64 {
	if s := r.row(what, who).Figures[column]; s != nil {
		return slices.Max(s.Values)
	}
	return math.NaN()
}

// ratio is the median of the rounds' ratios of two competitors: what drifts with
// the machine from round to round drops out.
func (r *result) ratio(what, who, reference, column string) float64 {
	a, b := r.row(what, who).Figures[column], r.row(what, reference).Figures[column]
	if a == nil || b == nil {
		return math.NaN()
	}
	s := samples{}
	for i := range min(len(a.Values), len(b.Values)) {
		s.Values = append(s.Values, a.Values[i]/b.Values[i])
	}
	return s.median()
}

func (r *result) atLeast(what string, got, want float64) {
	r.Goals = append(r.Goals, goal{What: what, Target: "at least " + number(want), Got: got, Met: got >= want})
}

func (r *result) atMost(what string, got, want float64) {
	r.Goals = append(r.Goals, goal{What: what, Target: "at most " + number(want), Got: got, Met: got <= want})
}

func (s samples) median() float64 { return percentile(s.Values, 0.5) }

// percentile is the value at share p of the sorted values; NaN of none. The
// median of an even number of values is the mean of the middle two.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if p == 0.5 && n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[min(int(p*float64(n)), n-1)]
}

// number writes a figure with as many digits as it is worth.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case v == math.Trunc(v) && a < 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 100:
		return thousands(strconv.FormatFloat(math.Round(v), 'f', 0, 64))
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

func thousands(digits string) string {
	sign := ""
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
