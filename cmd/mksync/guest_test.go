package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestTheCRMNeverWaitsForMksync: while MetaKocka takes its time with a contact, whoever
// works in the CRM changes the same contact and the table, with no patience for locks.
func TestTheCRMNeverWaitsForMksync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	latency := waits.Stretch(time.Second)
	w.cfg.MetaKockaTimeout = 5 * latency
	w.start()
	linked := w.insert("Ana Novak", "ana@primer.si")
	w.status(linked, "synced")

	calls := make(chan string, 1)
	w.erp.OnCall(func(c sim.Call) {
		select {
		case calls <- c.Endpoint:
		default: // one is looked at
		}
	})
	slow := map[string]time.Duration{metakocka.EndpointGet: latency, metakocka.EndpointAdd: latency, metakocka.EndpointUpdate: latency}
	require.NoError(t, w.erp.SetFaults(sim.Faults{EndpointLatency: slow}))
	crm, err := pgx.Connect(t.Context(), w.cfg.DatabaseURL.Reveal())
	require.NoError(t, err)
	defer func() { _ = crm.Close(context.Background()) }()
	exec := func(sql string, args ...any) {
		_, err := crm.Exec(t.Context(), sql, args...)
		require.NoError(t, err, sql)
	}
	exec(fmt.Sprintf("SET lock_timeout = %d", (latency / 2).Milliseconds()))
	exec("UPDATE contacts SET phone = '041 234 500' WHERE id = $1", linked)
	added := w.insert("Bor Zajc", "bor@primer.si")

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
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	exec("UPDATE contacts SET phone = '041 234 599' WHERE id IN ($1, $2)", linked, added)
	w.agree(linked, "041 234 599")
	w.agree(added, "041 234 599")
	require.Len(t, w.erp.Partners(), 2)
}

// asGuest gives mksync a role that owns its own tables alone, and has the rights that
// docs/postgres.md grants.
func (w *world) asGuest() {
	w.t.Helper()
	role := testenv.SlotName(w.t)
	w.exec("CREATE ROLE " + role + " LOGIN REPLICATION PASSWORD 'x'")
	w.t.Cleanup(func() { w.exec("DROP OWNED BY " + role); w.exec("DROP ROLE " + role) })
	w.exec("GRANT ALL ON contacts TO " + role)
	testenv.OwnTables(w.t, w.cfg.DatabaseURL.Reveal(), role)
	w.exec("CREATE PUBLICATION " + w.cfg.Publication + " FOR TABLE contacts WITH (publish_via_partition_root = true)")
	w.cfg.DatabaseURL = config.Secret(asRole(w.t, w.cfg.DatabaseURL.Reveal(), role))
}

// TestRowLevelSecuritySwitchedOnWhileRunning: contacts that are hidden from mksync's role
// are not taken for deleted or left out. Nothing is acknowledged or put aside, the reason
// stands as a problem, and it goes on by itself.
func TestRowLevelSecuritySwitchedOnWhileRunning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.asGuest()
	s, _ := w.start()
	id, other := w.insert("Ana Novak", "ana@primer.si"), w.insert("Bor Zajc", "bor@primer.si")
	w.status(id, "synced")
	w.status(other, "synced")

	w.exec("CREATE POLICY mine ON contacts USING (name = 'nobody')")
	w.exec("ALTER TABLE contacts ENABLE ROW LEVEL SECURITY")
	w.exec("UPDATE contacts SET phone = '041 234 567' WHERE id = $1", id)
	w.edit(w.partner(other), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 765 432" })
	w.problem(s, "row level security of contacts applies to role")
	w.problem(s, "BYPASSRLS")
	w.mksync("check", "--repair").refused("row level security")
	require.Zero(t, w.count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status <> 'synced'"))
	require.Zero(t, w.count("SELECT count(*) FROM mksync_deletions"))
	require.Zero(t, s.Monitor().Status(t.Context()).DeadLetters)
	require.Equal(t, "Ana Novak", w.partner(id).Customer)

	w.exec("ALTER TABLE contacts DISABLE ROW LEVEL SECURITY")
	w.agree(id, "041 234 567")
	w.agree(other, "041 765 432")
	w.eventually(func() error { return w.mksync("check").err }) // the one that was refused is a problem until then
	w.noProblem(s)
	require.Zero(t, s.Monitor().Status(t.Context()).DeadLetters)
}
