package main

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestHealthcheckSaysWhatReadinessSays, on whichever address the service is set to
// listen, without a token, and past any proxy.
func TestHealthcheckSaysWhatReadinessSays(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s, _, stop := w.APIUntil(service.AllRoles[:4]...)
	w.Ready(s, 200, "ready")
	_, port, err := net.SplitHostPort(s.HTTPAddr())
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1", "0.0.0.0", ""} {
		w.Config.HTTPAddr = host + ":" + port
		answer := mksync(w, "healthcheck")
		require.NoError(t, answer.err, w.Config.HTTPAddr)
		require.Equal(t, "ready\n", answer.stdout)
		require.Empty(t, answer.stderr)
	}

	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	w.Ready(s, 503, "poll")
	answer := mksync(w, "healthcheck")
	require.Equal(t, exitFailed, exitStatus(answer.err, false))
	require.Empty(t, answer.stdout)
	require.Regexp(t, `^mksync: not ready: [^\n]*the last poll of MetaKocka did not succeed[^\n]*\n$`, answer.stderr)

	stop()
	answer = mksync(w, "healthcheck")
	require.Equal(t, exitFailed, exitStatus(answer.err, false))
	require.Regexp(t, `^mksync: no service answers on :`+port+` \(MKSYNC_HTTP_ADDR\)[^\n]*connection refused\n$`, answer.stderr)
}
