package config

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	Key   string // the setting, as in the file; empty where none can be named
	Where string // the variable or line that holds it; empty where it is set nowhere
	Text  string // what is wrong and what to do; never a secret's value
}

// String is the problem as one line that begins with where to look.
func (p Problem) String() string {
	where := p.Where
	switch {
	case where == "" && strings.Contains(p.Key, "."):
		where = p.Key
	case where == "" && p.Key != "":
		where = fmt.Sprintf("%s (in the file: %s)", Variable(p.Key), p.Key)
	case where == "":
		where = "configuration"
	}
	return where + ": " + p.Text
}

// InvalidError holds everything that is wrong with the configuration.
type InvalidError struct{ Problems []Problem }

// Error is one line for each problem.
func (e *InvalidError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the configuration has %d problems:", len(e.Problems))
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// invalid is nil when there are no problems. Of several on one key only the
// first is kept: the others follow from it.
func invalid(problems []Problem) error {
	var kept []Problem
	for _, p := range problems {
		known := func(q Problem) bool { return q.Key == p.Key && p.Key != "" }
		if !slices.ContainsFunc(kept, known) {
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return &InvalidError{Problems: kept}
}
