// Package long tells tests whether they run at length. `make test` and `go test` run
// the short form, which has each kind of thing once; `make long` sets MKSYNC_TEST_LONG
// for the rest: more values of a kind, more rounds, and what takes as long as many
// other tests together.
package long

import (
	"os"
	"testing"
)

// Variable asks for the long form where it is set.
const Variable = "MKSYNC_TEST_LONG"

// On says whether tests run at length.
var On = os.Getenv(Variable) != ""

// Only skips a test that the short form does without.
func Only(t testing.TB) {
	t.Helper()
	if !On {
		t.Skip("make long runs it")
	}
}

// Or is how many there are of something: so many at length, else few.
func Or(few, many int) int {
	if On {
		return many
	}
	return few
}

// Every is all values of a list at length, else each n-th, begun with the first.
func Every[T any](n int, values []T) []T { return Share(0, n, values) }

// Share is all values of a list at length, else each n-th, begun with the one at from.
// Cases that each take another share have all values together.
func Share[T any](from, n int, values []T) []T {
	if On {
		return values
	}
	var taken []T
	for i := from % n; i < len(values); i += n {
		taken = append(taken, values[i])
	}
	return taken
}
