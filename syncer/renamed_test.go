package syncer_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAContactThatGetsAnotherIDKeepsItsPartner: also one that no key would match again, and
// one that is deleted right after.
func TestAContactThatGetsAnotherIDKeepsItsPartner(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	was, is := w.Add(mapping.Contact{Name: "Ana"}), uuid.NewString()
	gone, then := w.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"}), uuid.NewString()
	partner := w.Partner(was).MKID
	w.Status(was, "synced")
	w.Status(gone, "synced")
	w.Exec("UPDATE contacts SET id = $2, phone = '041 222 333' WHERE id = $1", was, is)
	w.Agree(is, "041 222 333")
	w.Status(is, "synced")
	require.Equal(t, partner, w.Partner(is).MKID)

	w.Exec("UPDATE contacts SET id = $2 WHERE id = $1", gone, then)
	w.Exec("DELETE FROM contacts WHERE id = $1", then)
	w.Status(then, "deleted")
	w.Quiet(s)
	require.Equal(t, 2, w.Count("SELECT count(*) FROM metakocka_contact_mappings"))
	require.Len(t, w.ERP.Partners(), 2)
	require.Empty(t, w.Letters(s))
}

// TestTheOldIDOfAContactCountsAsDeletedWhereTheNewOneHasAPartner: two links would be
// left, of which one names nobody.
func TestTheOldIDOfAContactCountsAsDeletedWhereTheNewOneHasAPartner(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	_, stop := w.Start()
	was, other := w.Add(mapping.Contact{Name: "Ana"}), w.Add(mapping.Contact{Name: "Bor"})
	w.Status(was, "synced")
	w.Status(other, "synced")
	stop()
	w.Exec("DELETE FROM contacts WHERE id = $1", other)
	w.Exec("UPDATE contacts SET id = $2 WHERE id = $1", was, other)
	w.Start()
	w.Status(was, "deleted")
	w.Status(other, "synced")
	require.Len(t, w.ERP.Partners(), 2)
}
