package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestSupportArchiveNamesNobody: people whose values stand in the words of MetaKocka, in
// the log and in what the doctor finds, and secrets of all kinds; none is in any file. What
// helps is, and where something is down the archive says so.
func TestSupportArchiveNamesNobody(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.APIToken = config.Secret("knjige:skrivnost-knjigovodje:viewer,the-token-of-the-crm")
	id := w.Add(mapping.Contact{
		Name: "Zdravko Čretnik", CompanyName: "Čretnik Lesarstvo d.o.o.", Email: "zdravko@cretnik-les.si", Phone: "041 765 432",
		Address: "Jagodičeva ulica 17, Šentjur, 3230", TaxNumber: world.TaxNumber(7),
	})
	words := "partner Zdravko Čretnik (zdravko@cretnik-les.si, 041 765 432, SI" + world.TaxNumber(7) + ", Jagodičeva ulica 17) že obstaja za " + id
	require.NoError(t, w.ERP.SetFaults(sim.Faults{RefuseAll: words}))
	log := &keeper.Log{}
	service := spawn(w, log)
	w.Eventually(func() error {
		if !strings.Contains(log.String(), "Jagodičeva") || len(mksync(w, "status").lines()) == 0 {
			return errors.New("nobody was named yet")
		}
		return nil
	})

	// No short number: a hash may have it by chance.
	nobody := []string{
		"Zdravko", "zdravko", "retnik", "cretnik-les", "765 432", "41765432", "Jagodi", "entjur", world.TaxNumber(7), id, "Lesarstvo",
		w.Config.MetaKockaSecretKey.Reveal(), "skrivnost-knjigovodje", "the-token-of-the-crm", "tujec", "gesloGESLO",
	}
	files := supported(t, w, nobody)
	require.Contains(t, files["README.md"], "- log.jsonl: the last lines of the log")
	require.Equal(t, 1, strings.Count(files["README.md"], "could not be had"), "the metrics: the test's service listens on any port")
	require.Contains(t, files["log.jsonl"], `"error":"MetaKocka refuses every call`)
	require.Contains(t, files["status.json"], `"state": "`)
	require.Contains(t, files["status.json"], "MetaKocka refuses")
	require.Contains(t, files["settings.txt"], "metakocka_secret_key: [set]")
	require.Contains(t, files["settings.txt"], "contacts_table: public.contacts")
	require.Contains(t, files["doctor.txt"], "wal_level")
	require.Contains(t, files["postgres.json"], `"name": "wal_level"`)
	require.Contains(t, files["nats.json"], `"CRM_CONTACTS"`)

	// The service is down, and the address of NATS has a password.
	service.kill()
	files = supported(t, w, nobody, "MKSYNC_NATS_URL=nats://tujec:gesloGESLO@127.0.0.1:1")
	for _, part := range []string{"status.json", "log.jsonl", "nats.json", "metrics.txt", "processes.json"} {
		require.Contains(t, files["README.md"], part+" could not be had: ", part)
	}
	require.Contains(t, files["postgres.json"], `"slots"`)
}

// supported makes an archive, and reads it: none of the texts is in any of its files.
func supported(t *testing.T, w *world.World, never []string, more ...string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fault.tar.gz")
	var stdout, stderr bytes.Buffer
	app := &cliEnv{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, environ: append(commandEnviron(w), more...)}
	root := newRootCommand(app)
	root.SetArgs([]string{"support", file})
	require.NoError(t, root.ExecuteContext(t.Context()), stderr.String())
	require.Contains(t, stdout.String(), "Look through it before you send it: tar -xzOf "+file)

	archive, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = archive.Close() }()
	unzipped, err := gzip.NewReader(archive)
	require.NoError(t, err)
	files := map[string]string{}
	for in := tar.NewReader(unzipped); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		text, err := io.ReadAll(in)
		require.NoError(t, err)
		files[strings.TrimPrefix(h.Name, "mksync-support/")] = string(text)
	}
	for name, text := range files {
		for _, word := range never {
			if at := strings.Index(text, word); word != "" && at >= 0 {
				require.Failf(t, "somebody is named", "%s in %s: %s", word, name, text[max(0, at-80):min(len(text), at+80)])
			}
		}
	}
	return files
}
