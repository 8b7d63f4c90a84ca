package main

import "context"

// section is one part of the benchmark.
type section struct {
	name  string
	about string
	run   func(ctx context.Context, l *lab) (result, error)
}

// sections is the table of all parts, in the order in which they run and are printed.
func sections() []section {
	return []section{
		{"drain", "rows/s from a slot into a JetStream file store, a prepared backlog", drain},
		{"latency", "from a commit to its event in the stream, and to the call of MetaKocka", latency},
	}
}
