package doctor_test

import (
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/testenv/natsserver"
	"github.com/crmmind/mksync/metakocka/sim"
)

// nats starts a server with the options and lets the doctor look at it.
func (r *rig) nats(options *natsserver.Options) {
	r.t.Helper()
	r.cfg.NATS.URL = natsserver.Start(r.t, options).ClientURL()
}

func TestNATSServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("NATS")
	r.nats(&natsserver.Options{JetStream: true})
	res := r.run()
	require.Empty(t, res.statuses(doctor.Fail))
	res.is("NATS", doctor.OK, "messages of up to 1024 KiB")
	res.is("JetStream", doctor.OK, "file storage")
	res.is("streams", doctor.OK, "will be made")
	r.cfg.NATS.Replicas = 3
	r.run().is("streams", doctor.Fail, "in no cluster", "MKSYNC_STREAM_REPLICAS")

	nc, err := nats.Connect(r.cfg.NATS.URL)
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: bus.StreamPartners, Subjects: []string{"x"}})
	require.NoError(t, err)
	r.run().is("streams", doctor.OK, "METAKOCKA_PARTNERS (0 messages)")
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "CRM", Subjects: []string{"crm.*.update.*"}})
	require.NoError(t, err)
	r.run().is("streams", doctor.Fail, "the stream CRM of somebody else keeps messages of crm.contacts.>", "nats stream edit CRM")
	require.NoError(t, js.DeleteStream(t.Context(), "CRM"))
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: bus.StreamContacts, Storage: jetstream.MemoryStorage, Subjects: []string{"y"}})
	require.NoError(t, err)
	r.run().is("streams", doctor.Fail, "CRM_CONTACTS is kept in memory only", "delete it")
}

func TestNATSProblems(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("NATS")
	r.nats(&natsserver.Options{})
	r.run().is("JetStream", doctor.Fail, "not enabled on the server", "--jetstream")
	r.nats(&natsserver.Options{JetStream: true, Authorization: "other-" + password})
	u, err := url.Parse(r.cfg.NATS.URL)
	require.NoError(t, err)
	u.User = url.User(password)
	r.cfg.NATS.URL, r.cfg.NATS.SignIn = u.String(), "the user, password or token in MKSYNC_NATS_URL"
	res := r.run()
	res.is("NATS", doctor.Fail, "refuses the user, password or token")
	res.is("JetStream", doctor.Skipped)
	r.cfg.NATS.URL = "nats://u:" + password + "@127.0.0.1:1"
	r.run().is("NATS", doctor.Fail, "no server answers")
}

func TestEmbeddedServerAndDataDirectory(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("NATS")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	dir := r.cfg.NATS.DataDir
	for _, path := range []string{file, filepath.Join(file, "below")} {
		r.cfg.NATS.DataDir = path
		r.run().is("data directory", doctor.Fail, "is a file", "MKSYNC_DATA_DIR")
	}
	if os.Getuid() != 0 { // root writes everywhere
		closed := t.TempDir()
		require.NoError(t, os.Chmod(closed, 0o500))
		r.cfg.NATS.DataDir = filepath.Join(closed, "data")
		r.run().is("data directory", doctor.Fail, "cannot be written: permission denied")
	}
	r.cfg.NATS.DataDir = dir
	s, err := embedded.Start(t.Context(), embedded.Config{Dir: dir})
	require.NoError(t, err)
	defer s.Shutdown()
	res := r.run()
	res.is("NATS", doctor.OK, "running mksync")
	res.is("JetStream", doctor.OK)
	token, ok := embedded.Lookup(dir)
	require.True(t, ok)
	u, err := url.Parse(token)
	require.NoError(t, err)
	for _, f := range res.found {
		require.NotContains(t, f.Line(), u.User.Username())
	}
}
