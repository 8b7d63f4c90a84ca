package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/event"
)

// written is every write either side has seen: to MetaKocka by endpoint, to the
// contacts table by mksync.
type written struct {
	Adds, Updates, Contacts int
}

// auditSQL notes who changes contacts.
const auditSQL = `
	CREATE TABLE audit (n bigint GENERATED ALWAYS AS IDENTITY, app text, op text);
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN INSERT INTO audit (app, op) VALUES (current_setting('application_name'), TG_OP); RETURN NULL; END $$;
	CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION note()`

// newAuditedWorld is a world that counts every write and polls in a hurry.
func newAuditedWorld(t testing.TB, opts sim.Options) *world {
	t.Helper()
	w := newWorld(t, opts)
	w.cfg.PollInterval = 50 * time.Millisecond
	w.exec(auditSQL)
	return w
}

// up starts the service and waits until it listens; when the test fails it says
// how things stood.
func (w *world) up() *service.Service {
	w.t.Helper()
	s, _ := w.start()
	w.t.Cleanup(func() {
		if !w.t.Failed() {
			return
		}
		ctx := context.WithoutCancel(w.t.Context())
		status, _ := json.Marshal(s.Monitor().Status(ctx))
		letters, _ := s.Bus.DeadLetters(ctx)
		w.t.Logf("status: %s\ndead letters: %v", status, letters)
	})
	w.eventually(func() error {
		if state := s.Listener.Status().State; state != cdc.StateStreaming {
			return errors.New("the listener is " + state)
		}
		return nil
	})
	return s
}

func (w *world) written() written {
	w.t.Helper()
	calls := w.erp.Calls().Received
	return written{
		Adds: calls[metakocka.EndpointAdd], Updates: calls[metakocka.EndpointUpdate],
		Contacts: w.count("SELECT count(*) FROM audit WHERE app = 'mksync'"),
	}
}

func (w *world) count(sql string, args ...any) int {
	w.t.Helper()
	var n int
	require.NoError(w.t, w.db.QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// polls waits for n complete polls that begin from now on.
func (w *world) polls(n int) {
	w.t.Helper()
	for range n {
		now := w.one("SELECT clock_timestamp()::text")
		w.eventually(func() error {
			if w.count("SELECT count(*) FROM mksync_state WHERE key = 'poller' AND (value->>'sweptAt')::timestamptz > $1::text::timestamptz", now) == 0 {
				return errors.New("no complete poll since " + now)
			}
			return nil
		})
	}
}

// idle waits until every change of a contact has been worked on, and everything
// that two further polls saw.
func (w *world) idle(s *service.Service) {
	w.t.Helper()
	w.drained(s)
	w.polls(2)
	w.drained(s)
}

// drained waits until no event waits.
func (w *world) drained(s *service.Service) {
	w.t.Helper()
	w.eventually(func() error {
		streams, err := s.Bus.StreamState(context.WithoutCancel(w.t.Context()))
		if err != nil {
			return err
		}
		changes := w.count("SELECT count(*) FROM audit")
		for _, st := range streams {
			if st.Name == bus.StreamContacts && int(st.LastSeq) < changes {
				return fmt.Errorf("%d of %d changes of contacts were published", st.LastSeq, changes)
			}
		}
		for stream, durables := range map[string][]string{
			bus.StreamContacts: {event.ConsumerPusher, event.ConsumerPusherBulk}, bus.StreamPartners: {event.ConsumerPuller},
		} {
			for _, durable := range durables {
				pending, inFlight, err := s.Bus.ConsumerState(w.t.Context(), stream, durable)
				if err != nil || pending+inFlight > 0 {
					return fmt.Errorf("%s: %d pending, %d in flight: %w", durable, pending, inFlight, err)
				}
			}
		}
		return nil
	})
}

// quiet waits until all work is done and then checks that it stays so: neither
// side is written while two further polls go by.
func (w *world) quiet(s *service.Service) written {
	w.t.Helper()
	w.idle(s)
	before, rows := w.written(), w.rows()
	w.polls(2)
	w.drained(s)
	require.Equal(w.t, before, w.written(), "something is still written")
	require.Equal(w.t, rows, w.rows(), "contacts are still written")
	return before
}

// rows are the versions of all contacts.
func (w *world) rows() string {
	w.t.Helper()
	return w.one("SELECT string_agg(id::text || ' ' || xmin::text || ' ' || updated_at::text, ', ' ORDER BY id) FROM contacts")
}

// add adds a contact and returns its id.
func (w *world) add(c mapping.Contact) string {
	w.t.Helper()
	return w.one(`INSERT INTO contacts (name, company_name, email, phone, address, country, tax_number, notes, website)
		VALUES ($1, nullif($2, ''), nullif($3, ''), nullif($4, ''), nullif($5, ''), nullif($6, ''), nullif($7, ''), nullif($8, ''), nullif($9, ''))
		RETURNING id::text`, c.Name, c.CompanyName, c.Email, c.Phone, c.Address, c.Country, c.TaxNumber, c.Notes, c.Website)
}

// set edits one field of a contact; "" is NULL.
func (w *world) set(id string, f mapping.Field, v string) {
	w.t.Helper()
	w.exec(fmt.Sprintf("UPDATE contacts SET %s = nullif($2, ''), updated_at = now() WHERE id = $1", f), id, v)
}

// contact reads a contact as it is in the table.
func (w *world) contact(id string) mapping.Contact {
	w.t.Helper()
	var c mapping.Contact
	var row string
	require.NoError(w.t, w.db.QueryRow(w.t.Context(), "SELECT jsonb_strip_nulls(to_jsonb(c))::text FROM contacts c WHERE id = $1", id).Scan(&row))
	require.NoError(w.t, json.Unmarshal([]byte(row), &c))
	return c
}

// contactIs waits until the contact's field has a value.
func (w *world) contactIs(id string, f mapping.Field, want string) {
	w.t.Helper()
	w.eventually(func() error {
		if got := w.contact(id).Get(f); got != want {
			return fmt.Errorf("contact's %s is %q, not %q; mapping: %s", f, got, want, w.mapping(id))
		}
		return nil
	})
}

// partnerIs waits until look gives the same for the contact's partner.
func (w *world) partnerIs(id string, want any, look func(p metakocka.Partner) any) {
	w.t.Helper()
	w.eventually(func() error {
		if got := look(w.partner(id)); !reflect.DeepEqual(got, want) {
			return fmt.Errorf("partner has %v, not %v; mapping: %s", got, want, w.mapping(id))
		}
		return nil
	})
}

// mapping is status and reason of a contact's link.
func (w *world) mapping(id string) string {
	w.t.Helper()
	return w.one(`SELECT coalesce((SELECT sync_status || ': ' || coalesce(last_error, '')
		FROM metakocka_contact_mappings WHERE contact_id = $1), 'none')`, id)
}

// letters are the reasons of all dead letters, by consumer and key.
func (w *world) letters(s *service.Service) map[string]string {
	w.t.Helper()
	list, err := s.Bus.DeadLetters(w.t.Context())
	require.NoError(w.t, err)
	reasons := map[string]string{}
	for _, l := range list {
		reasons[l.Consumer+" "+l.Key] = l.Reason
	}
	return reasons
}

// edit changes a partner at the ERP's screens.
func (w *world) edit(p metakocka.Partner, change func(p *metakocka.Partner)) {
	w.t.Helper()
	require.NoError(w.t, w.erp.EditPartner(p.MKID, change))
}
