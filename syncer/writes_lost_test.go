package syncer_test

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// lose lets one of the next writes have no answer, be it done or not. Emptying a value
// may take three.
func (h *history) lose() {
	endpoint := rapid.SampledFrom([]string{metakocka.EndpointAdd, metakocka.EndpointUpdate, metakocka.EndpointUpdate}).Draw(h.rand, "endpoint")
	answered := rapid.IntRange(0, 2).Draw(h.rand, "answered before")
	fault := rapid.SampledFrom([]sim.Fault{sim.FaultBefore, sim.FaultAfter}).Draw(h.rand, "fault")
	require.NoError(h.rand, h.ERP.FailNext(endpoint, append(slices.Repeat([]sim.Fault{sim.NoFault}, answered), fault)...))
}

// later lets so much time pass that a write without an answer can take no effect any more.
func (h *history) later() {
	h.Exec(`UPDATE metakocka_contact_mappings SET intent = intent || jsonb_build_object(
		'sent_at', (intent->>'sent_at')::timestamptz - interval '1 hour',
		'deadline', (intent->>'deadline')::timestamptz - interval '1 hour',
		'sent_here', (intent->>'sent_here')::timestamptz - interval '1 hour') WHERE intent IS NOT NULL AND contact_id = $1`, h.id)
}

// unanswered reports whether a write has no answer, or one without an answer is waited for.
func unanswered(err error) bool {
	var pending *syncer.PendingError
	return metakocka.Uncertain(err) || errors.As(err, &pending)
}

// faultsMet counts the calls that went wrong.
type faultsMet struct{ n atomic.Int64 }

func watchFaults(erp *sim.Server) *faultsMet {
	var m faultsMet
	erp.OnCall(func(c sim.Call) {
		if c.Fault != sim.NoFault {
			m.n.Add(1)
		}
	})
	return &m
}

func (m *faultsMet) count() int { return int(m.n.Load()) }
