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
		{"calls", "calls to the ERP for one change, and for one poll", callsSection},
		{"flow", "changes each way, and how much of a slow ERP is used", flowSection},
		{"first", "a first start with contacts that were there before; a call takes 50 ms", firstSection},
		{"growth", "what takes longer the more links there are", growthSection},
		{"idle", "what is taken while nothing happens", idleSection},
	}
}
