package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// TestAPartnerThatWasPartedIsNobodysUntilAPersonSaysWhose, also when the contact that it was
// linked with is erased: its data may still be in the partner.
func TestAPartnerThatWasPartedIsNobodysUntilAPersonSaysWhose(t *testing.T) {
	t.Parallel()
	k := keep(t)
	for n := 1; n <= 3; n++ {
		k.observe(seen(n, "p", mapping.MatchKeys{}))
		k.link(n, store.StatusSynced)
	}
	parted := func(want ...string) {
		t.Helper()
		got, err := k.Parted(t.Context(), []string{partnerID(1), partnerID(2), partnerID(9)})
		require.NoError(t, err)
		require.ElementsMatch(t, want, got)
	}
	parted()
	unlink := func(n int, parts bool) {
		t.Helper()
		k.save(numbered(n), store.Change{
			Link:   store.Link{MetaKockaID: partnerID(n), Status: store.StatusUnlinked},
			Denied: []store.Answer{{ContactID: numbered(n), MetaKockaID: partnerID(n), Parted: parts}},
		})
	}
	unlink(1, true)
	unlink(2, false) // two that were never linked
	unlink(3, true)  // which nobody asks for
	parted(partnerID(1))

	k.observe(seen(1, "another name", mapping.MatchKeys{}))
	k.save(numbered(1), store.Change{Link: store.Link{Status: store.StatusDeleted}, Erased: true})
	parted(partnerID(1))
	k.save(numbered(4), store.Change{Link: store.Link{MetaKockaID: partnerID(1), Status: store.StatusSynced}, ByHand: true})
	parted()
}

// TestAnswersAreKeptAsLongAsTheyAreAbout: a person's answer is stored with the link, goes
// with a contact that gets another id, and is forgotten when the pair is linked by hand,
// the contact is erased, or was deleted long ago.
func TestAnswersAreKeptAsLongAsTheyAreAbout(t *testing.T) {
	t.Parallel()
	kept, pool := openStore(t, prepared.DB(t))
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	save := func(id string, ch store.Change) {
		t.Helper()
		ch.Link.ContactID, ch.Link.UpdatedBy = id, "ana"
		load(t, kept, id, func(k store.Session, _ store.State) { require.NoError(t, k.Save(t.Context(), &ch)) })
	}
	denied := func(id string, want ...string) {
		t.Helper()
		load(t, kept, id, func(k store.Session, _ store.State) {
			got, err := k.Denied(t.Context())
			require.NoError(t, err)
			require.ElementsMatch(t, want, got)
		})
	}
	deny := func(id string, partners ...string) (all []store.Answer) {
		for _, p := range partners {
			all = append(all, store.Answer{ContactID: id, MetaKockaID: p})
		}
		return all
	}
	held := store.Link{Status: store.StatusHeld}

	save(one, store.Change{Link: held, Denied: deny(one, "7001", "7002")})
	save(one, store.Change{Link: held, Denied: append(deny(one, "7001"), deny(other, "7001")...)})
	denied(one, "7001", "7002")
	denied(other, "7001")
	save(one, store.Change{Link: store.Link{Status: store.StatusPending, MetaKockaID: "7002"}, ByHand: true})
	denied(one, "7001")

	exec("DELETE FROM mksync_answers WHERE contact_id = $1", other)
	require.NoError(t, kept.MoveLink(t.Context(), one, other))
	denied(other, "7001")
	denied(one)

	deleted := store.Link{Status: store.StatusDeleted, MetaKockaID: "7002"}
	save(other, store.Change{Link: deleted})
	require.NoError(t, kept.ForgetOld(t.Context(), 0))
	denied(other, "7001")
	exec("UPDATE metakocka_contact_mappings SET updated_at = now() - interval '91 days'")
	require.NoError(t, kept.ForgetOld(t.Context(), 0))
	denied(other)

	save(one, store.Change{Link: held, Denied: deny(one, "7001")})
	save(one, store.Change{Link: store.Link{Status: store.StatusDeleted}, Erased: true})
	denied(one)
}
