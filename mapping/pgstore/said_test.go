package pgstore_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// gone is what is said of a link.
var gone = coded.Say("note.x", "{tables} refer to it", "a, b").And(coded.Say("note.y", "it waits"))

// saying is contact n's link, as an error that is said.
func (k *keeping) saying(n int, said coded.Text) {
	k.t.Helper()
	k.save(numbered(n), store.Change{Link: store.Link{MetaKockaID: partnerID(n), Status: store.StatusError, LastError: said}})
}

// TestWhatIsSaidIsStoredWithItsCode, wherever the words are, and goes with them.
func TestWhatIsSaidIsStoredWithItsCode(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2, 3)
	for n := 1; n <= 4; n++ {
		k.saying(n, gone)
	}
	require.Equal(t, codeOf(gone), codeOf(k.linkOf(numbered(1)).LastError))
	listed, err := k.ListContacts(t.Context(), store.ContactQuery{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, codeOf(gone), codeOf(listed[0].LastError))

	// What is held says the same with its link.
	n, err := k.HoldAll(t.Context(), gone, store.Why{Cause: store.BecauseCheck})
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "contact 4 is not there")
	require.Equal(t, codeOf(gone), codeOf(k.held(4).Reason))
	require.Equal(t, codeOf(gone), codeOf(k.linkOf(numbered(4)).LastError))
	require.False(t, k.admit(2, mapping.SideMetaKocka, 0, ""))
	require.Equal(t, "note.held.guard", k.held(2).Reason.Code)
	require.NoError(t, k.HoldMissing(t.Context(), []string{partnerID(3)}, gone))
	require.Equal(t, codeOf(gone), codeOf(k.held(3).Reason))

	kept := coded.Say("note.z", "kept as it is")
	require.NoError(t, k.RejectDeletion(t.Context(), k.held(4), store.StatusDeleted, kept, ""))
	require.Equal(t, kept, k.linkOf(numbered(4)).LastError)

	// Nothing is left of it where the words go.
	k.within(numbered(1), func(s store.Session, _ store.State) {
		require.NoError(t, s.SetLeftOut(t.Context(), &store.LeftOut{Reason: "a friend"}, nil))
	})
	k.saying(2, coded.Text{})
	k.is(0, "SELECT count(*)::int FROM metakocka_contact_mappings WHERE last_error IS NULL AND last_error_said IS NOT NULL")
	k.is(2, "SELECT count(*)::int FROM metakocka_contact_mappings WHERE last_error IS NULL")
}

// TestWhatEarlierVersionsStoredIsRead: the words are all there is, as they are where somebody
// else has changed them since; storing them once more makes no code of them.
func TestWhatEarlierVersionsStoredIsRead(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2)
	k.saying(1, gone)
	k.exec("UPDATE metakocka_contact_mappings SET last_error_said = NULL")
	k.saying(2, gone)
	k.exec("UPDATE metakocka_contact_mappings SET last_error = 'phone: Napaka 12' WHERE contact_id = $1", numbered(2))
	require.NoError(t, k.HoldMissing(t.Context(), []string{partnerID(1)}, gone))
	k.exec("UPDATE mksync_deletions SET reason_said = NULL")

	require.Equal(t, coded.Earlier(gone.String()), k.linkOf(numbered(1)).LastError)
	require.Equal(t, coded.Earlier("phone: Napaka 12"), k.linkOf(numbered(2)).LastError)
	require.Equal(t, coded.Earlier(gone.String()), k.held(1).Reason)

	again := *k.linkOf(numbered(1))
	k.save(numbered(1), store.Change{Link: again})
	require.Equal(t, again.LastError, k.linkOf(numbered(1)).LastError)
	k.is(true, "SELECT last_error_said IS NULL FROM metakocka_contact_mappings WHERE contact_id = $1", numbered(1))
}

// codeOf is a text as it comes from where its parts' words are not kept.
func codeOf(t coded.Text) []string {
	codes := []string{t.String(), t.Code, t.Params["tables"]}
	for _, more := range t.More {
		codes = append(codes, more.Code)
	}
	return codes
}

// TestWordsAreNeverStoredWithoutTheirCode: each statement that reads or sets a column of words
// does the same to the column beside it.
func TestWordsAreNeverStoredWithoutTheirCode(t *testing.T) {
	t.Parallel()
	words := regexp.MustCompile(`\b(last_error\b|d\.reason\b|side, reason\b|note = [$']|j\.paused\b|paused =|coalesce\(j\.error\b|result = \$6, error\b)`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, at := range words.FindAllIndex(content, -1) {
			if strings.HasSuffix(string(content[:at[0]]), "strpos(m.") {
				continue // a look for MetaKocka's words
			}
			found++
			require.Contains(t, string(content[at[0]:at[0]+60]), "_said", file)
		}
	}
	require.Greater(t, found, 15)
}
