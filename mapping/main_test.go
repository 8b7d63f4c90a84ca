package mapping

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/crmmind/mksync/internal/testenv/long"
)

// TestMain has a law tried fewer times, unless it is told how often or runs at length.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !long.On && !asked {
		if err := flag.Set("rapid.checks", "10"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
