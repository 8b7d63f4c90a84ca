package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestTheCRMNeverWaitsForMksync: while MetaKocka takes its time with a contact, whoever
// works in the CRM changes the same contact and the table, with no patience for locks.
func TestTheCRMNeverWaitsForMksync(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	latency := waits.Stretch(time.Second)
	w.Config.MetaKockaTimeout = 5 * latency
	w.Start()
	linked := w.Insert("Ana Novak", "ana@primer.si")
	w.Status(linked, "synced")

	calls := make(chan string, 1)
	w.ERP.OnCall(func(c sim.Call) {
		select {
		case calls <- c.Endpoint:
		default: // one is looked at
		}
	})
	slow := map[string]time.Duration{metakocka.EndpointGet: latency, metakocka.EndpointAdd: latency, metakocka.EndpointUpdate: latency}
	require.NoError(t, w.ERP.SetFaults(sim.Faults{EndpointLatency: slow}))
	crm, err := pgx.Connect(t.Context(), w.Config.DatabaseURL.Reveal())
	require.NoError(t, err)
	defer func() { _ = crm.Close(context.Background()) }()
	exec := func(sql string, args ...any) {
		_, err := crm.Exec(t.Context(), sql, args...)
		require.NoError(t, err, sql)
	}
	exec(fmt.Sprintf("SET lock_timeout = %d", (latency / 2).Milliseconds()))
	exec("UPDATE contacts SET phone = '041 234 500' WHERE id = $1", linked)
	added := w.Insert("Bor Zajc", "bor@primer.si")

	for i := 0; len(slow) > 0; i++ {
		endpoint, came := waits.Within(20*time.Second, calls)
		require.True(t, came, "no call of %v", slow)
		if _, wanted := slow[endpoint]; !wanted {
			continue
		}
		delete(slow, endpoint)
		exec("SELECT FROM contacts WHERE id IN ($1, $2) FOR UPDATE", linked, added)
		exec("UPDATE contacts SET phone = $3 WHERE id IN ($1, $2)", linked, added, fmt.Sprintf("041 234 5%02d", i))
		exec(fmt.Sprintf("ALTER TABLE contacts ADD COLUMN extra_%d text DEFAULT 'x'", i))
	}
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	exec("UPDATE contacts SET phone = '041 234 599' WHERE id IN ($1, $2)", linked, added)
	w.Agree(linked, "041 234 599")
	w.Agree(added, "041 234 599")
	require.Len(t, w.ERP.Partners(), 2)
}

// TestRowLevelSecuritySwitchedOnWhileRunning: contacts that are hidden from mksync's role
// are not taken for deleted or left out. Nothing is acknowledged or put aside, the reason
// stands as a problem, and it goes on by itself.
func TestRowLevelSecuritySwitchedOnWhileRunning(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.AsGuest()
	s, _ := w.Start()
	id, other := w.Insert("Ana Novak", "ana@primer.si"), w.Insert("Bor Zajc", "bor@primer.si")
	w.Status(id, "synced")
	w.Status(other, "synced")

	w.Exec("CREATE POLICY mine ON contacts USING (name = 'nobody')")
	w.Exec("ALTER TABLE contacts ENABLE ROW LEVEL SECURITY")
	w.Exec("UPDATE contacts SET phone = '041 234 567' WHERE id = $1", id)
	w.Edit(w.Partner(other), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 765 432" })
	w.Problem(s, "row level security of contacts applies to role")
	w.Problem(s, "BYPASSRLS")
	mksync(w, "check", "--repair").refused("row level security")
	require.Zero(t, w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status <> 'synced'"))
	require.Zero(t, w.Count("SELECT count(*) FROM mksync_deletions"))
	require.Zero(t, s.Monitor().Status(t.Context()).DeadLetters)
	require.Equal(t, "Ana Novak", w.Partner(id).Customer)

	w.Exec("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY")
	w.Agree(id, "041 234 567")
	w.Agree(other, "041 765 432")
	w.Eventually(func() error { return mksync(w, "check").err }) // the one that was refused is a problem until then
	w.NoProblem(s)
	require.Zero(t, s.Monitor().Status(t.Context()).DeadLetters)
}
