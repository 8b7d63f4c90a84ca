package pgstore_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/migrations"
)

// TestContactsOfADatabaseWithoutUTF8 are read and written as a person sees them; bytes
// that are no text are told, and hold up no other contact.
func TestContactsOfADatabaseWithoutUTF8(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN2", "SQL_ASCII"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			address := testenv.EncodedDB(t, encoding)
			testenv.ContactsTable(t, address)
			_, err := migrations.Up(t.Context(), address)
			require.NoError(t, err)
			kept, pool := openStore(t, address)
			_, err = pool.Exec(t.Context(), "INSERT INTO contacts (id, name, notes) VALUES ($1, 'Špela Črnigoj', 'ž')", one)
			require.NoError(t, err)
			load(t, kept, one, func(k store.Session, st store.State) {
				require.Equal(t, "Špela Črnigoj", st.Contact.Name)
				require.Empty(t, st.NoText)
				ch := store.Change{Link: store.Link{ContactID: one, Status: store.StatusSynced, Base: &mapping.Base{}}, Contact: *st.Contact}
				ch.Contact.Notes, ch.ToCRM = "čšž", []mapping.Field{mapping.FieldNotes}
				require.NoError(t, k.Save(t.Context(), &ch))
			})
			load(t, kept, one, func(_ store.Session, st store.State) { require.Equal(t, "čšž", st.Contact.Notes) })
			if encoding != "SQL_ASCII" {
				return
			}
			_, err = pool.Exec(t.Context(), "INSERT INTO contacts (id, name, notes) VALUES ($1, 'Ana', $2)", other, "a\xe8b")
			require.NoError(t, err)
			load(t, kept, other, func(_ store.Session, st store.State) {
				require.Equal(t, []mapping.Field{mapping.FieldNotes}, st.NoText)
			})
			pairs, err := kept.Pairs(t.Context(), "", 10)
			require.NoError(t, err)
			require.Len(t, pairs, 2)
		})
	}
}

func load(t *testing.T, s interface {
	WithContact(ctx context.Context, id string, use func(store.Session) error) error
}, id string, use func(store.Session, store.State),
) {
	t.Helper()
	require.NoError(t, s.WithContact(t.Context(), id, func(k store.Session) error {
		st, err := k.Load(t.Context())
		require.NoError(t, err)
		use(k, st)
		return nil
	}))
}

// TestHiddenRowsAreAnError, not an absence: with a policy that hides contacts from the
// role nothing is read, and what to do is said; it heals by itself.
func TestHiddenRowsAreAnError(t *testing.T) {
	t.Parallel()
	database := prepared.DB(t)
	role := testenv.SlotName(t)
	testenv.Exec(t, database, "CREATE ROLE "+role+" LOGIN PASSWORD 'x'")
	t.Cleanup(func() {
		testenv.Exec(t, database, "DROP OWNED BY "+role)
		testenv.Exec(t, database, "DROP ROLE "+role)
	})
	testenv.Exec(t, database, "GRANT ALL ON contacts TO "+role)
	testenv.OwnTables(t, database, role)
	testenv.Exec(t, database, "INSERT INTO contacts (id, name) VALUES ($1, 'Ana')", one)
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "x")
	kept, _ := openStore(t, u.String())
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
		"a truncation":    func() error { _, err := kept.HoldAll(t.Context(), "truncated"); return err },
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
	testenv.Exec(t, database, "CREATE POLICY mine ON contacts USING (name = 'nobody')")
	testenv.Exec(t, database, "ALTER TABLE contacts ENABLE ROW LEVEL SECURITY")
	all(func(name string, err error) {
		var hidden *store.HiddenError
		require.ErrorAs(t, err, &hidden, name)
		require.Equal(t, []string{"contacts"}, hidden.Tables)
		require.Contains(t, err.Error(), "BYPASSRLS", name)
	})
	testenv.Exec(t, database, "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY")
	all(fine)
}
