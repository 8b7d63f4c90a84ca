package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestHiddenRowsAreAnError, not an absence: with a policy that hides contacts from the
// role nothing is read, and what to do is said; it heals by itself.
func TestHiddenRowsAreAnError(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("INSERT INTO contacts (id, name) VALUES ($1, 'Ana')", one)
	kept := k.as(t, "GRANT ALL ON contacts TO %[1]s")
	reads := map[string]func() error{
		"a contact": func() error {
			return kept.WithContact(t.Context(), one, func(k store.Session) error { _, err := k.Load(t.Context()); return err })
		},
		"all contacts":  func() error { _, err := kept.Pairs(t.Context(), "", 10); return err },
		"a first match": func() error { _, err := kept.MatchContacts(t.Context(), "", 10); return err },
		"an import": func() error {
			_, err := kept.UnlinkedContacts(t.Context(), "1", mapping.MatchKeys{Number: "12345678"})
			return err
		},
		"a truncation": func() error {
			_, err := kept.HoldAll(t.Context(), coded.Words("truncated"), store.Why{Cause: store.BecauseEvent})
			return err
		},
		"a clean-up":      func() error { _, err := kept.RemoveTombstones(t.Context()); return err },
		"a known contact": func() error { _, _, err := kept.ContactKnown(t.Context(), one); return err },
	}
	all := func(check func(name string, err error)) {
		for name, read := range reads {
			check(name, read())
		}
	}
	fine := func(name string, err error) { require.NoError(t, err, name) }
	all(fine)
	k.exec("CREATE POLICY mine ON contacts USING (name = 'nobody')")
	k.exec("ALTER TABLE contacts ENABLE ROW LEVEL SECURITY")
	all(func(name string, err error) {
		var hidden *store.HiddenError
		require.ErrorAs(t, err, &hidden, name)
		require.Equal(t, []string{"contacts"}, hidden.Tables)
		require.Contains(t, err.Error(), "BYPASSRLS", name)
	})
	k.exec("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY")
	all(fine)
}
