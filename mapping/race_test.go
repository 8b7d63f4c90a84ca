//go:build race

package mapping

// usualChecks is how often a law is tried. The race detector, which makes that
// ten times as slow, has nothing to find in pure functions.
const usualChecks = "20"
