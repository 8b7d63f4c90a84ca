package syncer_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestAPauseByAPerson: every process keeps to it and every restart, nothing is written to
// either side, and nothing of what happened meanwhile is lost.
func TestAPauseByAPerson(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, (*world.World).Sharing)
	ctx := context.WithoutCancel(t.Context())
	api := h.Service.API(h.Service.Monitor())
	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@partner.si", Phone: "041 111 111"})

	paused, err := api.Pause(ctx, operations.SendingRequest{Reason: "the year is closed", By: "ana"})
	require.NoError(t, err)
	again, err := api.Pause(ctx, operations.SendingRequest{Reason: "another", By: "bor"})
	require.NoError(t, err)
	require.Equal(t, paused, again)
	require.Equal(t, []any{true, "ana", "the year is closed"}, []any{paused.Paused, paused.By, paused.Reason})
	status := h.Service.Monitor().Status(ctx)
	require.Equal(t, store.Halt{Since: *paused.Since, By: "ana", Reason: "the year is closed"}, status.Halt)
	require.True(t, status.Pusher.Paused && status.Puller.Paused)
	require.Empty(t, status.NotReady)
	require.Contains(t, status.Problems, "sending is paused since "+paused.Since.UTC().Format(time.RFC3339)+" by ana (the year is closed): mksync resume lets it go on")

	// Asked for, nothing is sent.
	writes := h.ERP.Calls().Writes()
	fresh := h.Add(mapping.Contact{Name: "Cene", Email: "cene@partner.si"})
	h.Set(id, mapping.FieldName, "Ana Nova")
	for _, asked := range []string{id, fresh} {
		_, err := api.Sync(ctx, operations.SyncRequest{ContactID: asked})
		require.True(t, syncer.IsCode(syncer.AsRequestError(err), syncer.CodeUnavailable), "%v", err)
		_, err = h.Push(asked, false)
		var halted *syncer.HaltedError
		require.ErrorAs(t, err, &halted)
		require.True(t, syncer.Outage(err))
	}
	require.Equal(t, "none", h.Mapping(fresh))

	// By itself, nothing is done; a process that starts keeps to it as well.
	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 999 999" })
	s, stop := h.Start(service.AllRoles...)
	h.Polls(2)
	require.Equal(t, "041 111 111", h.Contact(id).Phone)
	require.Equal(t, writes, h.ERP.Calls().Writes())
	require.NotZero(t, s.Monitor().Status(ctx).Halt)

	resumed, err := api.Resume(ctx, operations.SendingRequest{By: "bor"})
	require.NoError(t, err)
	require.False(t, resumed.Paused)
	h.Status(fresh, "synced")
	h.ContactIs(id, mapping.FieldPhone, "041 999 999")
	h.PartnerIs(id, "Ana Nova", func(p metakocka.Partner) any { return p.Customer })
	stop()
	_, err = api.Resume(ctx, operations.SendingRequest{})
	require.True(t, syncer.IsCode(err, syncer.CodeConflict), "%v", err)
	require.Equal(t, "pause ana the year is closed, resume bor ", h.One(`SELECT string_agg(concat(act, ' ', by, ' ', note), ', ' ORDER BY id)
		FROM mksync_history WHERE contact_id IS NULL`))
}

// TestAGateThatAPersonCloses lets no probe through, and opens at once.
func TestAGateThatAPersonCloses(t *testing.T) {
	t.Parallel()
	g := syncer.NewGate(time.Millisecond, 2*time.Millisecond)
	g.Halt(&store.Halt{By: "ana"})
	reason, _ := g.Paused()
	require.Contains(t, reason.String(), "by ana")
	away, _ := g.Away()
	require.True(t, away.IsZero(), "MetaKocka is there")
	require.True(t, g.PausedWithin(0))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Error(t, g.Wait(ctx))
	waited := make(chan error, 1)
	go func() { waited <- g.Wait(t.Context()) }()
	g.Halt(nil)
	require.NoError(t, <-waited)
	reason, _ = g.Paused()
	require.Empty(t, reason)
}
