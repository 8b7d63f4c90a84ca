package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAContactThatOthersReferToIsNotDeleted: where a person approves it all the same, the
// database refuses the deletion; that is said once, not tried for ever.
func TestAContactThatOthersReferToIsNotDeleted(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.RemoteDeletePolicy = "delete"
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Ana"})
	p := w.Partner(id)
	w.Idle(s)
	w.Exec("CREATE TABLE orders (contact_id uuid REFERENCES contacts (id))")
	w.Exec("INSERT INTO orders VALUES ($1)", id)
	require.NoError(t, w.ERP.DeletePartner(p.MKID))
	w.Status(id, "held")
	w.Problem(s, "1 deletion waits for approval: mksync deletions list")
	mksync(w, "deletions", "approve", id)
	w.Status(id, "error")
	w.Problem(s, "1 contact could not be brought over: mksync mappings --status error")
	const reason = "the partner is gone from MetaKocka; the contact cannot be deleted: constraint \"orders_contact_id_fkey\" keeps it"
	require.Equal(t, "error: "+reason, w.Mapping(id))
	w.Idle(s)
	require.Equal(t, "error: "+reason, w.Mapping(id))
	require.Equal(t, "Ana", w.Contact(id).Name)
}
