package operations_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestConflictEndsWhenTheSidesAgree: by themselves, with nothing for a person to take back.
func TestConflictEndsWhenTheSidesAgree(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	a := asks(w)
	id := a.disputed()
	open := func() int {
		t.Helper()
		l, err := operations.OpConflicts.Ask(a.ctx(), a.api, operations.JournalRequest{})
		require.NoError(t, err)
		return len(l.Items)
	}
	syncs := func() store.Status {
		t.Helper()
		o, err := a.sync(id)
		require.NoError(t, err)
		return o.SyncStatus
	}
	require.Equal(t, 2, open())
	w.Exec("UPDATE contacts SET email = 'erp@novak.si' WHERE id = $1", id)
	require.Equal(t, store.StatusConflict, syncs())
	require.Equal(t, 1, open())
	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "+38640222222" })
	require.Equal(t, store.StatusSynced, syncs())
	require.Zero(t, open())
	all, err := operations.OpConflicts.Ask(a.ctx(), a.api, operations.JournalRequest{All: true})
	require.NoError(t, err)
	_, err = operations.OpUndoConflict.Ask(a.ctx(), a.api, operations.EntryRequest{ID: all.Items[0].ID})
	refused(t, err, "ended by itself")
}

// conflicts are those that wait, or all of a contact.
func (a *asked) conflicts(r operations.JournalRequest) (ids []string) {
	a.T.Helper()
	l, err := operations.OpConflicts.Ask(a.ctx(), a.api, r)
	require.NoError(a.T, err)
	for _, c := range l.Items {
		ids = append(ids, c.ID)
	}
	return ids
}

func (a *asked) resolve(id string, take mapping.Side) (operations.Decided[operations.Conflict], error) {
	return operations.OpResolveConflict.Ask(a.ctx(), a.api, operations.ResolveRequest{ID: id, Take: take, By: "ana"})
}

func (a *asked) undoConflict(id string) (operations.Decided[operations.Conflict], error) {
	return operations.OpUndoConflict.Ask(a.ctx(), a.api, operations.EntryRequest{ID: id, By: "ana"})
}

// TestConflictsAreDecided by any id that names one alone, each once, and taken back as long as
// nobody has changed the field since.
func TestConflictsAreDecided(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	a := asks(w)
	id := a.disputed()
	p := w.Partner(id)
	waiting := a.conflicts(operations.JournalRequest{})
	require.Len(t, waiting, 2)
	email, phone := waiting[0], waiting[1]

	for _, c := range []struct {
		id    string
		take  mapping.Side
		words []string
	}{
		{id, mapping.SideCRM, []string{"names 2 conflicts", email + ", " + phone}},
		{email, "both", []string{"take: must be crm or metakocka"}},
		{"987654", mapping.SideCRM, []string{"there is no conflict 987654"}},
		{"a b", mapping.SideCRM, []string{"id: is not an id"}},
	} {
		_, err := a.resolve(c.id, c.take)
		refused(t, err, c.words...)
	}
	_, err := a.undoConflict(email)
	refused(t, err, "not decided yet")
	_, err = operations.OpConflict.Ask(a.ctx(), a.api, operations.EntryRequest{})
	refused(t, err, "id: is missing")

	done, err := a.resolve(email, mapping.SideCRM)
	require.NoError(t, err)
	require.Equal(t, []any{store.ConflictResolved, mapping.SideCRM, store.StatusConflict}, []any{done.Entry.Status, done.Entry.Winner, done.Outcome.SyncStatus})
	require.Equal(t, "crm@novak.si", w.Partner(id).Contacts[0].Email)
	require.Equal(t, []string{phone}, a.conflicts(operations.JournalRequest{}))
	done, err = a.resolve(p.MKID, mapping.SideMetaKocka)
	require.NoError(t, err)
	require.Equal(t, []any{store.StatusSynced, "ana"}, []any{done.Outcome.SyncStatus, done.Entry.ClosedBy})
	require.NotNil(t, done.Entry.ClosedAt)
	require.Equal(t, "+38640333333", w.Contact(id).Phone)
	require.Empty(t, a.conflicts(operations.JournalRequest{}))

	done, err = a.resolve(email, mapping.SideCRM) // once more
	require.NoError(t, err)
	require.Equal(t, store.StatusSynced, done.Outcome.SyncStatus)
	_, err = a.resolve(email, mapping.SideMetaKocka)
	refused(t, err, "is resolved already")
	_, err = a.resolve(id, mapping.SideCRM)
	refused(t, err, "no conflict of "+id+" is open any more")
	_, err = a.undoConflict(id)
	refused(t, err, "names 2 conflicts")

	done, err = a.undoConflict(email)
	require.NoError(t, err)
	require.Equal(t, []any{store.ConflictUndone, store.StatusSynced}, []any{done.Entry.Status, done.Outcome.SyncStatus})
	require.Equal(t, "erp@novak.si", w.Contact(id).Email)
	require.Equal(t, "erp@novak.si", w.Partner(id).Contacts[0].Email)
	_, err = a.undoConflict(email)
	refused(t, err, "undone already")

	w.Edit(w.Partner(id), func(p *metakocka.Partner) { p.Contacts[0].GSM = "+38640444444" })
	_, err = a.undoConflict(phone)
	refused(t, err, "phone was changed since")
	shown, err := operations.OpConflict.Ask(a.ctx(), a.api, operations.EntryRequest{ID: phone})
	require.NoError(t, err)
	require.Equal(t, []any{store.ConflictResolved, mapping.SideMetaKocka}, []any{shown.Status, shown.Winner})
	require.Len(t, a.conflicts(operations.JournalRequest{All: true, Of: id}), 2)
}

// TestAConflictThatARuleDecidedIsUndone: it never waited, and both sides get the value that lost.
func TestAConflictThatARuleDecidedIsUndone(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleCRM
	a := asks(w)
	id, p := a.synced(mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si"})
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "erp@novak.si" })
	w.Set(id, mapping.FieldEmail, "crm@novak.si")
	o, err := a.sync(id)
	require.NoError(t, err)
	require.Equal(t, store.StatusSynced, o.SyncStatus)
	require.Empty(t, a.conflicts(operations.JournalRequest{}))
	shown, err := operations.OpConflict.Ask(a.ctx(), a.api, operations.EntryRequest{ID: id})
	require.NoError(t, err)
	require.Equal(t, []any{store.ConflictDecided, mapping.SideCRM}, []any{shown.Status, shown.Winner})

	done, err := a.undoConflict(id)
	require.NoError(t, err)
	require.Equal(t, []any{mapping.SideCRM, store.StatusSynced}, []any{done.Entry.Winner, done.Outcome.SyncStatus})
	require.Equal(t, "erp@novak.si", w.Contact(id).Email)
	require.Equal(t, "erp@novak.si", w.Partner(id).Contacts[0].Email)
}
