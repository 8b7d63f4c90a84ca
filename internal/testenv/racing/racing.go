// Package racing tells tests whether the race detector looks on. It makes them up to
// ten times as slow and has nothing to find in one more value of the same kind, so
// tests with many values take a part of them then. Without it they take all: `go test`
// does, and `make long`.
package racing

// Every says which values of a list are taken: all, or with the race detector each
// n-th, begun with the first.
func Every[T any](n int, values []T) []T {
	if !On {
		return values
	}
	var taken []T
	for i := 0; i < len(values); i += n {
		taken = append(taken, values[i])
	}
	return taken
}
