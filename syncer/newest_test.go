package syncer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// race is an edit of one contact on both sides, with its events told one by one.
type race struct {
	*world.World
	s  *service.Service
	id string
}

func newRace(w *world.World, s *service.Service, email string) *race {
	w.T.Helper()
	r := &race{w, s, w.Linked(s, email)}
	r.told(r.now())
	r.poll()
	r.poll() // what was made is seen, and stays as it is
	return r
}

func (r *race) now() time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.One(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ')`))
	require.NoError(r.T, err)
	return at
}

// told publishes the contact as it is now, as changed at some time.
func (r *race) told(at time.Time) {
	r.T.Helper()
	row := r.One("SELECT to_jsonb(c)::text FROM contacts c WHERE id = $1", r.id)
	_, err := r.s.Bus.PublishSync(r.T.Context(), bus.StreamContacts, bus.Message{
		Subject: bus.ContactSubject("update", r.id), ID: fmt.Sprint("1-0/1-", uint32(time.Now().UnixMicro())), Data: []byte(`{"op":"update","after":` + row + `}`),
		Header: nats.Header{"ce-time": {at.UTC().Format(time.RFC3339Nano)}},
	})
	require.NoError(r.T, err)
}

func (r *race) poll() {
	r.T.Helper()
	require.NoError(r.T, r.s.Poller.Poll(r.T.Context()))
}

// enters edits the partner, which polls see after some time has passed, and before some more does.
func (r *race) enters(change func(*metakocka.Partner)) {
	r.T.Helper()
	r.Edit(r.Partner(r.id), change)
	r.poll()
}

func (r *race) pushed(at time.Time) {
	r.T.Helper()
	_, err := r.s.Reconciler.Contact(r.T.Context(), r.id, syncer.Trigger{Cause: syncer.CauseContact, CRMChangedAt: at})
	require.NoError(r.T, err)
}

// decided is the newest conflict's winner, and whether the times told it.
func (r *race) decided() string {
	r.T.Helper()
	return r.One(`SELECT winner || CASE WHEN undecidable THEN ', undecidable' ELSE '' END FROM mksync_conflicts c
		JOIN metakocka_contact_mappings m ON m.id = c.link_id WHERE m.contact_id = $1 ORDER BY c.id DESC LIMIT 1`, r.id)
}

// TestNewestGoesByTheFieldsOwnTimes: the rule newest compares when each side changed
// this field, not the contact or the partner.
func TestNewestGoesByTheFieldsOwnTimes(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.TieWinner = mapping.SideMetaKocka
	s := w.Parts()
	phone := func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 222 222" }

	// The partner's event comes first, the contact's updated_at stays as it was made, and
	// its event is on its way.
	r := newRace(w, s, "stale@primer.si")
	r.enters(phone)
	w.Exec("UPDATE contacts SET phone = '041 333 333' WHERE id = $1", r.id)
	at := r.now()
	came := make(chan error, 1)
	p := w.Partner(r.id)
	go func() {
		_, err := s.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CausePartner, Observed: &p})
		came <- err
	}()
	r.told(at)
	require.NoError(t, <-came)
	require.Equal(t, "crm", r.decided())
	require.Equal(t, "041 333 333", w.Partner(r.id).Contacts[0].GSM)

	// Where none comes, nobody can tell.
	r = newRace(w, s, "lost@primer.si")
	r.enters(phone)
	w.Exec("UPDATE contacts SET phone = '041 333 333' WHERE id = $1", r.id)
	r.pushed(r.now())
	require.Equal(t, "metakocka, undecidable", r.decided())

	// Another column is touched after the ERP's edit.
	r = newRace(w, s, "touched@primer.si")
	w.Set(r.id, mapping.FieldPhone, "041 333 333")
	r.told(r.now())
	r.poll()
	r.enters(phone)
	w.Set(r.id, mapping.FieldNotes, "opomba")
	r.told(r.now())
	r.pushed(r.now())
	require.Equal(t, "metakocka", r.decided())
	require.Equal(t, "041 222 222", w.Contact(r.id).Phone)

	// So is something else in the ERP after the CRM's edit.
	r = newRace(w, s, "elsewhere@primer.si")
	r.enters(phone)
	w.Set(r.id, mapping.FieldPhone, "041 333 333")
	r.told(r.now())
	r.poll()
	r.enters(func(p *metakocka.Partner) { p.Notes = "opomba" })
	r.pushed(r.now())
	require.NotEqual(t, "metakocka", r.decided(), "its edit is the older one")

	// The partner is read again while the field waits: it did not hold its base then.
	rule := func(rule mapping.Rule) {
		w.Config.ConflictRule = rule
		s.Config = w.Config
		require.NoError(t, s.Assemble(t.Context()))
	}
	rule(mapping.RuleManual)
	r = newRace(w, s, "parked@primer.si")
	r.enters(phone)
	w.Set(r.id, mapping.FieldPhone, "041 333 333")
	r.told(r.now())
	r.pushed(r.now())
	w.Status(r.id, "conflict")
	rule(mapping.RuleNewest)
	w.Reconciled(s, r.id)
	require.Equal(t, "crm", r.decided())
	require.Equal(t, "041 333 333", w.Partner(r.id).Contacts[0].GSM)
}

// TestNewestOfANumber: an event holds a tax number that the CRM keeps as a number as one.
func TestNewestOfANumber(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.TieWinner = mapping.SideMetaKocka
	s := w.Parts()
	r := newRace(w, s, "number@primer.si")
	w.Exec("ALTER TABLE contacts ALTER tax_number TYPE bigint USING tax_number::bigint")
	require.NoError(t, s.Store.Refresh(t.Context()))
	r.enters(func(p *metakocka.Partner) { p.TaxIDNumber = "11234059" })
	w.Exec("UPDATE contacts SET tax_number = 12345679 WHERE id = $1", r.id)
	at := r.now()
	r.told(at)
	r.pushed(at)
	require.Equal(t, "crm", r.decided())
	require.Equal(t, "12345679", w.Partner(r.id).TaxIDNumber)
}
