package mapping

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever directions the fields had before, a value that the two sides never both
// held is not replaced once its field goes both ways, without a conflict.
func TestLawWhatWasNeverAgreedOnIsNotReplacedSilently(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := anyContact().Draw(t, "start")
		in := MergeInput{Base: agreed(start), CRM: start, Partner: start}
		both := map[Field][]string{}
		meet := func() {
			for _, f := range Fields() {
				if Agree(f, in.CRM, in.Partner) {
					both[f] = append(both[f], Canonical(f, in.CRM.Get(f)), Canonical(f, in.Partner.Get(f)))
				}
			}
		}
		edits := func() { in.CRM, in.Partner = edit(t, in.CRM, "crm"), edit(t, in.Partner, "partner") }
		meet()
		for range rapid.IntRange(1, 4).Draw(t, "merges before") {
			edits()
			in = apply(in, Merge(in, anyPolicy(everyDirection...).Draw(t, "policy before")))
			meet()
		}
		edits()
		r := Merge(in, anyPolicy(DirectionBoth).Draw(t, "policy"))
		meet()
		for _, f := range Fields() {
			if slices.ContainsFunc(r.Conflicts, func(c Conflict) bool { return c.Field == f }) {
				continue
			}
			for _, side := range [][2]string{{in.CRM.Get(f), r.CRM.Get(f)}, {in.Partner.Get(f), r.Partner.Get(f)}} {
				had := Canonical(f, side[0])
				require.True(t, had == "" || Equal(f, side[0], side[1]) || slices.Contains(both[f], had), "%s: %q was replaced", f, had)
			}
		}
	})
}
