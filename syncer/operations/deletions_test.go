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

func (a *asked) reject(id string) (operations.Decided[operations.Deletion], error) {
	return operations.OpRejectDeletion.Ask(a.ctx(), a.api, operations.EntryRequest{ID: id, By: "ana"})
}

// deletions are those that wait, or all, oldest first.
func (a *asked) deletions(all bool) []operations.Deletion {
	a.T.Helper()
	l, err := operations.OpDeletions.Ask(a.ctx(), a.api, operations.JournalRequest{All: all})
	require.NoError(a.T, err)
	return l.Items
}

// people adds contacts that differ in everything, and syncs them.
func (a *asked) people(names ...string) (ids []string) {
	a.T.Helper()
	for _, name := range names {
		id, _ := a.synced(mapping.Contact{Name: name, Email: strings.ToLower(name) + "@example.si"})
		ids = append(ids, id)
	}
	return ids
}

// TestHeldDeletionsAreDecided: approved they retire the partner, rejected they leave it as it
// is; what MetaKocka does not hear of stays approved, and is applied once it is there.
func TestHeldDeletionsAreDecided(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.MaxDeletes, w.Config.DeletePolicy = 0, syncer.PolicyDeactivate
	a := asks(w)
	ids := a.people("Ana", "Bor", "Cene")
	w.Exec("DELETE FROM contacts")
	for _, id := range ids {
		_, err := a.service.Reconciler.Contact(a.ctx(), id, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
		require.NoError(t, err)
	}
	held := a.deletions(false)
	require.Len(t, held, 3)
	require.Equal(t, []any{ids[0], store.DeletionHeld, mapping.SideCRM}, []any{held[0].ContactID, held[0].Status, held[0].Side})
	_, err := a.approve("987654")
	refused(t, err, "there is no deletion 987654")
	_, err = a.approve("Ana Novak")
	refused(t, err, "id: is not an id")

	d, err := a.approve(ids[0])
	require.NoError(t, err)
	require.Equal(t, []any{store.DeletionApplied, store.StatusDeleted}, []any{d.Entry.Status, d.Outcome.SyncStatus})
	require.Equal(t, false, world.Buyer(w.Partner(ids[0])))

	kept := w.Partner(ids[1])
	d, err = a.reject(kept.MKID)
	require.NoError(t, err)
	require.Equal(t, []any{store.DeletionRejected, store.StatusDeleted, "ana"}, []any{d.Entry.Status, d.Outcome.SyncStatus, d.Entry.ClosedBy})
	require.Equal(t, kept.Hash(), w.Partner(ids[1]).Hash(), "the partner was written")
	_, err = a.approve(ids[1])
	refused(t, err, "no deletion of "+ids[1]+" is open any more")

	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	_, err = a.approve(ids[2])
	refused(t, err, "approved, but not applied yet")
	require.Len(t, a.deletions(false), 1)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Eventually(func() error { _, err := a.approve(ids[2]); return err })
	require.Equal(t, false, world.Buyer(w.Partner(ids[2])))
	require.Empty(t, a.deletions(false))
	require.Len(t, a.deletions(true), 3)
}

// TestHeldDeletionsOfContactsAreDecided: approved they delete the contact, rejected they leave
// it, and a person's request makes its partner anew.
func TestHeldDeletionsOfContactsAreDecided(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.MaxDeletes, w.Config.RemoteDeletePolicy = 0, syncer.PolicyDelete
	a := asks(w)
	ids := a.people("Ana", "Bor", "Cene")
	for _, id := range ids {
		require.NoError(t, w.ERP.DeletePartner(w.Partner(id).MKID))
		_, err := a.sync(id)
		refused(t, err, "waits for a person")
	}
	require.Equal(t, mapping.SideMetaKocka, a.deletions(false)[0].Side)
	d, err := a.approve(ids[0])
	require.NoError(t, err)
	require.Equal(t, []any{store.DeletionApplied, store.StatusUnlinked}, []any{d.Entry.Status, d.Outcome.SyncStatus})
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"))
	d, err = a.reject(ids[1])
	require.NoError(t, err)
	require.Equal(t, []any{store.DeletionRejected, store.StatusUnlinked}, []any{d.Entry.Status, d.Outcome.SyncStatus})
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"))

	o, err := a.sync(ids[1])
	require.NoError(t, err)
	require.Equal(t, store.StatusSynced, o.SyncStatus)
	require.Len(t, w.ERP.Partners(), 1)
	require.Len(t, a.deletions(false), 1)
}
