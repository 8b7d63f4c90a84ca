package mapping

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// apply returns the input of the merge that follows when every write took.
func apply(in MergeInput, r MergeResult) MergeInput {
	in.Base, in.CRM, in.Partner, in.Overrides = r.Base, r.CRM, r.Partner, nil
	return in
}

// rewrite draws another spelling of every value of c.
func rewrite(t *rapid.T, c Contact) Contact {
	for _, f := range Fields() {
		c.Set(f, respelled(f, c.Get(f)).Draw(t, "spelled "+string(f)))
	}
	return c
}

// edit changes some fields of c.
func edit(t *rapid.T, c Contact, label string) Contact {
	for _, f := range Fields() {
		if rapid.IntRange(0, 2).Draw(t, label) == 0 {
			c.Set(f, anyValue(f).Draw(t, label+" "+string(f)))
		}
	}
	return c
}

func anyTimes() *rapid.Generator[map[Field]Times] {
	return rapid.Custom(func(t *rapid.T) map[Field]Times {
		times := map[Field]Times{}
		for _, f := range Fields() {
			times[f] = fieldTimes().Draw(t, string(f))
		}
		return times
	})
}

func fieldTimes() *rapid.Generator[Times] {
	return rapid.Custom(func(t *rapid.T) Times {
		at := func(label string) time.Time {
			m := rapid.IntRange(0, 5).Draw(t, label)
			if m == 0 {
				return time.Time{}
			}
			return time.Date(2026, 3, 1, 12, m, 0, 0, time.UTC)
		}
		return Times{CRM: at("crm"), PartnerAfter: at("after"), PartnerBefore: at("before")}
	})
}

func anyPolicy(directions ...Direction) *rapid.Generator[Policy] {
	return rapid.Custom(func(t *rapid.T) Policy {
		p := Policy{Fields: map[Field]FieldPolicy{}, TieWinner: rapid.SampledFrom([]Side{"", SideCRM, SideMetaKocka}).Draw(t, "tie")}
		for _, f := range Fields() {
			p.Fields[f] = FieldPolicy{
				Direction:    rapid.SampledFrom(directions).Draw(t, "direction"),
				Rule:         rapid.SampledFrom([]Rule{"", RuleNewest, RuleCRM, RuleMetaKocka, RuleManual}).Draw(t, "rule"),
				KeepNonEmpty: rapid.Bool().Draw(t, "keep"),
			}
		}
		return p
	})
}

// blank reports whether a contact's field is empty; a filler is.
func blank(f Field, c Contact) bool { return Canonical(f, c.Get(f)) == "" }

var everyDirection = []Direction{DirectionBoth, DirectionToMetaKocka, DirectionToCRM, DirectionOff}

// anyInput draws a merge: sides that agree on most, bases that differ where a
// side did not keep a value, or no base at all.
func anyInput() *rapid.Generator[MergeInput] {
	return rapid.Custom(func(t *rapid.T) MergeInput {
		var in MergeInput
		if rapid.IntRange(0, 4).Draw(t, "first match") > 0 {
			in.Base.CRM = anyContact().Draw(t, "base")
			in.Base.Partner = edit(t, rewrite(t, in.Base.CRM), "not kept")
			if rapid.Bool().Draw(t, "kept") {
				in.Base.Partner = rewrite(t, in.Base.CRM)
			}
		}
		in.CRM = edit(t, in.Base.CRM, "crm")
		in.Partner = edit(t, in.Base.Partner, "partner")
		in.Times = anyTimes().Draw(t, "times")
		in.Unreadable = rapid.SliceOfNDistinct(rapid.SampledFrom(Fields()), 0, 1, rapid.ID[Field]).Draw(t, "unreadable")
		if rapid.IntRange(0, 3).Draw(t, "decided") == 0 {
			f := rapid.SampledFrom(Fields()).Draw(t, "override")
			in.Overrides = map[Field]Side{f: rapid.SampledFrom([]Side{SideCRM, SideMetaKocka}).Draw(t, "side")}
		}
		return in
	})
}

// Once the writes took, a second merge finds nothing to do: no write, the same
// base, and no conflict but those that are parked.
func TestLawIdempotent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, p := anyInput().Draw(t, "in"), anyPolicy(everyDirection...).Draw(t, "policy")
		r := Merge(in, p)
		// What a person's decision wrote can be read again.
		in.Unreadable = slices.DeleteFunc(in.Unreadable, func(f Field) bool { return slices.Contains(r.ToPartner, f) })
		again := Merge(apply(in, r), p)
		require.Empty(t, again.ToCRM)
		require.Empty(t, again.ToPartner)
		require.Equal(t, r.Base, again.Base)
		require.Equal(t, r.Parked, again.Parked)
		require.Len(t, again.Conflicts, len(again.Parked))
	})
}

// Sides that agreed before, agree after, in every field that goes both ways and
// is not parked, whatever was changed.
func TestLawConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPolicy(DirectionBoth).Draw(t, "policy")
		base := anyContact().Draw(t, "base")
		in := MergeInput{Base: Base{CRM: base, Partner: rewrite(t, base)}, Times: anyTimes().Draw(t, "times")}
		if rapid.Bool().Draw(t, "first match") {
			in.Base = Base{}
		}
		in.CRM, in.Partner = edit(t, in.Base.CRM, "crm"), edit(t, in.Base.Partner, "partner")
		r := Merge(in, p)
		for _, f := range Fields() {
			if Agree(f, r.CRM, r.Partner) { // ATU12345678 and 12345678 do, of somebody in Austria
				continue
			}
			kept := p.For(f).KeepNonEmpty && (blank(f, in.CRM) || blank(f, in.Partner))
			require.True(t, kept || slices.Contains(r.Parked, f), "%s", f)
		}
		for _, f := range Fields() {
			if !slices.Contains(r.Parked, f) {
				require.True(t, Equal(f, r.Base.CRM.Get(f), r.CRM.Get(f)))
				require.True(t, Equal(f, r.Base.Partner.Get(f), r.Partner.Get(f)))
			}
		}
	})
}

// Whether a number with a country's letters is one without them says the country that both
// sides are to hold, not one that is just being taken away.
func TestNumbersAgreeByTheCountryThatStays(t *testing.T) {
	t.Parallel()
	was := Contact{Name: "Ana", Country: "AT"}
	crm, partner := with(was, FieldTaxNumber, "ATU12345678"), with(was, FieldTaxNumber, "12345678")
	r := Merge(MergeInput{Base: Base{CRM: was, Partner: was}, CRM: crm, Partner: partner}, Policy{})
	require.Empty(t, r.Conflicts)
	require.Equal(t, []string{"ATU12345678", "12345678"}, []string{r.CRM.TaxNumber, r.Partner.TaxNumber})

	r = Merge(MergeInput{Base: Base{CRM: was, Partner: was}, CRM: with(crm, FieldCountry, ""), Partner: partner}, Policy{})
	require.Empty(t, r.Partner.Country)
	require.Equal(t, []string{"ATU12345678", "ATU12345678"}, []string{r.CRM.TaxNumber, r.Partner.TaxNumber})
	require.Len(t, r.Conflicts, 1)

	// Of two countries each number is of its own.
	bare, lettered := Contact{TaxNumber: "12345678", Country: "AT"}, Contact{TaxNumber: "ATU12345678", Country: "SI"}
	require.True(t, Agree(FieldTaxNumber, bare, lettered))
	require.True(t, Agree(FieldTaxNumber, lettered, bare))
	require.False(t, Agree(FieldTaxNumber, Contact{TaxNumber: "12345678", Country: "SI"}, lettered))
}

// A change that only one side made is on both sides afterwards, per field and
// whatever the rules and times, also where the sides' bases differ; and what no
// side changed is not touched.
func TestLawOneSidedChangeIsNeverLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, p := anyInput().Draw(t, "in"), anyPolicy(everyDirection...).Draw(t, "policy")
		in.Overrides = nil
		r := Merge(in, p)
		for _, f := range Fields() {
			if slices.Contains(in.Unreadable, f) {
				requireUntouched(t, in, r, f)
				continue
			}
			fp := p.For(f)
			crm, partner := in.CRM.Get(f), in.Partner.Get(f)
			byCRM, byPartner := !Unedited(f, in.Base.CRM.Get(f), crm), !Unedited(f, in.Base.Partner.Get(f), partner)
			switch {
			case !byCRM && !byPartner || fp.Direction == DirectionOff:
				requireUntouched(t, in, r, f)
			case byCRM && !byPartner && fp.Direction != DirectionToCRM && (!blank(f, in.CRM) || !fp.KeepNonEmpty):
				require.True(t, Equal(f, crm, r.Partner.Get(f)), "%s", f)
				require.Equal(t, crm, r.CRM.Get(f))
			case byPartner && !byCRM && fp.Direction != DirectionToMetaKocka && (!blank(f, in.Partner) || !fp.KeepNonEmpty):
				require.True(t, Equal(f, partner, r.CRM.Get(f)), "%s", f)
				require.Equal(t, partner, r.Partner.Get(f))
			}
		}
	})
}

// No change is dropped silently: a value that a side changed and that the merge
// replaces stands in a conflict, unless the direction says that it does not count.
func TestLawWhatIsReplacedIsRecorded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, p := anyInput().Draw(t, "in"), anyPolicy(DirectionBoth).Draw(t, "policy")
		in.Overrides = nil
		r := Merge(in, p)
		recorded := map[Field]Conflict{}
		for _, c := range r.Conflicts {
			recorded[c.Field] = c
		}
		require.Len(t, recorded, len(r.Conflicts))
		for _, f := range Fields() {
			lostCRM := !Equal(f, in.CRM.Get(f), r.CRM.Get(f)) && !Equal(f, in.CRM.Get(f), in.Base.CRM.Get(f)) && !blank(f, in.CRM)
			lostPartner := !Equal(f, in.Partner.Get(f), r.Partner.Get(f)) && !Equal(f, in.Partner.Get(f), in.Base.Partner.Get(f)) && !blank(f, in.Partner)
			if lostCRM || lostPartner {
				require.Equal(t, in.CRM.Get(f), recorded[f].CRM)
				require.Equal(t, in.Partner.Get(f), recorded[f].Partner)
			}
		}
	})
}

// requireUntouched holds that the merge does nothing to a field.
func requireUntouched(t require.TestingT, in MergeInput, r MergeResult, f Field) {
	require.Equal(t, in.CRM.Get(f), r.CRM.Get(f))
	require.Equal(t, in.Partner.Get(f), r.Partner.Get(f))
	require.Equal(t, in.Base.CRM.Get(f), r.Base.CRM.Get(f))
	require.Equal(t, in.Base.Partner.Get(f), r.Base.Partner.Get(f))
	require.NotContains(t, r.ToCRM, f)
	require.NotContains(t, r.ToPartner, f)
}

// The lists name exactly the fields whose value changes.
func TestLawListsSayWhatChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, p := anyInput().Draw(t, "in"), anyPolicy(everyDirection...).Draw(t, "policy")
		r := Merge(in, p)
		for _, f := range Diff(in.CRM, r.CRM) {
			require.Contains(t, r.ToCRM, f)
		}
		for _, f := range Diff(in.Partner, r.Partner) {
			require.Contains(t, r.ToPartner, f)
		}
		for _, f := range Fields() {
			if !slices.Contains(r.ToCRM, f) {
				require.Equal(t, in.CRM.Get(f), r.CRM.Get(f))
			}
			if !slices.Contains(r.ToPartner, f) {
				require.Equal(t, in.Partner.Get(f), r.Partner.Get(f))
			}
		}
	})
}

// Other spellings of all values lead to the same decisions, and alone to none.
func TestLawFormattingIsNeverAChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, p := anyInput().Draw(t, "in"), anyPolicy(everyDirection...).Draw(t, "policy")
		spelled := in
		spelled.Base = Base{CRM: rewrite(t, in.Base.CRM), Partner: rewrite(t, in.Base.Partner)}
		spelled.CRM, spelled.Partner = rewrite(t, in.CRM), rewrite(t, in.Partner)
		a, b := Merge(in, p), Merge(spelled, p)
		require.Equal(t, a.ToCRM, b.ToCRM)
		require.Equal(t, a.ToPartner, b.ToPartner)
		require.Equal(t, a.Parked, b.Parked)
		require.Len(t, b.Conflicts, len(a.Conflicts))
		require.Empty(t, Diff(a.Base.CRM, b.Base.CRM))
		require.Empty(t, Diff(a.Base.Partner, b.Base.Partner))

		spelled.CRM, spelled.Partner, spelled.Overrides = rewrite(t, in.Base.CRM), rewrite(t, in.Base.Partner), nil
		require.Equal(t, MergeResult{CRM: spelled.CRM, Partner: spelled.Partner, Base: spelled.Base}, Merge(spelled, p))
	})
}

// A write that did not take because the process died in between is made up for:
// with either write applied alone and the old base, the merge ends where it
// would have.
func TestLawACrashBetweenTheWritesIsRepaired(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, p := anyInput().Draw(t, "in"), anyPolicy(everyDirection...).Draw(t, "policy")
		in.Unreadable = nil
		r := Merge(in, p)
		half := in
		if rapid.Bool().Draw(t, "partner was written") {
			half.Partner = r.Partner
		} else {
			half.CRM = r.CRM
		}
		end := Merge(half, p)
		require.Empty(t, Diff(r.CRM, end.CRM))
		require.Empty(t, Diff(r.Partner, end.Partner))
		require.Empty(t, Diff(r.Base.CRM, end.Base.CRM))
		require.Empty(t, Diff(r.Base.Partner, end.Base.Partner))
	})
}

// Edits of different fields, on either side, end in the same values however many
// of them one merge sees at a time and whichever side's edit it hears of first.
func TestLawOrderOfArrivalDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPolicy(everyDirection...).Draw(t, "policy")
		start := anyContact().Draw(t, "start")
		type change struct {
			field Field
			side  Side
			value string
		}
		var changes []change
		for _, f := range Fields() {
			changes = append(changes, change{f, rapid.SampledFrom([]Side{SideCRM, SideMetaKocka}).Draw(t, "side"), anyValue(f).Draw(t, string(f))})
		}
		play := func(order []change, merge func(i int) bool) MergeInput {
			in := MergeInput{Base: agreed(start), CRM: start, Partner: start}
			for i, c := range order {
				if c.side == SideCRM {
					in.CRM.Set(c.field, c.value)
				} else {
					in.Partner.Set(c.field, c.value)
				}
				if merge(i) {
					in = apply(in, Merge(in, p))
				}
			}
			return apply(in, Merge(in, p))
		}
		once := play(changes, func(int) bool { return false })
		often := play(rapid.Permutation(changes).Draw(t, "order"), func(int) bool { return rapid.Bool().Draw(t, "merge") })
		require.Empty(t, Diff(once.CRM, often.CRM))
		require.Empty(t, Diff(once.Partner, often.Partner))
		require.Empty(t, Diff(once.Base.CRM, often.Base.CRM))
		require.Empty(t, Diff(once.Base.Partner, often.Base.Partner))
	})
}

// Neither side is privileged: with the sides, the rules and the directions
// swapped, the result is swapped.
func TestLawSidesAreSymmetric(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, p := anyInput().Draw(t, "in"), anyPolicy(everyDirection...).Draw(t, "policy")
		in.Times, in.Unreadable = nil, nil
		p.TieWinner = SideMetaKocka
		a, b := Merge(in, p), Merge(mirrorInput(in), mirrorPolicy(p))
		require.Empty(t, Diff(a.CRM, b.Partner)) // the CRM's text keeps a country behind an address
		require.Empty(t, Diff(a.Partner, b.CRM))
		require.Equal(t, a.ToCRM, b.ToPartner)
		require.Equal(t, a.ToPartner, b.ToCRM)
		require.Equal(t, a.Parked, b.Parked)
		require.Empty(t, Diff(a.Base.CRM, b.Base.Partner))
		require.Empty(t, Diff(a.Base.Partner, b.Base.CRM))
	})
}

func mirrorInput(in MergeInput) MergeInput {
	in.CRM, in.Partner = in.Partner, in.CRM
	in.Base.CRM, in.Base.Partner = in.Base.Partner, in.Base.CRM
	overrides := map[Field]Side{}
	for f, s := range in.Overrides {
		overrides[f] = s.Other()
	}
	in.Overrides = overrides
	return in
}

func mirrorPolicy(p Policy) Policy {
	rules := map[Rule]Rule{RuleCRM: RuleMetaKocka, RuleMetaKocka: RuleCRM}
	directions := map[Direction]Direction{DirectionToCRM: DirectionToMetaKocka, DirectionToMetaKocka: DirectionToCRM}
	p.TieWinner = p.TieWinner.Other()
	p.Fields = maps.Clone(p.Fields)
	for f, fp := range p.Fields {
		if r, found := rules[fp.Rule]; found {
			fp.Rule = r
		}
		if d, found := directions[fp.Direction]; found {
			fp.Direction = d
		}
		p.Fields[f] = fp
	}
	return p
}

// An installation that drops or cuts values is not read as an ERP user's edit:
// with what it kept as its base nothing is sent again and nothing comes back, and
// an edit there of any field still does.
func TestLawWhatIsNotKeptIsNoEdit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keep := func(p Partner) Partner {
			p.Notes, p.Website = "", ""
			p.Customer = string([]rune(p.Customer)[:min(6, len([]rune(p.Customer)))])
			return p
		}
		c := anyContact().Draw(t, "contact")
		partner := keep(NewPartner(c))
		got, _ := FromPartner(partner)
		in := MergeInput{Base: Base{CRM: c, Partner: got}, CRM: rewrite(t, c), Partner: got}
		p := anyPolicy(DirectionBoth).Draw(t, "policy")
		r := Merge(in, p)
		require.Empty(t, r.ToCRM)
		require.Empty(t, r.ToPartner)
		require.Equal(t, in.Base, r.Base)

		f := rapid.SampledFrom(Fields()).Draw(t, "field")
		in.Partner.Set(f, anyValue(f).Filter(func(v string) bool { return Canonical(f, v) != "" && !Equal(f, v, got.Get(f)) }).Draw(t, "edit"))
		r = Merge(in, p)
		require.True(t, Equal(f, in.Partner.Get(f), r.CRM.Get(f)))
		require.Empty(t, r.ToPartner)
	})
}
