package pgstore

import "testing"

// BenchmarkStatementsNameTheSchema is what a long statement costs before it is sent.
func BenchmarkStatementsNameTheSchema(b *testing.B) {
	n := naming{schema: "public"}
	for b.Loop() {
		_ = n.own(saveLinkSQL)
	}
}
