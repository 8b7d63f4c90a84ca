package mapping

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestWhatABaseForgets: a field that the two never agreed on, and that one side did not keep.
func TestWhatABaseForgets(t *testing.T) {
	t.Parallel()
	was := Base{CRM: Contact{Phone: "1", Email: "a@b.si"}, Partner: Contact{Phone: "2", Email: "a@b.si"}, Unkept: []Field{FieldNotes}}
	b := was
	b.NotKept(FieldPhone)
	b.NotKept(FieldPhone)
	require.Equal(t, []Field{FieldNotes, FieldPhone}, b.Unkept)
	require.Equal(t, []Field{FieldNotes}, was.Unkept, "another's base is left alone")

	noted := b
	b.Forget(FieldPhone)
	require.Equal(t, Base{CRM: Contact{Email: "a@b.si"}, Partner: Contact{Email: "a@b.si"}, Unkept: []Field{FieldNotes}}, b)
	require.Equal(t, []Field{FieldNotes, FieldPhone}, noted.Unkept)
}

// TestTimesOfAfterNowTellNothing: the clock was put back since.
func TestTimesOfAfterNowTellNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	before, after := now.Add(-time.Second), now.Add(time.Second)
	require.Equal(t, Times{CRM: now, PartnerAfter: before}, Times{CRM: now, PartnerAfter: before, PartnerBefore: after}.Until(now))
	require.Equal(t, Times{PartnerBefore: before}, Times{CRM: after, PartnerAfter: after, PartnerBefore: before}.Until(now))
}

// TestWhichSideChangedLast: only where the times leave no doubt.
func TestWhichSideChangedLast(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 11, 30, 12, 0, s, 0, time.UTC) }
	for name, c := range map[string]struct {
		times Times
		want  Side
	}{
		"the CRM":                      {Times{CRM: at(9), PartnerAfter: at(1), PartnerBefore: at(5)}, SideCRM},
		"MetaKocka":                    {Times{CRM: at(1), PartnerAfter: at(2), PartnerBefore: at(5)}, SideMetaKocka},
		"MetaKocka, at the very time":  {Times{CRM: at(2), PartnerAfter: at(2), PartnerBefore: at(5)}, SideMetaKocka},
		"the CRM, at the very time":    {Times{CRM: at(5), PartnerAfter: at(2), PartnerBefore: at(5)}, ""},
		"in between":                   {Times{CRM: at(3), PartnerAfter: at(2), PartnerBefore: at(5)}, ""},
		"the contact's is not known":   {Times{PartnerAfter: at(2), PartnerBefore: at(5)}, ""},
		"the partner's is not known":   {Times{CRM: at(3)}, ""},
		"only that it was seen":        {Times{CRM: at(9), PartnerBefore: at(5)}, SideCRM},
		"only that it was not yet":     {Times{CRM: at(1), PartnerAfter: at(5)}, SideMetaKocka},
		"a clock was put back":         {Times{CRM: at(1), PartnerAfter: at(5), PartnerBefore: at(3)}, ""},
		"a clock was put back, before": {Times{CRM: at(9), PartnerAfter: at(5), PartnerBefore: at(3)}, ""},
	} {
		require.Equal(t, c.want, c.times.newest(), name)
	}
}

// TestAnEditReplacesWhatCouldNotBeSent: nobody would find the value again that never
// reached the partner, so it is recorded.
func TestAnEditReplacesWhatCouldNotBeSent(t *testing.T) {
	t.Parallel()
	crm := Contact{Name: "Ana", Email: "ana@"}
	partner := Contact{Name: "Ana"}
	now := Contact{Name: "Ana", Email: "ana@zora.si"}
	r := Merge(MergeInput{Base: Base{CRM: crm, Partner: partner}, CRM: crm, Partner: now}, DefaultPolicy())
	require.Equal(t, now, r.CRM)
	require.Equal(t, []Field{FieldEmail}, r.ToCRM)
	require.Empty(t, r.ToPartner)
	require.Len(t, r.Conflicts, 1)
	c := r.Conflicts[0]
	require.Equal(t, []any{FieldEmail, "ana@", "ana@zora.si", SideMetaKocka}, []any{c.Field, c.CRM, c.Partner, c.Winner})
	require.Empty(t, r.Parked)
}
