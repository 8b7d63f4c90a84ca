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
// partner go with the change that says so; other people's stay, and so does a merge that
// is not through.
func TestAnErasedPersonIsInNoJournal(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.conflicts(parked(mapping.FieldPhone, "1", "2"), decided(mapping.FieldEmail, mapping.SideCRM))
	k.save(numbered(2), store.Change{Link: store.Link{MetaKockaID: partnerID(2), Status: store.StatusSynced}, Conflicts: []store.ConflictRecord{decided(mapping.FieldEmail, mapping.SideCRM)}})
	for n := 1; n <= 2; n++ {
		k.observe(seen(n, fmt.Sprint("p", n), mapping.MatchKeys{Number: "12345678"}))
	}
	k.exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, '8'), ($2, $3), ($2, '9')", numbered(1), numbered(2), partnerID(1))
	k.merged(1, 5, store.MergeDone, "1 day")
	k.merged(5, 1, store.MergeUndone, "1 day")
	k.merged(6, 1, store.MergeRunning, "1 day")
	k.merged(2, 5, store.MergeDone, "1 day")

	k.save(numbered(1), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusDeleted}, Erased: true})
	require.Equal(t, []string{numbered(2)}, each(k.journal(), func(c store.ConflictRecord) string { return c.ContactID }))
	require.Equal(t, []string{numbered(6), numbered(2)}, k.keptMerges())
	k.is("9", "SELECT string_agg(metakocka_id, ',') FROM mksync_answers")
	require.Empty(t, k.observed(1).Name)
	require.JSONEq(t, `{}`, string(k.observed(1).Data))
	require.Equal(t, "p2", k.observed(2).Name)
	found, err := k.MatchObserved(t.Context(), mapping.MatchKeys{Number: "12345678"})
	require.NoError(t, err)
	require.Len(t, found, 1)
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
