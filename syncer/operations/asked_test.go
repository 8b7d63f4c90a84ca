package operations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer/operations"
)

// asked is a world whose operations are asked for as a command asks for them.
type asked struct {
	*world.World
	service *service.Service
	api     *operations.API
}

// asks is a world of which nothing runs by itself.
func asks(w *world.World) *asked { return asksOf(w, w.Parts()) }

// asksOf asks a service that may run.
func asksOf(w *world.World, s *service.Service) *asked { return &asked{w, s, s.API(s.Monitor())} }

func (a *asked) ctx() context.Context { return context.WithoutCancel(a.T.Context()) }

func (a *asked) sync(id string) (operations.Outcome, error) {
	return operations.OpSync.Ask(a.ctx(), a.api, operations.SyncRequest{ContactID: id})
}

// synced adds a contact and syncs it.
func (a *asked) synced(c mapping.Contact) (id string, p metakocka.Partner) {
	a.T.Helper()
	id = a.Add(c)
	_, err := a.sync(id)
	require.NoError(a.T, err)
	return id, a.Partner(id)
}

// syncsNew syncs a contact that a person says has no partner yet.
func (a *asked) syncsNew(id string) error {
	_, err := operations.OpSync.Ask(a.ctx(), a.api, operations.SyncRequest{ContactID: id, New: true})
	return err
}

func (a *asked) imports(metakockaID string) error {
	_, err := operations.OpImport.Ask(a.ctx(), a.api, operations.ImportRequest{MetaKockaID: metakockaID})
	return err
}

// importsNew imports a partner of which a person says that it is none of the contacts.
func (a *asked) importsNew(metakockaID string) error {
	_, err := operations.OpImport.Ask(a.ctx(), a.api, operations.ImportRequest{MetaKockaID: metakockaID, New: true})
	return err
}

func (a *asked) approve(id string) (operations.Decided[operations.Deletion], error) {
	return operations.OpApproveDeletion.Ask(a.ctx(), a.api, operations.EntryRequest{ID: id})
}

// disputed makes a contact whose e-mail and phone wait for a person.
func (a *asked) disputed() string {
	a.T.Helper()
	id, p := a.synced(mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "+38640111111", Country: "SI"})
	a.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email, p.Contacts[0].GSM = "erp@novak.si", "+38640333333" })
	a.Exec("UPDATE contacts SET email = 'crm@novak.si', phone = '+38640222222' WHERE id = $1", id)
	o, err := a.sync(id)
	require.NoError(a.T, err)
	require.Equal(a.T, store.StatusConflict, o.SyncStatus)
	return id
}

func (a *asked) merge(loser, winner string) (operations.Merge, error) {
	return operations.OpMerge.Ask(a.ctx(), a.api, operations.MergeRequest{LoserContactID: loser, WinnerContactID: winner})
}

// merged merges two contacts and returns the merge's id.
func (a *asked) merged(loser, winner string) string {
	a.T.Helper()
	m, err := a.merge(loser, winner)
	require.NoError(a.T, err)
	return m.ID
}

func (a *asked) undoMerge(id string) (operations.Merge, error) {
	return operations.OpUndoMerge.Ask(a.ctx(), a.api, operations.EntryRequest{ID: id})
}

// unmerged takes a merge back.
func (a *asked) unmerged(id string) {
	a.T.Helper()
	_, err := a.undoMerge(id)
	require.NoError(a.T, err)
}

// merges are all merges, newest first.
func (a *asked) merges() []operations.Merge {
	a.T.Helper()
	l, err := operations.OpMerges.Ask(a.ctx(), a.api, operations.MergesRequest{})
	require.NoError(a.T, err)
	return l.Items
}

// refused checks what is said of a request that is not granted.
func refused(t testing.TB, err error, words ...string) {
	t.Helper()
	require.Error(t, err)
	for _, word := range words {
		require.ErrorContains(t, err, word)
	}
}
