package world

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// Hand is a world whose reconciles are called by the test.
type Hand struct {
	*World
	Service *service.Service
}

// ByHand is a world with the service's parts, after set has changed its configuration; none of them runs.
func ByHand(t *testing.T, opts sim.Options, set func(w *World)) *Hand {
	t.Helper()
	w := NewAudited(t, opts)
	w.Config.MetaKockaTimeout = waits.Stretch(500 * time.Millisecond)
	if set != nil {
		set(w)
	}
	s, err := service.New(t.Context(), w.Config, service.Options{Pace: QuickPace, Pool: w.Pool}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return &Hand{w, s}
}

// Push reconciles a contact as an event of it would.
func (h *Hand) Push(id string, deleted bool) (syncer.Result, error) {
	return h.Service.Reconciler.Contact(context.WithoutCancel(h.T.Context()), id, syncer.Trigger{Cause: syncer.CauseContact, CRMChangedAt: time.Now(), Deleted: deleted})
}

// Pushed pushes until it is through.
func (h *Hand) Pushed(id string, deleted bool) {
	h.T.Helper()
	h.Eventually(func() error { _, err := h.Push(id, deleted); return err })
}

// Pull polls, and reconciles a partner as an event of it would.
func (h *Hand) Pull(mkid string) {
	h.T.Helper()
	require.NoError(h.T, h.Service.Poller.Poll(h.T.Context()))
	p, _ := h.ERP.Partner(mkid)
	_, err := h.Service.Reconciler.Partner(h.T.Context(), mkid, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	require.NoError(h.T, err)
}

// Linked adds a contact and brings it over.
func (h *Hand) Linked(c mapping.Contact) (id string, p metakocka.Partner) {
	h.T.Helper()
	id = h.Add(c)
	h.Pushed(id, false)
	p = h.Partner(id)
	h.Pull(p.MKID)
	return id, p
}

// Linked adds a contact and reconciles it once.
func (w *World) Linked(s *service.Service, email string) string {
	w.T.Helper()
	id := w.Add(mapping.Contact{Name: "Oseba " + email, Email: email, Phone: "041 111 111"})
	_, err := s.Reconciler.Contact(w.T.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
	require.NoError(w.T, err)
	return id
}

// Reconciled reconciles a contact once.
func (w *World) Reconciled(s *service.Service, id string) {
	w.T.Helper()
	_, err := s.Reconciler.Contact(w.T.Context(), id, syncer.Trigger{Cause: syncer.CauseCheck})
	require.NoError(w.T, err)
}

// Redirect lets the phone go another way from now on.
func (w *World) Redirect(s *service.Service, d mapping.Direction) {
	w.T.Helper()
	f := w.Config.Fields[mapping.FieldPhone]
	f.Direction = d
	w.Config.Fields[mapping.FieldPhone] = f
	if s != nil {
		s.Config = w.Config
		require.NoError(w.T, s.Assemble(w.T.Context()))
	}
}
