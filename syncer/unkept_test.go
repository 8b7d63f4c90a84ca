package syncer_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// What the contacts table makes of mksync's writes: it may swallow them, refuse them
// in words of its own, or keep something else.

// phoned edits the phone in the ERP and brings that to the CRM.
func phoned(w *world.World, s *service.Service, id, phone string) error {
	w.T.Helper()
	p := w.Partner(id)
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = phone })
	p, _ = w.ERP.Partner(p.MKID)
	_, err := s.Reconciler.Partner(w.T.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
	return err
}

func TestWritesThatTheCRMDoesNotTake(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Exec(`ALTER TABLE contacts ADD COLUMN deleted_at timestamptz; CREATE TABLE ledger (id uuid)`)
	s := w.Parts()
	for name, c := range map[string]struct{ sql, events, do, reason string }{
		"swallowed":          {"", "UPDATE", "RETURN NULL;", "swallows the write"},
		"own code":           {"", "UPDATE", "RAISE EXCEPTION 'Ana owes 3 EUR' USING ERRCODE = 'CR001';", "function guard, of a trigger of the contacts table, raised an error (SQLSTATE CR001)"},
		"prerequisite":       {"", "UPDATE", "RAISE EXCEPTION 'locked' USING ERRCODE = '55000';", "(SQLSTATE 55000)"},
		"trigger is broken":  {"", "UPDATE", "PERFORM nothing FROM ledger;", "(SQLSTATE 42703)"},
		"right of a trigger": {"", "UPDATE", "RAISE insufficient_privilege;", "(SQLSTATE 42501)"},
		"rule":               {"CREATE RULE guard AS ON UPDATE TO contacts DO INSTEAD NOTHING", "UPDATE", "", "a rule of the contacts table replaces the write"},
	} {
		t.Run(name, func(t *testing.T) {
			w.WhenWriting(c.events, "")
			id := w.Linked(s, strings.ReplaceAll(name, " ", "-")+"@primer.si")
			w.WhenWriting(c.events, c.do)
			if c.sql != "" {
				w.Exec(c.sql)
				defer w.Exec("DROP RULE guard ON contacts")
			}
			err := phoned(w, s, id, "041 222 222")
			var rejected *syncer.RejectError
			require.ErrorAs(t, err, &rejected)
			require.Contains(t, rejected.Reason.String(), c.reason)
			require.NotContains(t, rejected.Reason.String(), "Ana owes")
			require.Equal(t, "error: "+rejected.Reason.String(), w.Mapping(id))
		})
	}

	w.WhenWriting("DELETE", "UPDATE contacts SET deleted_at = now() WHERE id = OLD.id; RETURN NULL;")
	s.Config.RemoteDeletePolicy = syncer.PolicyDelete
	require.NoError(t, s.Assemble(t.Context()))
	id := w.Linked(s, "soft@primer.si")
	p := w.Partner(id)
	require.NoError(t, w.ERP.DeletePartner(p.MKID))
	w.Eventually(func() error { // it is asked for twice
		_, _ = s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Missing: true})
		if got := w.Mapping(id); !strings.Contains(got, "the contact cannot be deleted: the database keeps it") {
			return errors.New(got)
		}
		return nil
	})
	require.Equal(t, "void", w.One("SELECT string_agg(DISTINCT status, ' ') FROM mksync_deletions"), "nothing was deleted, and the guard counts nothing")

	w.WhenWriting("INSERT", "RETURN NULL;")
	added, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Nova Stranka"})
	require.NoError(t, err)
	_, err = s.Reconciler.Partner(t.Context(), added.MKID, syncer.Trigger{Cause: syncer.CauseRequest})
	require.ErrorContains(t, err, "swallows the write")
}

// TestWhatATriggerMakesOfAWrite: the verdict comes from what the table holds, and what
// it made of a write is the contact's value from then on.
func TestWhatATriggerMakesOfAWrite(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	s := w.Parts()
	id := w.Linked(s, "kept@primer.si")

	w.WhenWriting("UPDATE", "NEW.phone := OLD.phone;")
	require.NoError(t, phoned(w, s, id, "041 222 222"))
	const unkept = "partial: phone: stored as something else by the CRM"
	require.Equal(t, unkept, w.Mapping(id))
	require.Equal(t, "{phone}", w.One("SELECT differing::text FROM metakocka_contact_mappings"))

	// Neither the echo nor an edit of another field starts it again.
	writes := w.ERP.Calls().Writes()
	_, err := s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
	require.NoError(t, err)
	require.Equal(t, writes, w.ERP.Calls().Writes())
	w.Set(id, mapping.FieldNotes, "opomba")
	_, err = s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
	require.NoError(t, err)
	require.Contains(t, w.Mapping(id), strings.TrimPrefix(unkept, "partial: "))
	require.Equal(t, "041 222 222", w.Partner(id).Contacts[0].GSM)

	// A value of the CRM's own goes to MetaKocka, and all is well.
	w.Exec("DROP TRIGGER guard ON contacts")
	w.Set(id, mapping.FieldPhone, "041 333 333")
	_, err = s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
	require.NoError(t, err)
	require.NotContains(t, w.Mapping(id), "phone")

	// Another spelling is no difference.
	w.WhenWriting("INSERT OR UPDATE", "NEW.email := upper(NEW.email); NEW.phone := replace(NEW.phone, ' ', '');")
	require.NoError(t, phoned(w, s, id, "041 444 444"))
	require.NotContains(t, w.Mapping(id), "phone")
	require.Equal(t, "041444444", w.Contact(id).Phone)
	require.Equal(t, 0, w.Count("SELECT count(*) FROM mksync_conflicts"))

	w.WhenWriting("INSERT", "NEW.website := 'https://crm.si';")
	added, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Nova Stranka", Website: "https://nova.si"})
	require.NoError(t, err)
	res, err := s.Reconciler.Partner(t.Context(), added.MKID, syncer.Trigger{Cause: syncer.CauseRequest})
	require.NoError(t, err)
	require.Equal(t, "partial: website: stored as something else by the CRM", w.Mapping(res.ContactID))
}

// TestWhatFailsAgainAndAgainIsSaid: an error that is neither an outage nor a refusal
// is named after a few tries, and does not come again and again.
func TestWhatFailsAgainAndAgainIsSaid(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	w.Status(id, "synced")
	w.Idle(s)
	w.Exec("UPDATE metakocka_contact_mappings SET base = '[]' WHERE contact_id = $1", id) // cannot be read
	w.Set(id, mapping.FieldPhone, "041 111 111")
	problem := func() error {
		problems := s.Monitor().Status(context.WithoutCancel(t.Context())).Problems
		if slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "fails again and again") && strings.Contains(p, id) }) {
			return nil
		}
		return fmt.Errorf("not named: %q", problems)
	}
	w.Eventually(problem)
	status := s.Monitor().Status(t.Context())
	require.Equal(t, 1, status.Failing)
	_, inFlight, err := s.Bus.ConsumerState(t.Context(), "CRM_CONTACTS", event.ConsumerPusher)
	require.NoError(t, err)
	require.EqualValues(t, 1, inFlight, "it comes again in minutes")

	// Others go on.
	other := w.Add(mapping.Contact{Name: "Bor", Email: "bor@partner.si"})
	w.Status(other, "synced")
	require.NoError(t, problem())
}

// TestTimesOfAnyShape: a column of the last change that holds no time, or one that is
// no moment, stops nothing; one without a time zone is set in the zone that it means.
func TestTimesOfAnyShape(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ContactsUpdatedAtZone = "Europe/Ljubljana"
	s := w.Parts()
	forever := w.Linked(s, "infinity@primer.si")
	w.Exec("UPDATE contacts SET updated_at = 'infinity', phone = '041 222 222'")
	reconcile := func(id string) {
		_, err := s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseContact})
		require.NoError(t, err)
	}
	reconcile(forever)
	require.Equal(t, "041 222 222", w.Partner(forever).Contacts[0].GSM)

	w.Exec("ALTER TABLE contacts ALTER updated_at DROP DEFAULT, ALTER updated_at DROP NOT NULL, ALTER updated_at TYPE bigint USING 17")
	require.NoError(t, s.Store.Refresh(t.Context()))
	require.NoError(t, phoned(w, s, forever, "041 333 333"))
	require.Equal(t, "041 333 333", w.Contact(forever).Phone)
	require.Equal(t, "17", w.One("SELECT updated_at::text FROM contacts"))

	w.Exec("ALTER TABLE contacts ALTER updated_at TYPE timestamp USING NULL")
	require.NoError(t, s.Store.Refresh(t.Context()))
	require.NoError(t, phoned(w, s, forever, "041 444 444"))
	require.Equal(t, "t", w.One("SELECT (now() - (updated_at AT TIME ZONE 'Europe/Ljubljana') BETWEEN '0' AND '1 minute')::text::char FROM contacts"))

	w.Config.ContactsUpdatedAtZone = "Middle/Earth"
	_, _, err := service.OpenStore(t.Context(), w.Config)
	require.ErrorContains(t, err, "MKSYNC_CONTACTS_UPDATED_AT_ZONE")
}

// TestARightThatIsTakenAway: without the right to write, a contact's write is refused; without
// the right to read, nothing is known of any contact, and nobody is put aside.
func TestARightThatIsTakenAway(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	role := testenv.SlotName(t)
	w.Exec("CREATE ROLE " + role + " LOGIN PASSWORD 'x'; GRANT ALL ON contacts TO " + role)
	testenv.OwnTables(t, w.Config.DatabaseURL.Reveal(), role)
	t.Cleanup(func() { w.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
	u, err := url.Parse(w.Config.DatabaseURL.Reveal())
	require.NoError(t, err)
	u.User = url.UserPassword(role, "x")
	w.Config.DatabaseURL = config.Secret(u.String())
	s := w.Parts()
	id := w.Linked(s, "rights@primer.si")

	w.Exec("REVOKE UPDATE ON contacts FROM " + role)
	err = phoned(w, s, id, "041 222 222")
	var rejected *syncer.RejectError
	require.ErrorAs(t, err, &rejected)
	require.Contains(t, rejected.Reason.String(), "no right to write it")
	w.Exec("GRANT UPDATE ON contacts TO " + role)
	w.Reconciled(s, id)
	require.Equal(t, "041 222 222", w.Contact(id).Phone)

	w.Exec("REVOKE SELECT ON contacts FROM " + role)
	err = phoned(w, s, id, "041 333 333")
	require.ErrorContains(t, err, "permission denied")
	require.NotErrorAs(t, err, &rejected)
	require.ErrorIs(t, err, store.ErrTable)
	w.Exec("GRANT SELECT ON contacts TO " + role)
	w.Reconciled(s, id)
	require.Equal(t, "041 333 333", w.Contact(id).Phone)
}
