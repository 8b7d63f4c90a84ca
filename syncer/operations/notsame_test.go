package operations_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestWhatIsNotTheSameIsRemembered whatever the order, of contacts and of partners, until it
// is taken back or one of the two is gone.
func TestWhatIsNotTheSameIsRemembered(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Zora Hren", "", "zora@hren.si"), world.Person("7002", "Zora Hren", "", "zora@hren.si")}}, nil)
	ctx := context.WithoutCancel(t.Context())
	api := h.Service.API(h.Service.Monitor())
	require.NoError(t, h.Service.Poller.Poll(ctx))
	ana := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	other := h.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	listed := func() (kinds []string) {
		t.Helper()
		d, err := api.Duplicates(ctx, operations.DuplicatesRequest{})
		require.NoError(t, err)
		require.Len(t, d.Items, d.Total)
		for _, i := range d.Items {
			kinds = append(kinds, i.Kind)
		}
		return kinds
	}
	dismiss := func(r operations.DismissRequest) error { _, err := api.Dismiss(ctx, r); return err }
	require.ElementsMatch(t, []string{"contacts", "partners"}, listed())

	require.NoError(t, dismiss(operations.DismissRequest{ID: ana, OtherID: other, By: "ana"}))
	require.NoError(t, dismiss(operations.DismissRequest{ID: other, OtherID: ana}), "whatever the order")
	require.Equal(t, []string{"partners"}, listed())
	require.NoError(t, dismiss(operations.DismissRequest{Kind: "partners", ID: "7002", OtherID: "7001"}))
	require.Empty(t, listed())
	require.Equal(t, "ana not_same, 7002 not_same", h.One(`SELECT string_agg(concat(coalesce(by, metakocka_id), ' ', act), ', ' ORDER BY id) FROM mksync_history`))

	require.NoError(t, dismiss(operations.DismissRequest{ID: other, OtherID: ana, Undo: true}))
	require.Equal(t, []string{"contacts"}, listed())
	for _, r := range []operations.DismissRequest{
		{ID: ana, OtherID: other, Undo: true},
		{ID: ana, OtherID: ana},
		{Kind: "cats", ID: ana, OtherID: other},
		{ID: ana, OtherID: "00000000-0000-4000-8000-000000000001"},
		{Kind: "partners", ID: "7001", OtherID: "7999"},
	} {
		require.Error(t, dismiss(r))
	}
	for range 20 { // of two that are wrong the first is named, each time
		require.ErrorContains(t, dismiss(operations.DismissRequest{Kind: "partners", ID: "7998", OtherID: "7999"}), "no partner 7998")
		require.ErrorContains(t, dismiss(operations.DismissRequest{ID: "one", OtherID: "other"}), "id: ")
	}

	require.NoError(t, dismiss(operations.DismissRequest{ID: ana, OtherID: other}))
	h.Exec("DELETE FROM contacts WHERE id = $1", other)
	require.NoError(t, h.ERP.DeletePartner("7002"))
	h.Exec("UPDATE mksync_partners SET missing_since = now() WHERE metakocka_id = '7002'")
	require.NoError(t, h.Service.Store.ForgetOld(ctx, 0))
	require.Zero(t, h.Count("SELECT count(*) FROM mksync_two_contacts")+h.Count("SELECT count(*) FROM mksync_two_partners"))

	// What a sync of one would write, without writing.
	p, err := api.Preview(ctx, operations.PreviewRequest{ContactID: ana})
	require.NoError(t, err)
	require.Equal(t, []string{ana, "make its partner", "note.does.make"}, []string{p.ContactID, p.Does, p.Said.Code})
	require.Equal(t, "none", h.Mapping(ana))
}

// TestDeadLettersAreThrownAwayAndRetriedByTheirReason.
func TestDeadLettersAreThrownAwayAndRetriedByTheirReason(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s := w.Up()
	ctx := context.WithoutCancel(t.Context())
	api := s.API(s.Monitor())
	var ids []string
	for range 3 {
		ids = append(ids, w.Insert(" ", "a@partner.si"))
	}
	for _, id := range ids {
		w.Status(id, "error")
	}
	letters := func() (all []operations.DeadLetter) {
		t.Helper()
		l, err := api.DeadLetters(ctx, operations.Page{})
		require.NoError(t, err)
		return l.Items
	}
	w.Eventually(func() error {
		if n := len(letters()); n != 3 {
			return bus.ErrNotFound
		}
		return nil
	})
	reason := letters()[0].Reason

	_, err := api.DiscardDeadLetter(ctx, operations.DiscardRequest{ID: ids[0]})
	require.ErrorContains(t, err, "reason: is missing")
	gone, err := api.DiscardDeadLetter(ctx, operations.DiscardRequest{ID: ids[0], Reason: "a test", By: "ana"})
	require.NoError(t, err)
	require.Equal(t, ids[0], gone.ContactID)
	require.Len(t, letters(), 2)
	require.Equal(t, "ana: a test", w.One("SELECT by || ': ' || note FROM mksync_history WHERE act = 'discard' AND contact_id = $1 AND event_id <> ''", ids[0]))
	_, err = api.DiscardDeadLetter(ctx, operations.DiscardRequest{ID: gone.ID, Reason: "a test"})
	require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)

	w.Set(ids[1], mapping.FieldName, "Bor")
	w.Status(ids[1], "synced")
	w.Exec("UPDATE metakocka_contact_mappings SET retry_at = now() + interval '1 day'")
	g, err := api.RetryDeadLetters(ctx, operations.DeadLetterGroupRequest{Reason: reason})
	require.NoError(t, err)
	require.Equal(t, []any{1, ids[2]}, []any{g.Retried, g.Items[0].ContactID})
	_, err = api.RetryDeadLetters(ctx, operations.DeadLetterGroupRequest{Reason: "no such"})
	require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)
}
