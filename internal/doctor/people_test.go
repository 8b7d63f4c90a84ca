package doctor_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/migrations"
)

// TestPeopleWhoAreNeeded: what waits for their approval, and whether they are told.
func TestPeopleWhoAreNeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	testenv.ContactsTable(t, r.url)
	ways := r.cfg.Database.Alerts
	r.cfg.Database.Alerts = nil
	r.run().is("alerts", doctor.Note, "nobody is told", "alerts.webhook_url")
	r.cfg.Database.Alerts = ways
	r.run().is("alerts", doctor.OK, "none was needed yet")
	_, err := migrations.Up(t.Context(), r.url, r.cfg.Database.Installation)
	require.NoError(t, err)

	// A message is sent, the next is tried again and then given up.
	r.exec(`INSERT INTO mksync_alerts (channel, type) VALUES ('mail', 'attention.needed'), ('webhook', 'attention.needed')`)
	r.run().is("alerts", doctor.OK, "by mail: none was needed yet")
	r.exec(`UPDATE mksync_alerts SET ended_at = '2026-03-04 12:00:00Z'`)
	r.run().is("alerts", doctor.OK, "by mail: the last was sent 4 Mar 12:00 UTC")
	r.exec(`INSERT INTO mksync_alerts (channel, type, error) VALUES ('mail', 'attention.over', 'smtps://mksync:` + password + `@mail.test refuses')`)
	r.run().is("alerts", doctor.Note, "is tried again: smtps://[secret]@mail.test refuses", "mksync alerts test")
	r.exec(`UPDATE mksync_alerts SET ended_at = now() WHERE error IS NOT NULL`)
	r.run().is("alerts", doctor.Fail, "was given up", "mksync alerts test")

	require.NotContains(t, r.run().statuses(doctor.OK), "first matches")
	r.cfg.Database.Reviews = true
	r.run().is("first matches", doctor.OK, "none waits")
	r.exec(`INSERT INTO metakocka_contact_mappings (contact_id, sync_status, proposal) VALUES
		(gen_random_uuid(), 'held', '{"does": "link"}'), (gen_random_uuid(), 'held', '{"does": "create"}'), (gen_random_uuid(), 'held', '{"does": "create"}')`)
	r.run().is("first matches", doctor.Note, "1 to link, 2 to create", "mksync review list")
}
