package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/pgserver"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/event"
)

// get asks the running service over HTTP.
func get(t testing.TB, s *service.Service, path string) (status int, body string) {
	t.Helper()
	addr := s.HTTPAddr()
	if addr == "" {
		return 0, ""
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, http.NoBody)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// ready waits until readiness is as wanted and its text holds words.
func (w *world) ready(s *service.Service, want int, words string) {
	w.t.Helper()
	w.eventually(func() error {
		status, body := get(w.t, s, "/readyz")
		if status != want || !strings.Contains(body, words) {
			return fmt.Errorf("readyz is %d %s", status, body)
		}
		return nil
	})
}

func (w *world) insert(name, email string) string {
	w.t.Helper()
	return w.one("INSERT INTO contacts (name, email, country) VALUES ($1, $2, 'SI') RETURNING id::text", name, email)
}

// agree waits until both sides hold the phone.
func (w *world) agree(contactID, phone string) {
	w.t.Helper()
	w.eventually(func() error {
		p := w.partner(contactID)
		erp := mapping.Canonical(mapping.FieldPhone, p.Contacts[0].GSM+p.Contacts[0].Phone)
		crm := mapping.Canonical(mapping.FieldPhone, w.one("SELECT phone FROM contacts WHERE id = $1", contactID))
		if want := mapping.Canonical(mapping.FieldPhone, phone); erp != want || crm != want {
			return fmt.Errorf("phone is %s and %s, not %s", crm, erp, want)
		}
		return nil
	})
}

func TestMetaKockaDownForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	s, _ := w.start()
	known := w.insert("Ana Zajc", "ana@primer.si")
	w.status(known, "synced")
	w.ready(s, http.StatusOK, "ready")

	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	w.exec("UPDATE contacts SET phone = '040 111 222' WHERE id = $1", known)
	var fresh []string
	for i := range 20 {
		fresh = append(fresh, w.insert(fmt.Sprintf("Nova Oseba %d", i), fmt.Sprintf("nova%d@primer.si", i)))
	}
	w.ready(s, http.StatusServiceUnavailable, "paused")
	_, metrics := get(t, s, "/metrics")
	require.Contains(t, metrics, "mksync_ready 0")
	require.Contains(t, metrics, "mksync_sending_paused 1")

	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	for _, id := range fresh {
		w.status(id, "synced")
	}
	w.agree(known, "040 111 222")
	w.ready(s, http.StatusOK, "ready")
	require.Len(t, w.erp.Partners(), 21)
	letters, err := s.Bus.DeadLetters(t.Context())
	require.NoError(t, err)
	require.Empty(t, letters, "an outage dead-letters nothing")
}

// TestAnswersOfAddPartnerLost: the partner is made, the answer never comes.
func TestAnswersOfAddPartnerLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.MetaKockaTimeout = time.Second
	w.start()
	w.status(w.insert("Prva Oseba", "prva@primer.si"), "synced")
	require.NoError(t, w.erp.FailNext("add_partner",
		sim.FaultAfter, sim.FaultBefore, sim.FaultAfter, sim.FaultLate, sim.FaultHalf, sim.FaultBefore))
	var all []string
	for i := range 12 {
		email := fmt.Sprintf("izgubljen%d@primer.si", i)
		if i%2 == 0 {
			email = ""
		}
		all = append(all, w.one("INSERT INTO contacts (name, email) VALUES ($1, nullif($2, '')) RETURNING id::text", fmt.Sprintf("Izgubljen Odgovor %d", i), email))
	}
	for _, id := range all {
		w.status(id, "synced")
	}
	require.Len(t, w.erp.Partners(), 13, "exactly one partner for each contact")
}

func TestNATSRestarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := embedded.Start(t.Context(), embedded.Config{Dir: dir})
	require.NoError(t, err)
	w := newWorld(t, sim.Options{})
	w.cfg.NATSURL = config.Secret(first.URL())
	s, _ := w.start()
	id := w.insert("Bine Kos", "bine@primer.si")
	w.status(id, "synced")
	p := w.partner(id)

	port := first.Addr()[strings.LastIndex(first.Addr(), ":")+1:]
	first.Shutdown()
	w.exec("UPDATE contacts SET phone = '041 222 333' WHERE id = $1", id)
	second := w.insert("Cene Kos", "cene@primer.si")
	require.NoError(t, w.erp.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].Email = "bine.kos@primer.si" }))
	w.ready(s, http.StatusServiceUnavailable, "NATS")

	again, err := embedded.Start(t.Context(), embedded.Config{Dir: dir, Port: atoi(t, port)})
	require.NoError(t, err)
	t.Cleanup(again.Shutdown)
	w.status(second, "synced")
	w.agree(id, "041 222 333")
	w.eventually(func() error {
		if got := w.one("SELECT email FROM contacts WHERE id = $1", id); got != "bine.kos@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.ready(s, http.StatusOK, "ready")
}

// ownServer starts a Postgres for this test alone, with variables of its own.
func ownServer(t *testing.T, env ...string) (server *pgserver.Server, url string) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{Own: true, NoInstall: true, Env: env})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	url, err = server.CreateDatabase(t.Context(), "crm")
	require.NoError(t, err)
	return server, url
}

// TestCommitThatIsNotVisibleYet: Postgres decodes a commit before others can
// see it, with synchronous replication for as long as the standby takes. The
// event must not be taken for nothing new.
func TestCommitThatIsNotVisibleYet(t *testing.T) {
	t.Parallel()
	_, url := ownServer(t)
	w := newWorldIn(t, url, sim.Options{})
	w.exec("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	w.exec("ALTER DATABASE crm SET synchronous_commit = local")
	w.exec("SELECT pg_reload_conf()")
	w.db.Reset()
	s, _ := w.start()
	w.status(w.insert("Prva Oseba", "prva@primer.si"), "synced")

	release := "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
	t.Cleanup(func() { w.exec(release) })
	done := make(chan error, 1)
	go func() {
		_, err := w.db.Exec(context.WithoutCancel(t.Context()), "SET synchronous_commit = on; INSERT INTO contacts (name) VALUES ('Sinhrona Oseba')")
		done <- err
	}()
	w.eventually(func() error {
		pending, inFlight, err := s.Bus.ConsumerState(t.Context(), bus.StreamContacts, event.ConsumerPusher)
		if err == nil && inFlight == 0 {
			err = fmt.Errorf("the event is not in flight: %d pending", pending)
		}
		return err
	})
	require.Equal(t, "1", w.one("SELECT count(*)::text FROM contacts"), "committed, but not visible")
	w.exec(release)
	require.NoError(t, <-done)
	w.status(w.one("SELECT id::text FROM contacts WHERE name = 'Sinhrona Oseba'"), "synced")
}

func TestPostgresRestarted(t *testing.T) {
	t.Parallel()
	server, url := ownServer(t)
	w := newWorldIn(t, url, sim.Options{})
	s, _ := w.start()
	id := w.insert("Darja Hrast", "darja@primer.si")
	w.status(id, "synced")
	p := w.partner(id)
	require.NoError(t, server.Restart(t.Context()))
	require.NoError(t, w.erp.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].Email = "darja.hrast@primer.si" }))
	w.db.Reset()
	w.exec("UPDATE contacts SET phone = '031 333 444' WHERE id = $1", id)
	w.agree(id, "031 333 444")
	w.eventually(func() error {
		if got := w.one("SELECT email FROM contacts WHERE id = $1", id); got != "darja.hrast@primer.si" {
			return errors.New("e-mail is " + got)
		}
		return nil
	})
	w.ready(s, http.StatusOK, "ready")
}
