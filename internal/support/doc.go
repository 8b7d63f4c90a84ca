// Package support makes the archive that goes with a report of a fault: what helps to find
// it, without secrets, and with everything that may be somebody's in place of which stands a
// hash. A text is kept as far as its words are the program's own (words.txt, which
// `go test ./internal/support -update` makes of the sources), so that a name in the words of
// a server is not shown either.
package support
