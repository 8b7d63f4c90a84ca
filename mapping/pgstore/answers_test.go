package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
)

// TestAnswersAreKeptAsLongAsTheyAreAbout: a person's answer is stored with the link, goes
// with a contact that gets another id, and is forgotten when the pair is linked by hand,
// the contact is erased, or was deleted long ago.
func TestAnswersAreKeptAsLongAsTheyAreAbout(t *testing.T) {
	t.Parallel()
	store, pool := openStore(t, prepared.DB(t))
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	save := func(id string, ch mapping.Change) {
		t.Helper()
		ch.Link.ContactID, ch.Link.UpdatedBy = id, "ana"
		load(t, store, id, func(k mapping.Session, _ mapping.State) { require.NoError(t, k.Save(t.Context(), &ch)) })
	}
	denied := func(id string, want ...string) {
		t.Helper()
		load(t, store, id, func(k mapping.Session, _ mapping.State) {
			got, err := k.Denied(t.Context())
			require.NoError(t, err)
			require.ElementsMatch(t, want, got)
		})
	}
	deny := func(id string, partners ...string) (all []mapping.Answer) {
		for _, p := range partners {
			all = append(all, mapping.Answer{ContactID: id, MetaKockaID: p})
		}
		return all
	}
	held := mapping.Link{Status: mapping.StatusHeld}

	save(one, mapping.Change{Link: held, Denied: deny(one, "7001", "7002")})
	save(one, mapping.Change{Link: held, Denied: append(deny(one, "7001"), deny(other, "7001")...)})
	denied(one, "7001", "7002")
	denied(other, "7001")
	save(one, mapping.Change{Link: mapping.Link{Status: mapping.StatusPending, MetaKockaID: "7002"}, ByHand: true})
	denied(one, "7001")

	exec("DELETE FROM mksync_answers WHERE contact_id = $1", other)
	require.NoError(t, store.MoveLink(t.Context(), one, other))
	denied(other, "7001")
	denied(one)

	deleted := mapping.Link{Status: mapping.StatusDeleted, MetaKockaID: "7002"}
	save(other, mapping.Change{Link: deleted})
	require.NoError(t, store.ForgetOld(t.Context()))
	denied(other, "7001")
	exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '91 days'")
	require.NoError(t, store.ForgetOld(t.Context()))
	denied(other)

	save(one, mapping.Change{Link: held, Denied: deny(one, "7001")})
	save(one, mapping.Change{Link: mapping.Link{Status: mapping.StatusDeleted}, Erased: true})
	denied(one)
}
