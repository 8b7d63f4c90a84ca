package pgstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestContactsOfADatabaseWithoutUTF8 are read and written as a person sees them; bytes
// that are no text are told, and hold up no other contact.
func TestContactsOfADatabaseWithoutUTF8(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN2", "SQL_ASCII"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			address := testenv.EncodedDB(t, encoding)
			// Which collations there are depends on the encoding.
			key, _, _ := strings.Cut(keyed().typ, " COLLATE ")
			require.NoError(t, prepare(t.Context(), address, key))
			kept, pool := openStore(t, address)
			_, err := pool.Exec(t.Context(), "INSERT INTO contacts (id, name, notes) VALUES ($1, 'Špela Črnigoj', 'ž')", one)
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
