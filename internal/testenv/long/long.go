// Package long tells tests whether they run at length. `make test` and `go test` run
// the short form, between two edits of the code. MKSYNC_TEST_LONG asks for the rest, as
// .ci/run does: what kills processes, restores databases or restarts and fills servers,
// more values of a kind, more rounds.
package long

import (
	"flag"
	"os"
	"testing"
)

// Variable asks for the long form where it is set.
const Variable = "MKSYNC_TEST_LONG"

// On says whether tests run at length.
var On = os.Getenv(Variable) != ""

// Only skips a test that the short form does without, unless -run asks for it.
func Only(t testing.TB) {
	t.Helper()
	if !On && flag.Lookup("test.run").Value.String() == "" {
		t.Skip(Variable + "=1 runs it, and so does -run " + t.Name())
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
