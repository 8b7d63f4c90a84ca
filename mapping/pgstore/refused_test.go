package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// refused stores a contact that could not be brought over and is due in so long.
func (k *keeping) refused(n int, reason string, in time.Duration, retries int) {
	k.t.Helper()
	k.save(numbered(n), store.Change{Link: store.Link{
		MetaKockaID: partnerID(n), Status: store.StatusError, LastError: coded.Words(reason), RetryAt: time.Now().Add(in), Retries: retries,
	}})
}

// takes are those that are taken now to be tried again.
func (k *keeping) takes(words string, limit int) []store.Refused {
	k.t.Helper()
	taken, err := k.TakeRefused(k.t.Context(), words, limit)
	require.NoError(k.t, err)
	return taken
}

// TestRefusedContactsAreTakenWhenDue: the longest due first, so many, each once in a while,
// and none that is left out or in order. A time that a clock put far ahead is due.
func TestRefusedContactsAreTakenWhenDue(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "notes", Null: true}} })
	k.contacts(1, 2, 3, 4, 5, 6)
	k.refused(1, "no", -time.Minute, 0)
	k.refused(2, "no", -time.Hour, 3)
	k.refused(3, "no", time.Hour, 0)
	k.refused(4, "no", -time.Hour, 0)
	k.refused(5, "no", 72*time.Hour, 0)
	k.link(6, store.StatusSynced)
	k.exec("UPDATE contacts SET notes = 'left out' WHERE id = $1", numbered(4))
	require.Equal(t, []store.Refused{{ContactID: numbered(2)}}, k.takes("", 1))
	require.ElementsMatch(t, []store.Refused{{ContactID: numbered(1)}, {ContactID: numbered(5)}}, k.takes("", 10))
	require.Empty(t, k.takes("", 10))
	require.Equal(t, 4, k.linkOf(numbered(2)).Retries)
	require.WithinDuration(t, time.Now().Add(15*time.Second), k.linkOf(numbered(2)).RetryAt, 12*time.Second)
}

// TestRefusedContactsAreTakenByTheirReason, when it turned out to be about none of them:
// also those that were tried again just before.
func TestRefusedContactsAreTakenByTheirReason(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1, 2, 3)
	k.refused(1, "MetaKocka refused add_partner: wrong key", time.Hour, 0)
	k.refused(2, "MetaKocka refused add_partner: no such country", time.Hour, 0)
	k.refused(3, "MetaKocka refused add_partner: wrong key", time.Hour, 1)
	require.ElementsMatch(t, []store.Refused{{ContactID: numbered(1)}, {ContactID: numbered(3)}}, k.takes("wrong key", 10))
}

// TestARefusedDeletionIsTakenWhereItWasAdmitted: a contact that is merely not there may come
// back, as after a TRUNCATE.
func TestARefusedDeletionIsTakenWhereItWasAdmitted(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.refused(1, "no", -time.Hour, 0)
	k.refused(2, "no", -time.Hour, 0)
	k.refused(3, "no", -time.Hour, 0)
	require.True(t, k.admit(1, mapping.SideCRM, 10, ""))
	require.False(t, k.admit(2, mapping.SideCRM, 10, "held"))
	require.Equal(t, []store.Refused{{ContactID: numbered(1), Gone: true}}, k.takes("", 10))
}
