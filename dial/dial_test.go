package dial_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/dial"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/wire"
)

// TestASilentNetworkIsNoticed, whoever waits for an answer: nothing is acknowledged, and
// nothing is closed.
func TestASilentNetworkIsNoticed(t *testing.T) {
	t.Parallel()
	long.Only(t)
	line, address := wire.NewDropping(t, "tcp://"+listen(t))
	u, err := url.Parse(address)
	require.NoError(t, err)
	c, err := dial.Dialer.DialContext(t.Context(), "tcp", u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })

	_, err = c.Read(make([]byte, 1)) // all the way
	require.NoError(t, err)

	line.Drop(t)
	_, err = c.Write([]byte("is anybody there?"))
	require.NoError(t, err)
	lost := make(chan error, 1)
	go func() { _, err := c.Read(make([]byte, 1)); lost <- err }()
	err, ended := waits.Within(dial.Silent+5*time.Second, lost)
	require.True(t, ended, "the connection is not given up")
	require.ErrorContains(t, err, "timed out")
}
