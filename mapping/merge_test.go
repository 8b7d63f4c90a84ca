package mapping

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// agreed is a base on which both sides hold the same.
func agreed(c Contact) Base { return Base{CRM: c, Partner: c} }

func with(c Contact, f Field, v string) Contact {
	c.Set(f, v)
	return c
}

var ana = Contact{
	Name: "Ana Kralj", Email: "ana@podjetje.si", Phone: "041 123 456", Country: "SI",
	Address: "Slovenska cesta 1, Ljubljana, 1000", TaxNumber: "SI12345678", Notes: "plačuje redno",
}

func TestMergeWithoutAConflict(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		base         Base
		crm, partner Contact
		toCRM        []Field
		toPartner    []Field
		wantCRM      Contact
		wantPartner  Contact
		wantBase     Base
	}{
		{"nothing changed", agreed(ana), ana, ana, nil, nil, ana, ana, agreed(ana)},
		{
			"formatting is no change", agreed(ana),
			with(with(ana, FieldPhone, "+386 41 123 456"), FieldAddress, "Slovenska cesta 1\n1000 Ljubljana"), with(ana, FieldTaxNumber, "si 123 456 78"),
			nil, nil,
			with(with(ana, FieldPhone, "+386 41 123 456"), FieldAddress, "Slovenska cesta 1\n1000 Ljubljana"), with(ana, FieldTaxNumber, "si 123 456 78"),
			agreed(ana),
		},
		{
			"one side each", agreed(ana), with(ana, FieldEmail, "nova@podjetje.si"), with(ana, FieldPhone, "031 111 222"),
			[]Field{FieldPhone},
			[]Field{FieldEmail},
			with(with(ana, FieldEmail, "nova@podjetje.si"), FieldPhone, "031 111 222"),
			with(with(ana, FieldEmail, "nova@podjetje.si"), FieldPhone, "031 111 222"),
			agreed(with(with(ana, FieldEmail, "nova@podjetje.si"), FieldPhone, "031 111 222")),
		},
		{
			"cleared on one side", agreed(ana), with(ana, FieldNotes, ""), ana,
			nil,
			[]Field{FieldNotes},
			with(ana, FieldNotes, ""), with(ana, FieldNotes, ""), agreed(with(ana, FieldNotes, "")),
		},
		{
			"both made the same change, spelled differently", agreed(ana), with(ana, FieldPhone, "031 111 222"), with(ana, FieldPhone, "+38631111222"),
			nil, nil, with(ana, FieldPhone, "031 111 222"), with(ana, FieldPhone, "+38631111222"),
			Base{CRM: with(ana, FieldPhone, "031 111 222"), Partner: with(ana, FieldPhone, "+38631111222")},
		},
		{
			"a name that vanished is no change and is not brought back", agreed(ana), ana, with(ana, FieldName, ""),
			nil, nil, ana, with(ana, FieldName, ""),
			Base{CRM: ana, Partner: with(ana, FieldName, "")},
		},
		{
			"first match: equal, or one of them empty",
			Base{},
			with(ana, FieldEmail, ""), with(ana, FieldNotes, " "),
			[]Field{FieldEmail},
			[]Field{FieldNotes},
			ana, ana, agreed(ana),
		},
		{
			"a value that MetaKocka did not keep",
			Base{CRM: ana, Partner: with(ana, FieldNotes, "")},
			ana, with(ana, FieldNotes, ""),
			nil, nil, ana, with(ana, FieldNotes, ""),
			Base{CRM: ana, Partner: with(ana, FieldNotes, "")},
		},
		{
			"a value that MetaKocka did not keep is tried again when it changes",
			Base{CRM: ana, Partner: with(ana, FieldNotes, "")},
			with(ana, FieldNotes, "novo"), with(ana, FieldNotes, ""),
			nil,
			[]Field{FieldNotes},
			with(ana, FieldNotes, "novo"), with(ana, FieldNotes, "novo"), agreed(with(ana, FieldNotes, "novo")),
		},
		{
			"an edit of the value that MetaKocka had cut",
			Base{CRM: ana, Partner: with(ana, FieldNotes, "plačuje")},
			ana, with(ana, FieldNotes, "plačuje pozno"),
			[]Field{FieldNotes},
			nil, with(ana, FieldNotes, "plačuje pozno"), with(ana, FieldNotes, "plačuje pozno"), agreed(with(ana, FieldNotes, "plačuje pozno")),
		},
		{
			"values that cannot be sent stay where they are",
			agreed(ana), with(with(ana, FieldPhone, "pokliči tajnico"), FieldCountry, "Nikjer"), ana,
			nil, nil, with(with(ana, FieldPhone, "pokliči tajnico"), FieldCountry, "Nikjer"), ana,
			Base{CRM: with(with(ana, FieldPhone, "pokliči tajnico"), FieldCountry, "Nikjer"), Partner: ana},
		},
		{
			"and stay there the next time",
			Base{CRM: with(ana, FieldPhone, "pokliči tajnico"), Partner: ana},
			with(ana, FieldPhone, "pokliči tajnico"), ana,
			nil, nil, with(ana, FieldPhone, "pokliči tajnico"), ana,
			Base{CRM: with(ana, FieldPhone, "pokliči tajnico"), Partner: ana},
		},
		{
			"the CRM takes over what MetaKocka made of its value",
			Base{CRM: ana, Partner: with(ana, FieldNotes, "plačuje")},
			with(ana, FieldNotes, "plačuje"), with(ana, FieldNotes, "plačuje"),
			nil, nil, with(ana, FieldNotes, "plačuje"), with(ana, FieldNotes, "plačuje"), agreed(with(ana, FieldNotes, "plačuje")),
		},
	} {
		got := Merge(MergeInput{Base: tc.base, CRM: tc.crm, Partner: tc.partner}, DefaultPolicy())
		require.Equal(t, MergeResult{CRM: tc.wantCRM, Partner: tc.wantPartner, ToCRM: tc.toCRM, ToPartner: tc.toPartner, Base: tc.wantBase}, got, tc.name)
	}
}

func TestMergeConflicts(t *testing.T) {
	t.Parallel()
	crm, partner := with(ana, FieldEmail, "crm@podjetje.si"), with(ana, FieldEmail, "erp@podjetje.si")
	for _, tc := range []struct {
		rule   Rule
		tie    Side
		winner Side
		tied   bool
	}{
		{RuleCRM, SideMetaKocka, SideCRM, false},
		{RuleMetaKocka, SideCRM, SideMetaKocka, false},
		{RuleManual, SideCRM, "", false},
		{RuleNewest, SideCRM, SideCRM, true},
		{RuleNewest, SideMetaKocka, SideMetaKocka, true},
		{RuleNewest, "", SideCRM, true},
		{"", "", SideCRM, true},
	} {
		p := Policy{Fields: map[Field]FieldPolicy{FieldEmail: {Rule: tc.rule}}, TieWinner: tc.tie}
		got := Merge(MergeInput{Base: agreed(ana), CRM: crm, Partner: partner}, p)
		require.Equal(t, []Conflict{{
			Field: FieldEmail, BaseCRM: ana.Email, BasePartner: ana.Email, CRM: crm.Email, Partner: partner.Email,
			Rule: p.For(FieldEmail).Rule, Winner: tc.winner, Undecidable: tc.tied,
		}}, got.Conflicts)
		switch tc.winner {
		case SideCRM:
			require.Equal(t, MergeResult{CRM: crm, Partner: crm, ToPartner: []Field{FieldEmail}, Conflicts: got.Conflicts, Base: agreed(crm)}, got)
		case SideMetaKocka:
			require.Equal(t, MergeResult{CRM: partner, Partner: partner, ToCRM: []Field{FieldEmail}, Conflicts: got.Conflicts, Base: agreed(partner)}, got)
		default:
			require.Equal(t, MergeResult{CRM: crm, Partner: partner, Conflicts: got.Conflicts, Parked: []Field{FieldEmail}, Base: agreed(ana)}, got)
		}
	}
}

// TestTheNewestChangeWins, where the times tell which one it is.
func TestTheNewestChangeWins(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
	crm, partner := with(ana, FieldEmail, "crm@podjetje.si"), with(ana, FieldEmail, "erp@podjetje.si")
	for changed, winner := range map[int]Side{9: SideMetaKocka, 31: SideCRM} {
		in := MergeInput{Base: agreed(ana), CRM: crm, Partner: partner, Times: map[Field]Times{FieldEmail: {CRM: at(changed), PartnerAfter: at(10), PartnerBefore: at(30)}}}
		got := Merge(in, Policy{TieWinner: winner.Other()}).Conflicts
		require.Len(t, got, 1)
		require.Equal(t, winner, got[0].Winner)
		require.False(t, got[0].Undecidable)
	}
}

// TestAnEditThatCannotBeSentIsAConflict like any other: the rule decides, not MetaKocka.
func TestAnEditThatCannotBeSentIsAConflict(t *testing.T) {
	t.Parallel()
	p := Policy{Fields: map[Field]FieldPolicy{FieldEmail: {Rule: RuleManual}}}
	crm := with(ana, FieldEmail, "ana@")
	got := Merge(MergeInput{Base: agreed(ana), CRM: crm, Partner: with(ana, FieldEmail, "erp@podjetje.si")}, p)
	require.Equal(t, []Field{FieldEmail}, got.Parked)
	require.Equal(t, crm, got.CRM)
}

func TestParkedFieldDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	p := Policy{Fields: map[Field]FieldPolicy{FieldEmail: {Rule: RuleManual}}}
	crm := with(with(ana, FieldEmail, "crm@podjetje.si"), FieldNotes, "novo")
	partner := with(with(ana, FieldEmail, "erp@podjetje.si"), FieldPhone, "031 111 222")
	in := MergeInput{Base: agreed(ana), CRM: crm, Partner: partner}
	got := Merge(in, p)
	require.Equal(t, []Field{FieldEmail}, got.Parked)
	require.Equal(t, []Field{FieldPhone}, got.ToCRM)
	require.Equal(t, []Field{FieldNotes}, got.ToPartner)

	in.Overrides = map[Field]Side{FieldEmail: SideMetaKocka}
	got = Merge(in, p)
	require.Empty(t, got.Conflicts)
	require.Empty(t, got.Parked)
	require.Equal(t, "erp@podjetje.si", got.CRM.Email)
	require.Equal(t, agreed(got.CRM), got.Base)
}

func TestMergeDirections(t *testing.T) {
	t.Parallel()
	crm, partner := with(ana, FieldEmail, "crm@podjetje.si"), with(ana, FieldEmail, "erp@podjetje.si")
	none := []Field(nil)
	email := []Field{FieldEmail}
	for _, tc := range []struct {
		name             string
		direction        Direction
		crm, partner     Contact
		toCRM, toPartner []Field
		base             Base
	}{
		{"off", DirectionOff, crm, partner, none, none, agreed(ana)},
		{"off, both made the same change", DirectionOff, crm, crm, none, none, agreed(ana)},
		{"to_metakocka, both changed", DirectionToMetaKocka, crm, partner, none, email, agreed(crm)},
		{"to_metakocka, only the partner", DirectionToMetaKocka, ana, partner, none, none, agreed(ana)},
		{"to_metakocka, only the CRM", DirectionToMetaKocka, crm, ana, none, email, agreed(crm)},
		{"to_crm, both changed", DirectionToCRM, crm, partner, email, none, agreed(partner)},
		{"to_crm, only the CRM", DirectionToCRM, crm, ana, none, none, agreed(ana)},
		{"to_crm, only the partner", DirectionToCRM, ana, partner, email, none, agreed(partner)},
	} {
		p := Policy{Fields: map[Field]FieldPolicy{FieldEmail: {Direction: tc.direction, Rule: RuleManual}}}
		got := Merge(MergeInput{Base: agreed(ana), CRM: tc.crm, Partner: tc.partner}, p)
		require.Equal(t, tc.toCRM, got.ToCRM, tc.name)
		require.Equal(t, tc.toPartner, got.ToPartner, tc.name)
		require.Equal(t, tc.base, got.Base, tc.name)
		require.Empty(t, got.Conflicts, tc.name)
	}
}

func TestKeepNonEmpty(t *testing.T) {
	t.Parallel()
	p := Policy{Fields: map[Field]FieldPolicy{FieldNotes: {KeepNonEmpty: true, Rule: RuleCRM}}}
	cleared := with(ana, FieldNotes, "")

	got := Merge(MergeInput{Base: agreed(ana), CRM: cleared, Partner: ana}, p)
	want := MergeResult{CRM: cleared, Partner: ana, Base: Base{CRM: cleared, Partner: ana}}
	require.Equal(t, want, got, "clearing stays on its side")
	require.Equal(t, want, Merge(MergeInput{Base: got.Base, CRM: got.CRM, Partner: got.Partner}, p), "and the value does not come back")

	toMetaKocka := Policy{Fields: map[Field]FieldPolicy{FieldNotes: {KeepNonEmpty: true, Direction: DirectionToMetaKocka}}}
	require.Equal(t, want, Merge(MergeInput{Base: agreed(ana), CRM: cleared, Partner: ana}, toMetaKocka), "whatever the direction")

	edited := with(ana, FieldNotes, "plačuje pozno")
	got = Merge(MergeInput{Base: got.Base, CRM: cleared, Partner: edited}, p)
	require.Equal(t, MergeResult{CRM: edited, Partner: edited, ToCRM: []Field{FieldNotes}, Base: agreed(edited)}, got, "a later edit does")

	got = Merge(MergeInput{Base: agreed(ana), CRM: cleared, Partner: edited}, p)
	require.Equal(t, MergeResult{CRM: edited, Partner: edited, ToCRM: []Field{FieldNotes}, Base: agreed(edited)}, got, "nothing to weigh against an edit")

	got = Merge(MergeInput{Base: agreed(ana), CRM: cleared, Partner: ana, Overrides: map[Field]Side{FieldNotes: SideCRM}}, p)
	require.Equal(t, want, got, "nor by a person's decision")
}

func TestUnreadableIsLeftAlone(t *testing.T) {
	t.Parallel()
	crm, partner := with(ana, FieldCountry, "AT"), with(ana, FieldCountry, "")
	in := MergeInput{Base: agreed(ana), CRM: crm, Partner: partner, Unreadable: []Field{FieldCountry}}
	got := Merge(in, DefaultPolicy())
	require.Equal(t, MergeResult{CRM: crm, Partner: partner, Base: agreed(ana)}, got)

	in.Overrides = map[Field]Side{FieldCountry: SideMetaKocka}
	require.Equal(t, got, Merge(in, DefaultPolicy()), "what cannot be read cannot be taken")

	in.Overrides = map[Field]Side{FieldCountry: SideCRM}
	require.Equal(t, MergeResult{CRM: crm, Partner: crm, ToPartner: []Field{FieldCountry}, Base: agreed(crm)}, Merge(in, DefaultPolicy()))
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	partner := with(ana, FieldEmail, "erp@podjetje.si")
	for _, tc := range []struct {
		name      string
		direction Direction
		side      Side
		toCRM     bool
		toPartner bool
	}{
		{"a one-sided change is undone", DirectionBoth, SideCRM, false, true},
		{"a one-sided change is taken", DirectionBoth, SideMetaKocka, true, false},
		{"not against the direction", DirectionToMetaKocka, SideMetaKocka, false, false},
		{"with the direction", DirectionToMetaKocka, SideCRM, false, true},
		{"not where the field is off", DirectionOff, SideCRM, false, false},
		{"an unknown side decides nothing", DirectionBoth, "", true, false},
	} {
		p := Policy{Fields: map[Field]FieldPolicy{FieldEmail: {Direction: tc.direction}}}
		got := Merge(MergeInput{Base: agreed(ana), CRM: ana, Partner: partner, Overrides: map[Field]Side{FieldEmail: tc.side}}, p)
		require.Equal(t, tc.toCRM, len(got.ToCRM) == 1, tc.name)
		require.Equal(t, tc.toPartner, len(got.ToPartner) == 1, tc.name)
	}
	same := Merge(MergeInput{Base: agreed(ana), CRM: partner, Partner: partner, Overrides: map[Field]Side{FieldEmail: SideCRM}}, DefaultPolicy())
	require.Equal(t, MergeResult{CRM: partner, Partner: partner, Base: agreed(partner)}, same, "what both hold is not written")
}

func TestNewest(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time {
		if minute == 0 {
			return time.Time{}
		}
		return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC)
	}
	for _, tc := range []struct {
		name               string
		crm, after, before int
		want               Side
	}{
		{"CRM before the interval", 10, 20, 30, SideMetaKocka},
		{"CRM when the partner was last seen unchanged", 20, 20, 30, SideMetaKocka},
		{"CRM inside", 25, 20, 30, ""},
		{"CRM when the change was seen", 30, 20, 30, ""},
		{"CRM after the interval", 31, 20, 30, SideCRM},
		{"CRM unknown", 0, 20, 30, ""},
		{"partner never seen before, CRM earlier", 10, 0, 30, ""},
		{"partner never seen before, CRM later", 31, 0, 30, SideCRM},
		{"seen when is unknown, CRM earlier", 10, 20, 0, SideMetaKocka},
		{"seen when is unknown, CRM later", 25, 20, 0, ""},
		{"nothing known of the partner", 25, 0, 0, ""},
		{"an interval that is none tells nothing", 25, 30, 20, ""},
	} {
		times := Times{CRM: at(tc.crm), PartnerAfter: at(tc.after), PartnerBefore: at(tc.before)}
		require.Equal(t, tc.want, times.newest(), tc.name)
	}
}
