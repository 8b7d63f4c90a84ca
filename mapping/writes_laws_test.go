package mapping

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// oddity is how a side spoils what is written to it, always in the same way.
type oddity struct {
	drops map[Field]bool // keeps nothing
	cuts  map[Field]int  // keeps so many characters
	stuck map[Field]bool // cannot be emptied
}

func anyOddity() *rapid.Generator[oddity] {
	return rapid.Custom(func(t *rapid.T) oddity {
		o := oddity{drops: map[Field]bool{}, cuts: map[Field]int{}, stuck: map[Field]bool{}}
		for _, f := range Fields() {
			switch rapid.SampledFrom([]string{"", "", "drops", "cuts", "stuck"}).Draw(t, "oddity of "+string(f)) {
			case "drops":
				o.drops[f] = true
			case "cuts":
				o.cuts[f] = rapid.IntRange(1, 8).Draw(t, "length")
			case "stuck":
				o.stuck[f] = true
			}
		}
		return o
	})
}

// keep is what the side holds after a value was written over another.
func (o oddity) keep(f Field, old, sent string) string {
	switch most := o.cuts[f]; {
	case o.drops[f]:
		return ""
	case o.stuck[f] && sent == "":
		return old
	case most > 0:
		return string([]rune(sent)[:min(most, len([]rune(sent)))])
	}
	return sent
}

// couple is a contact and its partner, kept alike by merges.
type couple struct {
	MergeInput
	policy Policy
	odd    map[Side]oddity

	edits, writes map[Side]int           // writes to a side, edits by its users
	fieldEdits    map[Side]map[Field]int // the same by field
	fieldWrites   map[Side]map[Field]int // one merge writes all fields of a side at once
	unsendable    []Field                // that were sent all the same
}

func newCouple(start Contact, p Policy) *couple {
	k := &couple{MergeInput: MergeInput{Base: agreed(start), CRM: start, Partner: start}, policy: p, odd: map[Side]oddity{}}
	k.edits, k.writes = map[Side]int{}, map[Side]int{}
	k.fieldEdits = map[Side]map[Field]int{SideCRM: {}, SideMetaKocka: {}}
	k.fieldWrites = map[Side]map[Field]int{SideCRM: {}, SideMetaKocka: {}}
	return k
}

func (k *couple) side(s Side) *Contact {
	if s == SideCRM {
		return &k.CRM
	}
	return &k.Partner
}

func (k *couple) base(s Side) *Contact {
	if s == SideCRM {
		return &k.Base.CRM
	}
	return &k.Base.Partner
}

// edit is a user's: what is typed in stands.
func (k *couple) edit(s Side, f Field, v string) {
	k.edits[s]++
	k.fieldEdits[s][f]++
	k.side(s).Set(f, v)
}

// merge does what a reconcile does: it writes, and takes into the base what each
// side then holds.
func (k *couple) merge() {
	r := Merge(k.MergeInput, k.policy)
	for _, f := range r.ToPartner {
		if f != FieldAddress && Withheld(f, r.Partner.Get(f), k.Base.Partner.Get(f)).String() != "" {
			k.unsendable = append(k.unsendable, f)
		}
	}
	k.Base = r.Base
	k.write(SideCRM, r.ToCRM, r.CRM)
	k.write(SideMetaKocka, r.ToPartner, r.Partner)
}

func (k *couple) write(s Side, fields []Field, want Contact) {
	if len(fields) > 0 {
		k.writes[s]++
	}
	for _, f := range fields {
		k.fieldWrites[s][f]++
		k.side(s).Set(f, k.odd[s].keep(f, k.side(s).Get(f), want.Get(f)))
		k.base(s).Set(f, k.side(s).Get(f))
	}
}

// Each side is written at most once for each edit on the other, and each field at
// most once for each edit of it there, whatever a side makes of what it is sent,
// whether it can be sent or not, however often and in whatever order the merges are
// made, and however directions and rules change meanwhile; and after quiet nothing is
// written any more. What cannot be sent never reaches MetaKocka.
func TestLawAtMostOneWritePerEdit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := newCouple(anyContact().Draw(t, "start"), anyPolicy(everyDirection...).Draw(t, "policy"))
		k.odd[SideMetaKocka] = anyOddity().Draw(t, "MetaKocka")
		k.odd[SideCRM] = anyOddity().Draw(t, "CRM")
		for range rapid.IntRange(0, 25).Draw(t, "steps") {
			k.Times = anyTimes().Draw(t, "times")
			if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
				k.policy = anyPolicy(everyDirection...).Draw(t, "another policy")
			}
			if rapid.IntRange(0, 2).Draw(t, "step") == 0 {
				k.merge()
				continue
			}
			f := rapid.SampledFrom(Fields()).Draw(t, "field")
			k.edit(rapid.SampledFrom([]Side{SideCRM, SideMetaKocka}).Draw(t, "side"), f, anyTyped(f).Draw(t, "value"))
		}
		k.merge()
		for _, s := range []Side{SideCRM, SideMetaKocka} {
			require.LessOrEqual(t, k.writes[s], k.edits[s.Other()], "writes to %s", s)
			for f, n := range k.fieldWrites[s] {
				require.LessOrEqual(t, n, k.fieldEdits[s.Other()][f], "writes of %s to %s", f, s)
			}
		}
		require.Empty(t, k.unsendable)
		quiet := maps.Clone(k.writes)
		for range 3 {
			k.merge()
		}
		require.Equal(t, quiet, maps.Clone(k.writes), "after quiet")
	})
}
