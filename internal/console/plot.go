package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/crmmind/mksync/syncer/status"
)

// plot is a picture of the last minutes, two lines of it, and the figures as a table.
type plot struct {
	ID    string // begins the ids of its texts
	Lines []line
	Most  string // the figure at the top
	Ticks []tick
	Rows  []plotRow // of the minutes in which there was something, newest first
}

// line is one of them; Runs are what is drawn of it, apart where it has no figure.
type line struct {
	Class, Label string
	Runs         []string
	Dots         []dot
}

// dot is a figure whose neighbours have none.
type dot struct{ X, Y string }

// tick is a time below the picture.
type tick struct {
	X  string
	At time.Time
}

// plotRow is a minute of the table.
type plotRow struct {
	At       time.Time
	One, Two string
}

// The size of a picture, in its own units.
const (
	plotWidth  = 600
	plotHeight = 120
)

// figure is what a minute has of a line; false: nothing.
type figure func(m status.Minute) (float64, bool)

// drawn makes a picture of minutes, of two figures.
func drawn(id string, minutes []status.Minute, show func(float64) string, one, two figure) plot {
	p := plot{ID: id}
	top := 0.0
	for _, m := range minutes {
		a, _ := one(m)
		b, _ := two(m)
		top = max(top, a, b)
	}
	top = nice(top)
	p.Most = show(top)
	p.Lines = []line{drawLine("one", "console.plot."+id+".to_metakocka", minutes, top, one), drawLine("two", "console.plot."+id+".to_crm", minutes, top, two)}

	const ticks = 4
	for i := range minutes {
		if i%max(len(minutes)/ticks, 1) == 0 {
			p.Ticks = append(p.Ticks, tick{at(i, len(minutes)), minutes[i].At})
		}
	}
	for i := len(minutes) - 1; i >= 0; i-- {
		a, hasOne := one(minutes[i])
		b, hasTwo := two(minutes[i])
		if hasOne && a > 0 || hasTwo && b > 0 {
			p.Rows = append(p.Rows, plotRow{minutes[i].At, figureText(show, a, hasOne), figureText(show, b, hasTwo)})
		}
	}
	return p
}

func figureText(show func(float64) string, value float64, has bool) string {
	if !has {
		return "–"
	}
	return show(value)
}

// at is where a minute stands.
func at(i, n int) string { return coordinate(float64(i) / float64(max(n-1, 1)) * plotWidth) }

func coordinate(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func drawLine(class, label string, minutes []status.Minute, top float64, of figure) line {
	l := line{Class: class, Label: label}
	var run []string
	end := func() {
		switch len(run) {
		case 0:
		case 1:
			x, y, _ := strings.Cut(run[0], ",")
			l.Dots = append(l.Dots, dot{x, y})
		default:
			l.Runs = append(l.Runs, strings.Join(run, " "))
		}
		run = nil
	}

	for i, m := range minutes {
		value, has := of(m)
		if !has {
			end()
			continue
		}
		run = append(run, at(i, len(minutes))+","+coordinate(plotHeight-value/top*plotHeight))
	}
	end()
	return l
}

// nice is a round figure that is not less than the greatest.
func nice(most float64) float64 {
	if most <= 0 {
		return 1
	}
	size := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{1, 2, 5, 10} {
		if most <= step*size {
			return step * size
		}
	}
	return 10 * size
}

// writesPlot and delaysPlot are the overview's pictures.
func writesPlot(minutes []status.Minute) plot {
	count := func(n int) (float64, bool) { return float64(n), true }
	return drawn("writes", minutes, func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) },
		func(m status.Minute) (float64, bool) { return count(m.ToMetaKocka) },
		func(m status.Minute) (float64, bool) { return count(m.ToCRM) })
}

func delaysPlot(minutes []status.Minute) plot {
	mean := func(f status.Figure) (float64, bool) { return f.Mean().Seconds(), f.Count > 0 }
	return drawn("delays", minutes, secondsText,
		func(m status.Minute) (float64, bool) { return mean(m.CommitToMetaKocka) },
		func(m status.Minute) (float64, bool) { return mean(m.MetaKockaToCRM) })
}

// secondsText is a time that something took.
func secondsText(s float64) string {
	switch {
	case s >= 100:
		return fmt.Sprintf("%.0f s", s)
	case s >= 1:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.0f ms", s*1000)
}

// hour is what the last minutes come to together.
func hour(minutes []status.Minute, of func(status.Minute) status.Figure) (sum status.Figure) {
	for _, m := range minutes {
		f := of(m)
		sum.Count += f.Count
		sum.Sum += f.Sum
		sum.Most = max(sum.Most, f.Most)
	}
	return sum
}
