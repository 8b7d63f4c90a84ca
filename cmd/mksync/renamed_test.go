package main

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAContactThatGetsAnotherIDKeepsItsPartner: also one that no key would match again, and
// one that is deleted right after.
func TestAContactThatGetsAnotherIDKeepsItsPartner(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{})
	s := w.up()
	was, is := w.add(mapping.Contact{Name: "Ana"}), uuid.NewString()
	gone, then := w.add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"}), uuid.NewString()
	partner := w.partner(was).MKID
	w.status(was, "synced")
	w.status(gone, "synced")
	w.exec("UPDATE contacts SET id = $2, phone = '041 222 333' WHERE id = $1", was, is)
	w.agree(is, "041 222 333")
	w.status(is, "synced")
	require.Equal(t, partner, w.partner(is).MKID)

	w.exec("UPDATE contacts SET id = $2 WHERE id = $1", gone, then)
	w.exec("DELETE FROM contacts WHERE id = $1", then)
	w.status(then, "deleted")
	w.quiet(s)
	require.Equal(t, 2, w.count("SELECT count(*) FROM metakocka_contact_mappings"))
	require.Len(t, w.erp.Partners(), 2)
	require.Empty(t, w.letters(s))
}

// TestTheOldIDOfAContactCountsAsDeletedWhereTheNewOneHasAPartner: two links would be
// left, of which one names nobody.
func TestTheOldIDOfAContactCountsAsDeletedWhereTheNewOneHasAPartner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	_, stop := w.start()
	was, other := w.add(mapping.Contact{Name: "Ana"}), w.add(mapping.Contact{Name: "Bor"})
	w.status(was, "synced")
	w.status(other, "synced")
	stop()
	w.exec("DELETE FROM contacts WHERE id = $1", other)
	w.exec("UPDATE contacts SET id = $2 WHERE id = $1", was, other)
	w.start()
	w.status(was, "deleted")
	w.status(other, "synced")
	require.Len(t, w.erp.Partners(), 2)
}
