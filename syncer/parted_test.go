package syncer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestNoPartnerIsPartedWhileItIsMatched: who is being matched by one of its keys is done with
// it first. It would not see that a person parts the partner from its contact, and be linked
// with it, and with what the partner holds of the other one.
func TestNoPartnerIsPartedWhileItIsMatched(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.MetaKockaTimeout = time.Minute })
	ana, partner := h.Linked(mapping.Contact{Name: "Ana Novak", Email: "novak@zora-test.si", Phone: "041 111 222"})
	bor := h.Add(mapping.Contact{Name: "Bor Novak", Email: "novak@zora-test.si"})

	var once sync.Once
	early := errors.New("nobody has tried")
	h.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint != metakocka.EndpointGet {
			return
		}
		once.Do(func() {
			short, cancel := context.WithTimeout(t.Context(), waits.Stretch(500*time.Millisecond))
			defer cancel()
			_, early = h.Service.Reconciler.Unlink(short, ana, "eva")
		})
	})
	h.Pushed(bor, false)
	require.ErrorIs(t, early, context.DeadlineExceeded)
	require.Contains(t, h.Mapping(bor), "held: matches partner "+partner.MKID+", which contact "+ana+" is linked with")

	_, err := h.Service.Reconciler.Unlink(t.Context(), ana, "eva")
	require.NoError(t, err)
	h.Pushed(bor, false)
	require.Contains(t, h.Mapping(bor), "held: its e-mail is that of partner "+partner.MKID+", which a person unlinked")
	require.Empty(t, h.Contact(bor).Phone)
}
