package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), Config{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(s.Shutdown)
	return s
}

func TestOneServerForEachDirectory(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	_, err := Start(t.Context(), Config{Dir: dir})
	require.ErrorIs(t, err, ErrInUse)

	address, ok := Lookup(dir)
	require.True(t, ok)
	require.Equal(t, s.URL(), address)
	s.Shutdown()
	s.Shutdown()
	_, ok = Lookup(dir)
	require.False(t, ok)
	start(t, dir)
}

func TestStaleAddressIsHarmless(t *testing.T) {
	dir := t.TempDir()
	start(t, dir).Shutdown()
	require.NoError(t, os.WriteFile(filepath.Join(dir, urlFile), []byte("nats://old@127.0.0.1:1\n"), private))
	_, ok := Lookup(dir)
	require.False(t, ok)
	s := start(t, dir)
	address, ok := Lookup(dir)
	require.True(t, ok)
	require.Equal(t, s.URL(), address)
	_, ok = Lookup(filepath.Join(dir, "none"))
	require.False(t, ok)
}

func TestTokenIsPrivateAndKept(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	for _, name := range []string{tokenFile, urlFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(private), info.Mode().Perm(), name)
	}
	token := s.token
	s.Shutdown()
	require.NoError(t, os.Chmod(filepath.Join(dir, tokenFile), 0o644))
	s = start(t, dir)
	require.Equal(t, token, s.token)
	info, err := os.Stat(filepath.Join(dir, tokenFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(private), info.Mode().Perm())
}

func TestClientsNeedTheToken(t *testing.T) {
	s := start(t, t.TempDir())
	require.True(t, strings.HasPrefix(s.Addr(), "127.0.0.1:"))
	_, err := nats.Connect("nats://" + s.Addr())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	nc, err := nats.Connect(s.URL())
	require.NoError(t, err)
	nc.Close()
}

func TestSyncInterval(t *testing.T) {
	require.Equal(t, time.Second, options(Config{}, "d", "t").SyncInterval)
	require.Equal(t, time.Minute, options(Config{SyncInterval: time.Minute}, "d", "t").SyncInterval)
}

func TestPortInUseIsAnError(t *testing.T) {
	s := start(t, t.TempDir())
	_, port, _ := strings.Cut(s.Addr(), ":")
	var cfg Config
	for _, c := range port {
		cfg.Port = cfg.Port*10 + int(c-'0')
	}
	cfg.Dir = t.TempDir()
	_, err := Start(t.Context(), cfg)
	require.ErrorContains(t, err, "address already in use")
	_, ok := Lookup(cfg.Dir)
	require.False(t, ok)
}
