package pgstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// TestPairsAreLookedUp, in their order: what is there, who is linked with whom, and what a
// person said.
func TestPairsAreLookedUp(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "notes", Null: true}} })
	k.contacts(1, 2, 3, 4)
	k.observe(seen(7, "Ana", mapping.MatchKeys{}), seen(8, "Eva", mapping.MatchKeys{}))
	require.NoError(t, k.MarkMissing(t.Context(), []string{partnerID(8)}))
	k.link(2, store.StatusConflict)
	k.link(3, store.StatusUnlinked)
	k.exec("UPDATE contacts SET notes = 'left out' WHERE id = $1", numbered(4))
	k.exec("INSERT INTO mksync_answers (contact_id, metakocka_id) VALUES ($1, $2)", numbered(3), partnerID(7))

	pairs := [][2]string{
		{numbered(4), partnerID(8)},
		{numbered(1), partnerID(7)},
		{numbered(2), partnerID(2)},
		{numbered(3), partnerID(7)},
		{numbered(1), partnerID(2)},
		{numbered(9), partnerID(3)},
	}
	found, err := k.Pairings(t.Context(), pairs)
	require.NoError(t, err)
	require.Len(t, found, len(pairs))
	for i := range found {
		require.Equal(t, [2]string{found[i].ContactID, found[i].MetaKockaID}, pairs[i])
		require.Equal(t, i != 5, found[i].Contact != nil)
		require.Equal(t, i != 5 && i != 0, found[i].InScope)
		require.Equal(t, i == 1 || i == 3, found[i].Partner != nil, "that partner was seen")
		require.Equal(t, i == 3, found[i].Parted)
	}
	require.Equal(t, "contact 1", found[1].Contact.Name)
	require.Equal(t, []string{partnerID(2), "conflict", numbered(2)}, []string{found[2].LinkedTo, string(found[2].Status), found[2].Holder})
	require.Equal(t, []string{"", "unlinked", ""}, []string{found[3].LinkedTo, string(found[3].Status), found[3].Holder})
	require.Equal(t, []string{"", "", numbered(2)}, []string{found[4].LinkedTo, string(found[4].Status), found[4].Holder})
	require.Equal(t, []string{"", "", ""}, []string{found[5].LinkedTo, string(found[5].Status), found[5].Holder})
}

// TestPairsOfAForeignTable: of any types and names, trimmed, without rows that name none.
func TestPairsOfAForeignTable(t *testing.T) {
	t.Parallel()
	url := prepared.DB(t)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	exec(`CREATE SCHEMA "Old"; CREATE TABLE "Old".metakocka_contact_mappings ("Contact" varchar(40), gone int, "Mk ID" bigint); ALTER TABLE "Old".metakocka_contact_mappings DROP gone;
		INSERT INTO "Old".metakocka_contact_mappings VALUES (' b ', 2), ('a', 1), ('', 3), ('c', NULL), (NULL, 4)`)
	read := func(table string, choose func([]string) (string, string, error)) ([][2]string, int, error) {
		return pgstore.ReadPairs(t.Context(), conn, table, "Old", "public", choose)
	}
	both := func(columns []string) (string, string, error) {
		require.Equal(t, []string{"Contact", "Mk ID"}, columns)
		return columns[0], columns[1], nil
	}
	for _, table := range []string{"metakocka_contact_mappings", "Old.metakocka_contact_mappings"} {
		pairs, blank, err := read(table, both)
		require.NoError(t, err)
		require.ElementsMatch(t, [][2]string{{"a", "1"}, {"b", "2"}}, pairs)
		require.Equal(t, 3, blank)
	}

	none := errors.New("no such column")
	_, _, err = read("metakocka_contact_mappings", func([]string) (string, string, error) { return "", "", none })
	require.ErrorIs(t, err, none)
	for table, words := range map[string]string{
		"public.metakocka_contact_mappings": "is mksync's own", "public.nowhere": "there is no table public.nowhere", "nowhere": "there is no table Old.nowhere",
	} {
		_, _, err := read(table, both)
		var refused *pgstore.TableError
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, words)
	}
}

// TestAPairThatNobodyMergedIsTakenWhenDue: who took it over was cut off.
func TestAPairThatNobodyMergedIsTakenWhenDue(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2, 3)
	for n, in := range map[int]time.Duration{1: -time.Minute, 2: time.Minute} {
		k.save(numbered(n), store.Change{Link: store.Link{MetaKockaID: partnerID(n), Status: store.StatusPending, RetryAt: time.Now().Add(in)}})
	}
	k.save(numbered(3), store.Change{Link: store.Link{MetaKockaID: partnerID(3), Status: store.StatusPending}})
	require.Equal(t, []store.Refused{{ContactID: numbered(1)}}, k.takes("", 10))
}
