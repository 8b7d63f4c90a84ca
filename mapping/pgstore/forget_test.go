package pgstore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// merged stores a merge of two contacts with everything that undoing needs.
func (k *keeping) merged(loser, winner int, status store.MergeStatus, finished string) {
	k.t.Helper()
	k.exec(`INSERT INTO mksync_merges (loser_id, winner_id, status, winner_before, winner_after, loser_row, loser_link, winner_link, moved_id, partner_id, partner_before, finished_at)
		VALUES ($1, $2, $3, '{"name": "w"}', '{"name": "w"}', '{"name": "l"}', '{}', '{}', $4, $5, '{}', now() - $6::text::interval)`,
		numbered(loser), numbered(winner), string(status), partnerID(loser), partnerID(winner), finished)
}

// keptMerges are the losers of the merges that still have somebody's data.
func (k *keeping) keptMerges() (losers []string) {
	k.t.Helper()
	all, err := k.Merges(k.t.Context(), store.MergeQuery{})
	require.NoError(k.t, err)
	for _, m := range all {
		data := m.LoserRow != nil || m.LoserLink != nil || m.WinnerLink != nil || m.PartnerBefore != nil
		require.Equal(k.t, data, m.WinnerBefore != mapping.Contact{}, "all of it or nothing")
		if data {
			losers = append([]string{m.LoserID}, losers...)
		}
	}
	return losers
}

// TestAnErasedPersonIsInNoJournal: conflicts, answers, merges and what was last seen of the
// partner go with the change that says so; other people's stay. A merge that is not through
// goes on, and keeps nothing when it is.
func TestAnErasedPersonIsInNoJournal(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.conflicts(parked(mapping.FieldPhone, "1", "2"), decided(mapping.FieldEmail, mapping.SideCRM))
	k.save(numbered(2), store.Change{Link: store.Link{MetaKockaID: partnerID(2), Status: store.StatusSynced}, Conflicts: []store.ConflictRecord{decided(mapping.FieldEmail, mapping.SideCRM)}})
	for n := 1; n <= 2; n++ {
		k.observe(seen(n, fmt.Sprint("p", n), mapping.MatchKeys{Number: "12345678"}))
	}
	k.exec("INSERT INTO mksync_left_out (contact_id, reason) VALUES ($1, 'she asked for it'), ($2, 'so did he')", numbered(1), numbered(2))
	k.exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, '8'), ($2, $3), ($2, '9')", numbered(1), numbered(2), partnerID(1))
	k.merged(1, 5, store.MergeDone, "1 day")
	k.merged(5, 1, store.MergeUndone, "1 day")
	k.merged(6, 1, store.MergeRunning, "1 day")
	k.merged(2, 5, store.MergeDone, "1 day")

	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusDeleted}, Erased: true, PartnerErased: true})
	require.Equal(t, []string{numbered(2)}, each(k.journal(), func(c store.ConflictRecord) string { return c.ContactID }))
	require.Equal(t, []string{numbered(2)}, k.keptMerges())
	open, err := k.Merges(t.Context(), store.MergeQuery{Open: true})
	require.NoError(t, err)
	require.Equal(t, []string{numbered(6)}, each(open, func(m store.ContactMerge) string { return m.LoserID }))
	for _, status := range []store.MergeStatus{store.MergeRunning, store.MergeDone} {
		open[0].Status, open[0].PartnerBefore, open[0].PartnerAfter = status, []byte(`{}`), []byte(`{}`)
		ok, err := k.NoteMerge(t.Context(), open[0], store.MergeRunning)
		require.NoError(t, err)
		require.True(t, ok)
	}
	require.Equal(t, []string{numbered(2)}, k.keptMerges())
	k.is("so did he", "SELECT string_agg(reason, ',') FROM mksync_left_out")
	k.is("9", "SELECT string_agg(metakocka_id, ',') FROM mksync_answers")
	require.Empty(t, k.observed(1).Name)
	require.JSONEq(t, `{}`, string(k.observed(1).Data))
	require.Equal(t, "p2", k.observed(2).Name)
	found, err := k.MatchObserved(t.Context(), mapping.MatchKeys{Number: "12345678"})
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// holding is a link whose two sides hold a phone.
func holding(partner int, phone string) store.Link {
	return store.Link{
		MetaKockaID: partnerID(partner), Status: store.StatusSynced,
		Base: &mapping.Base{CRM: mapping.Contact{Phone: phone}, Partner: mapping.Contact{Phone: phone}},
	}
}

// TestAnErasedPartnerIsErasedWithWhomeverItWasLinkedBefore: contact 2 once had the partner
// and has another one by now, contact 3 had it and has none. What they hold of their own
// time with others stays.
func TestAnErasedPartnerIsErasedWithWhomeverItWasLinkedBefore(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for _, n := range []int{2, 3, 1} {
		secret := fmt.Sprint("secret", n)
		ch := store.Change{Link: holding(1, secret), History: []store.Entry{phoneWritten(mapping.SideCRM, secret, secret+"!")}}
		c := decided(mapping.FieldPhone, mapping.SideCRM)
		c.CRM = secret
		ch.Conflicts = []store.ConflictRecord{c}
		k.save(numbered(n), ch)
		ended := holding(1, secret)
		ended.Status = store.StatusUnlinked
		k.save(numbered(n), store.Change{Link: ended})
	}
	k.save(numbered(2), store.Change{
		Link: holding(2, "own"), History: []store.Entry{phoneWritten(mapping.SideCRM, "own", "y")}, Conflicts: []store.ConflictRecord{decided(mapping.FieldEmail, mapping.SideCRM)},
	})
	k.exec(`INSERT INTO mksync_merges (loser_id, winner_id, status, winner_before, winner_after, loser_row, loser_link, finished_at)
		VALUES ($1, $2, 'merged', '{"name": "w"}', '{"name": "w"}', '{}', jsonb_build_object('metakockaId', $3::text, 'base', '{"crm": {"phone": "secret9"}}'::jsonb), now())`,
		numbered(9), numbered(8), partnerID(1))

	gone := store.Link{MetaKockaID: partnerID(1), Status: store.StatusDeleted}
	k.save(numbered(1), store.Change{Link: gone, Erased: true, PartnerErased: true})
	k.is(int64(0), `SELECT count(*) FROM (SELECT h::text AS t FROM mksync_history h UNION ALL SELECT c::text FROM mksync_conflicts c
		UNION ALL SELECT m::text FROM metakocka_contact_mappings m UNION ALL SELECT s::text FROM mksync_search s UNION ALL SELECT x::text FROM mksync_merges x) a WHERE t LIKE '%secret%'`)
	require.Equal(t, []string{partnerID(2)}, each(k.journal(), func(c store.ConflictRecord) string { return c.MetaKockaID }))
	kept := k.history(store.HistoryQuery{MetaKockaID: partnerID(2)})
	require.Len(t, kept, 1)
	require.Equal(t, "own", kept[0].Fields[mapping.FieldPhone].CRM)
	require.Equal(t, "own", k.linkOf(numbered(2)).Base.CRM.Phone)
	require.Len(t, k.history(store.HistoryQuery{MetaKockaID: partnerID(1)}), 3, "what was done stays")
}

// TestWhoHasThePartnerNowKeepsWhatIsNotTheErasedOnes: the partner of a contact that is erased
// is another's by now. That one keeps its own values, also those that both had and it still
// has, and loses those that were the erased one's alone.
func TestWhoHasThePartnerNowKeepsWhatIsNotTheErasedOnes(t *testing.T) {
	t.Parallel()
	k := keep(t)
	had := holding(1, "secret")
	had.Status = store.StatusUnlinked
	k.save(numbered(1), store.Change{Link: had, History: []store.Entry{phoneWritten(mapping.SideMetaKocka, "shared", "secret")}})

	theirs := phoneWritten(mapping.SideMetaKocka, "secret", "own")
	theirs.Fields[mapping.FieldEmail] = store.EntryField{Base: "secret", CRM: "a@b.si", MetaKocka: "a@b.si"}
	own := phoneWritten(mapping.SideMetaKocka, "own", "shared")
	for _, f := range []string{"secret", "own"} {
		c := decided(mapping.FieldPhone, mapping.SideCRM)
		c.Partner = f
		k.save(numbered(2), store.Change{Link: holding(1, "shared"), Conflicts: []store.ConflictRecord{c}})
	}
	k.save(numbered(2), store.Change{Link: holding(1, "shared"), History: []store.Entry{theirs, own}})
	elsewhere := phoneWritten(mapping.SideMetaKocka, "secret", "secret")
	k.save(numbered(3), store.Change{Link: holding(3, "x"), History: []store.Entry{elsewhere}})

	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusUnlinked}, ContactGone: true, Erased: true})
	all := k.history(store.HistoryQuery{})
	require.Equal(t, elsewhere.Fields, all[0].Fields, "of a partner that the erased one never had")
	require.Equal(t, own.Fields, all[1].Fields, "what the living one still has")
	require.Equal(t, store.EntryField{Scrubbed: true}, all[2].Fields[mapping.FieldPhone])
	require.Equal(t, theirs.Fields[mapping.FieldEmail], all[2].Fields[mapping.FieldEmail], "it is not the erased one's e-mail")
	require.Equal(t, store.EntryField{Scrubbed: true}, all[3].Fields[mapping.FieldPhone])
	require.Equal(t, []string{"own"}, each(k.journal(), func(c store.ConflictRecord) string { return c.Partner }))
	require.Equal(t, "shared", k.linkOf(numbered(2)).Base.CRM.Phone)
}

// TestWhatIsOldIsForgotten after ninety days, not what still waits or may be needed.
func TestWhatIsOldIsForgotten(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.conflicts(parked(mapping.FieldPhone, "old", "2"), decided(mapping.FieldEmail, mapping.SideCRM), decided(mapping.FieldName, mapping.SideCRM))
	k.exec("UPDATE mksync_conflicts SET created_at = now() - interval '91 days' WHERE field <> 'name'")
	k.exec("UPDATE mksync_conflicts SET created_at = now() - interval '89 days' WHERE field = 'name'")
	for n, status := range map[int]string{2: "held", 3: "applied", 4: "rejected", 5: "void", 6: "approved", 7: "applied"} {
		l := k.link(n, store.StatusSynced)
		k.exec("INSERT INTO mksync_deletions (link_id, side, status, created_at) VALUES ($1, 'crm', $2, now() - interval '91 days')", l.ID, status)
	}
	k.exec("UPDATE mksync_deletions d SET closed_at = now() FROM metakocka_contact_mappings m WHERE m.id = d.link_id AND m.contact_id = $1", numbered(7))
	k.merged(11, 1, store.MergeDone, "91 days")
	k.merged(12, 1, store.MergeDone, "89 days")
	k.merged(13, 1, store.MergeUndoing, "91 days")
	require.NoError(t, k.ForgetOld(t.Context(), 0))

	require.Equal(t, []mapping.Field{mapping.FieldPhone, mapping.FieldName}, each(k.journal(), func(c store.ConflictRecord) mapping.Field { return c.Field }))
	left, err := k.Deletions(t.Context(), store.RecordQuery{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{numbered(2), numbered(6), numbered(7)}, each(left, func(d store.DeletionRecord) string { return d.ContactID }))
	require.Equal(t, []string{numbered(12), numbered(13)}, k.keptMerges())
}

// TestPartnersAndTombstonesLeaveTheirIDs: those that are long gone. A partner whose link
// lives may be back.
func TestPartnersAndTombstonesLeaveTheirIDs(t *testing.T) {
	t.Parallel()
	k := keep(t)
	agreed := &mapping.Base{CRM: mapping.Contact{Name: "Ana"}}
	for n, status := range map[int]store.Status{1: store.StatusDeleted, 2: store.StatusSynced, 3: store.StatusUnlinked, 4: store.StatusDeleted} {
		k.save(numbered(n), store.Change{Link: store.Link{MetaKockaID: partnerID(n), Status: status, Base: agreed}})
		k.observe(seen(n, "Ana", mapping.MatchKeys{}))
	}
	k.observe(seen(5, "Ana", mapping.MatchKeys{}))
	k.exec("UPDATE mksync_partners SET missing_since = now() - interval '91 days' WHERE metakocka_id < $1", partnerID(4))
	k.exec("UPDATE mksync_partners SET missing_since = now() - interval '89 days' WHERE metakocka_id = $1", partnerID(4))
	k.exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '91 days' WHERE contact_id <> $1", numbered(4))
	require.NoError(t, k.ForgetOld(t.Context(), 0))
	k.is(partnerID(1)+","+partnerID(3), "SELECT string_agg(metakocka_id, ',' ORDER BY metakocka_id) FROM mksync_partners WHERE data = '{}' AND name = '' AND hash = ''")
	k.is(int64(5), "SELECT count(*) FROM mksync_partners")
	k.is(numbered(1), "SELECT string_agg(contact_id::text, ',') FROM metakocka_contact_mappings WHERE base IS NULL")
}
