//go:build !race

package mapping

// usualChecks is how often a law is tried.
const usualChecks = "100"
