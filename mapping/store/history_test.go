package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
)

const phone, email = mapping.FieldPhone, mapping.FieldEmail

func text(v string) *string { return &v }

// TestBeforeAndAfterAnEntry: the side that was written, and no other, holds what was written.
func TestBeforeAndAfterAnEntry(t *testing.T) {
	t.Parallel()
	field := EntryField{CRM: "crm", MetaKocka: "erp", Written: text("new")}
	unwritten := EntryField{CRM: "crm", MetaKocka: "erp"}
	for name, c := range map[string]struct {
		side                   mapping.Side
		field                  EntryField
		before, crm, metakocka string
	}{
		"the contact":        {mapping.SideCRM, field, "crm", "new", "erp"},
		"the partner":        {mapping.SideMetaKocka, field, "erp", "crm", "new"},
		"neither":            {"", field, "crm", "crm", "erp"},
		"not of the contact": {mapping.SideCRM, unwritten, "crm", "crm", "erp"},
		"not of the partner": {mapping.SideMetaKocka, unwritten, "erp", "crm", "erp"},
	} {
		e := Entry{Side: c.side, Fields: map[mapping.Field]EntryField{phone: c.field}}
		crm, metakocka := e.After(phone)
		require.Equal(t, []string{c.before, c.crm, c.metakocka}, []string{e.Before(phone), crm, metakocka}, name)
	}
}

// TestWhatASideMadeOfAWrite: what was to be written is told only where the side holds
// something else of it.
func TestWhatASideMadeOfAWrite(t *testing.T) {
	t.Parallel()
	e := Entry{Fields: map[mapping.Field]EntryField{phone: {CRM: "1"}, email: {CRM: "ana@zora.si", Written: text("ana@zora.si")}}}
	e.Wrote(phone, "2")
	require.Equal(t, EntryField{CRM: "1", Written: text("2")}, e.Fields[phone])
	e.Wrote(email, "ana@zora.si")
	require.Equal(t, EntryField{CRM: "ana@zora.si", Written: text("ana@zora.si")}, e.Fields[email])
	e.Wrote(email, "ana@zora")
	require.Equal(t, EntryField{CRM: "ana@zora.si", Written: text("ana@zora"), Sent: text("ana@zora.si")}, e.Fields[email])
}

// TestWhatTellsLastOfAField: why a field is as it is; see Newest.
func TestWhatTellsLastOfAField(t *testing.T) {
	t.Parallel()
	of := func(id int64, act Act, fields ...mapping.Field) Entry {
		e := Entry{ID: id, Act: act, Fields: map[mapping.Field]EntryField{}}
		for _, f := range fields {
			e.Fields[f] = EntryField{}
		}
		return e
	}
	for act, rest := range map[Act]bool{ActLink: true, ActCreate: true, ActWrite: false} {
		newest := Newest([]Entry{of(9, ActPark, phone, email), of(8, ActWrite, phone), of(7, ActAgree, phone, email), of(6, act)})
		require.EqualValues(t, 8, newest[phone].ID)
		require.EqualValues(t, 7, newest[email].ID)
		_, told := newest[mapping.FieldName]
		require.Equal(t, rest, told, "%s tells of every field", act)
	}

	e := of(1, ActWrite, phone, email)
	require.Equal(t, []mapping.Field{email, phone}, e.Named())
	require.Empty(t, e.Rules())
	for f, rule := range map[mapping.Field]mapping.Rule{phone: mapping.RuleNewest, email: mapping.RuleCRM, mapping.FieldName: mapping.RuleNewest} {
		e.Fields[f] = EntryField{Rule: rule}
	}
	require.Equal(t, "crm,newest", e.Rules())
}
