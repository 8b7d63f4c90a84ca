package main

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestAnUndoOfManyByCommand is a job: the command waits for it, whether a service works on
// it, which is killed in the middle and followed by another, or none runs. Each contact is
// written once, and all is taken back as a whole.
func TestAnUndoOfManyByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Sharing()
	w.Config.PollInterval = time.Minute
	s := w.Parts()
	var ids []string
	for i := range 10 {
		id := w.Add(mapping.Contact{Name: fmt.Sprint("Oseba ", i), Phone: "041 111 111"})
		w.Reconciled(s, id)
		w.Set(id, mapping.FieldPhone, "041 222 222")
		w.Reconciled(s, id)
		ids = append(ids, id)
	}
	sent := func() int { return w.ERP.Calls().Received[metakocka.EndpointUpdate] }
	agree := func(phone string) {
		t.Helper()
		for _, id := range ids {
			w.Agree(id, phone)
		}
	}

	// No service runs: the command works on it.
	window := []string{"undo", "--since", "1h", "--until", "2100-01-01", "--side", "metakocka"}
	wrote := sent()
	preview := mksync(w, append(window, "--dry-run")...)
	require.Len(t, preview.lines(), 2*len(ids), "the edits, and the partners that were made")
	alone := mksync(w, append(window, "--by", "nobody")...)
	require.Contains(t, alone.stderr, "there is nothing to undo")
	alone = mksync(w, window...)
	require.Len(t, alone.lines(), len(ids), "the partners that were made stay")
	require.Contains(t, alone.stdout, "The partner that was made stays")
	require.Equal(t, len(ids), sent()-wrote)
	agree("041 111 111")

	// A service works on it, and is killed in the middle.
	log := &keeper.Log{}
	c := spawn(w, log, "run", "--roles", service.RoleAPI)
	w.Eventually(func() error { return mksync(w, "mappings").err })
	wrote = sent()
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Latency: 50 * time.Millisecond}))
	said := make(chan said, 1)
	job := regexp.MustCompile(`undo --job (\S+)`).FindStringSubmatch(alone.stderr)[1]
	go func() { said <- mksync(w, "undo", "--job", job) }()
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM contacts WHERE phone = '041 222 222'"); n < 3 {
			return fmt.Errorf("%d are taken back: %s", n, log.Tail())
		}
		return nil
	})
	c.kill()
	w.Start(service.RoleAPI)
	<-said // which lost the service that it asked
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM mksync_jobs WHERE status = 'done'"); n < 2 {
			return fmt.Errorf("%d jobs are done", n)
		}
		return nil
	})
	require.Equal(t, len(ids), sent()-wrote)
	agree("041 222 222")
	require.Equal(t, len(ids), w.Count("SELECT (result->>'undone')::int FROM mksync_jobs ORDER BY number DESC LIMIT 1"))
}
