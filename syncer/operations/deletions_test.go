package operations_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

func TestContactThatIsBackIsNotDeletedByApproval(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.MaxDeletes, w.Config.DeletePolicy = 0, syncer.PolicyDeactivate
	s, stop := w.Start()
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@example.si"})
	w.Status(id, "synced")
	w.WorkedOff(s)
	w.Exec("DELETE FROM contacts")
	w.Status(id, "held")
	stop()
	w.Exec("INSERT INTO contacts (id, name, email) VALUES ($1, 'Ana', 'ana@example.si')", id)
	d, err := asks(w).approve(id)
	require.NoError(t, err)
	require.Equal(t, []any{store.DeletionVoid, store.StatusSynced}, []any{d.Entry.Status, d.Outcome.SyncStatus})
	w.PartnerIs(id, true, world.Buyer)
}

func TestDeletionThatIsTriedAgainCountsOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.MaxDeletes, w.Config.DeletePolicy = 1, syncer.PolicyDeactivate
	w.Up()
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@example.si"})
	w.Status(id, "synced")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	before := w.ERP.Calls().Received[metakocka.EndpointGet]
	w.Exec("DELETE FROM contacts")
	w.Eventually(func() error {
		if w.ERP.Calls().Received[metakocka.EndpointGet] < before+4 {
			return errors.New("not tried often enough yet")
		}
		return nil
	})
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Status(id, "deleted")
	require.Equal(t, "1", w.One("SELECT count(*)::text FROM mksync_deletions"))
}

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
	_, err := asksOf(w, s).approve(id)
	require.Error(t, err)
	w.Status(id, "error")
	w.Problem(s, "1 contact could not be brought over: mksync mappings --status error")
	const reason = "the partner is gone from MetaKocka; the contact cannot be deleted: constraint \"orders_contact_id_fkey\" keeps it"
	require.Equal(t, "error: "+reason, w.Mapping(id))
	w.Idle(s)
	require.Equal(t, "error: "+reason, w.Mapping(id))
	require.Equal(t, "Ana", w.Contact(id).Name)
}

// TestTruncateIsHeld: a TRUNCATE deletes nothing in MetaKocka by itself.
func TestTruncateIsHeld(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	a := asksOf(w, w.Up())
	var ids []string
	for _, name := range []string{"Ana", "Bor"} {
		ids = append(ids, w.Insert(name, strings.ToLower(name)+"@example.si"))
		w.Status(ids[len(ids)-1], "synced")
	}
	before := w.ERP.Partners()
	w.Exec("TRUNCATE contacts")
	for _, id := range ids {
		w.Status(id, "held")
	}
	require.Equal(t, before, w.ERP.Partners())
	held, err := operations.OpDeletions.Ask(a.ctx(), a.api, operations.JournalRequest{})
	require.NoError(t, err)
	require.Len(t, held.Items, len(ids))
	for _, d := range held.Items {
		require.Contains(t, w.Mapping(d.ContactID), "the contacts table was truncated")
	}
}
