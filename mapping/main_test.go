package mapping

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/crmmind/mksync/internal/testenv/racing"
)

// TestMain has a law tried fewer times where the race detector, which has nothing to
// find in pure functions, makes that ten times as slow.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if racing.On && !asked {
		if err := flag.Set("rapid.checks", "20"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
