//go:build !linux

package wire

import "testing"

// Dropping is for Linux alone.
type Dropping struct{}

// NewDropping skips the test.
func NewDropping(t testing.TB, _ string) (*Dropping, string) {
	t.Helper()
	t.Skip("packets are lost by a filter of Linux")
	return nil, ""
}

// Drop does nothing.
func (*Dropping) Drop(testing.TB) {}

// Pass does nothing.
func (*Dropping) Pass(testing.TB) {}
