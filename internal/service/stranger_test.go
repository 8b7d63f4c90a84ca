package service_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/check"
)

// TestAStrangersMessages: somebody else publishes to the streams, also while the listener is
// away. Nobody stops for it, it says nothing of a contact, a partner or the table, and it
// waits for a person.
func TestAStrangersMessages(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, stop := w.Start()
	id := w.Insert("Hana Smreka", "hana@primer.si")
	w.Status(id, "synced")
	partner := w.Partner(id).MKID
	strange := func(subjects ...string) {
		for _, subject := range subjects {
			require.NoError(t, s.Conn.PublishMsg(&nats.Msg{Subject: subject, Data: []byte("{}")}))
		}
		require.NoError(t, s.Conn.Flush())
	}
	strange("crm.contacts.update.x", "crm.contacts.truncate", "crm.contacts.delete."+id, "crm.contacts.snapshot.y",
		"metakocka.partners.changed."+partner)
	w.Exec("UPDATE contacts SET phone = '041 555 666' WHERE id = $1", id)
	w.Agree(id, "041 555 666")
	w.Eventually(func() error {
		letters, err := s.Bus.DeadLetters(t.Context())
		require.NoError(t, err)
		var got []string
		for _, l := range letters {
			require.Contains(t, l.Reason.String(), "not published by mksync")
			got = append(got, l.Consumer+" "+l.Subject)
		}
		for _, want := range []string{"pusher crm.contacts.update.x", "pusher crm.contacts.truncate", "pusher-bulk crm.contacts.snapshot.y"} {
			if !slices.Contains(got, want) {
				return errors.New("dead letters are " + strings.Join(got, ", "))
			}
		}
		return nil
	})
	require.Equal(t, "0", w.One("SELECT count(*)::text FROM mksync_deletions"))

	strange("crm.contacts.update.z")
	stop()
	w.Start()
	added := w.Insert("Gita Lipa", "gita@primer.si")
	w.Status(added, "synced")
	require.Equal(t, "synced", w.One("SELECT sync_status FROM metakocka_contact_mappings WHERE contact_id = $1", id))
}

// TestAStrangersTruncateHoldsNoDeletion: it waits to be worked off, and is no TRUNCATE.
func TestAStrangersTruncateHoldsNoDeletion(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ids := w.Left(3)
	s := w.Parts()
	require.NoError(t, s.Conn.PublishMsg(&nats.Msg{Subject: "crm.contacts.truncate", Data: []byte("{}")}))
	require.NoError(t, s.Conn.Flush())
	w.Exec("DELETE FROM contacts WHERE id = $1", ids[0])
	_, err := s.Checker.Check(t.Context(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	require.Equal(t, "deleted", w.One("SELECT sync_status FROM metakocka_contact_mappings WHERE contact_id = $1", ids[0]))
}
