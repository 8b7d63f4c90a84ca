package cdc

import "context"

// Finding is the result of one check.
type Finding struct {
	Name   string
	OK     bool
	Detail string
	Do     string // what to do; empty when OK
}

// Check looks at everything the listener needs and changes nothing.
func Check(ctx context.Context, cfg Config) []Finding {
	return nil
}
