package world

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/event"
)

// Written is every write either side has seen: to MetaKocka by endpoint, to the
// contacts table by mksync.
type Written struct {
	Adds, Updates, Contacts int
}

// AuditSQL notes who changes contacts.
const AuditSQL = `
	CREATE TABLE audit (n bigint GENERATED ALWAYS AS IDENTITY, app text, op text);
	CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN INSERT INTO audit (app, op) VALUES (current_setting('application_name'), TG_OP); RETURN NULL; END $$;
	CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION note()`

// NewAudited is a world that counts every write.
func NewAudited(t testing.TB, opts sim.Options) *World {
	t.Helper()
	w := New(t, opts)
	w.Exec(AuditSQL)
	return w
}

// Written is what was written so far.
func (w *World) Written() Written {
	w.T.Helper()
	calls := w.ERP.Calls().Received
	return Written{
		Adds: calls[metakocka.EndpointAdd], Updates: calls[metakocka.EndpointUpdate],
		Contacts: w.Count("SELECT count(*) FROM audit WHERE app = 'mksync'"),
	}
}

// Rows are the versions of all contacts.
func (w *World) Rows() string {
	w.T.Helper()
	return w.One("SELECT string_agg(id::text || ' ' || xmin::text || ' ' || updated_at::text, ', ' ORDER BY id) FROM contacts")
}

// Polls waits for n complete polls that begin from now on. A service of this process is
// asked for each: those that come by themselves are seldom, for they cost all tests time.
func (w *World) Polls(n int) {
	w.T.Helper()
	for range n {
		now := w.One("SELECT clock_timestamp()::text")
		for _, s := range w.polling {
			_ = s.Poller.Poll(w.T.Context()) // what is wrong with it is in its state
		}
		w.Eventually(func() error {
			if w.Count("SELECT count(*) FROM mksync_state WHERE key = 'poller' AND (value->>'sweptAt')::timestamptz > $1::text::timestamptz", now) == 0 {
				return errors.New("no complete poll since " + now)
			}
			return nil
		})
	}
}

// PolledOnce waits for the first complete poll, of a service that polls seldom.
func (w *World) PolledOnce() {
	w.T.Helper()
	w.Eventually(func() error {
		if w.Count("SELECT count(*) FROM mksync_state WHERE key = 'poller' AND (value->>'sweptAt')::timestamptz > '2000-01-01'") == 0 {
			return errors.New("no poll yet")
		}
		return nil
	})
}

// Drained waits until no event waits.
func (w *World) Drained(s *service.Service) {
	w.T.Helper()
	w.Eventually(func() error {
		streams, err := s.Bus.StreamState(context.WithoutCancel(w.T.Context()))
		if err != nil {
			return err
		}

		changes := w.Count("SELECT count(*) FROM audit")
		for _, st := range streams {
			if st.Stream == bus.StreamContacts && int(st.LastSeq) < changes {
				return fmt.Errorf("%d of %d changes of contacts were published", st.LastSeq, changes)
			}
		}

		for stream, durables := range map[string][]string{
			bus.StreamContacts: {event.ConsumerPusher, event.ConsumerPusherBulk}, bus.StreamPartners: {event.ConsumerPuller},
		} {
			for _, durable := range durables {
				pending, inFlight, err := s.Bus.ConsumerState(w.T.Context(), stream, durable)
				if err != nil || pending+inFlight > 0 {
					return fmt.Errorf("%s: %d pending, %d in flight: %w", durable, pending, inFlight, err)
				}
			}
		}

		return nil
	})
}

// Idle waits until every change of a contact has been worked on, and everything
// that two further polls saw.
func (w *World) Idle(s *service.Service) {
	w.T.Helper()
	w.Drained(s)
	w.Polls(2)
	w.Drained(s)
}

// Quiet waits until all work is done and then checks that it stays so: neither
// side is written while two further polls go by.
func (w *World) Quiet(s *service.Service) Written {
	w.T.Helper()
	w.Idle(s)
	before, rows := w.Written(), w.Rows()
	w.Polls(2)
	w.Drained(s)
	require.Equal(w.T, before, w.Written(), "something is still written")
	require.Equal(w.T, rows, w.Rows(), "contacts are still written")
	return before
}

// NoneWaits waits until no contact waits to be looked at once more.
func (w *World) NoneWaits() {
	w.T.Helper()
	w.Eventually(func() error {
		if n := w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE sync_status = 'pending'"); n > 0 {
			return fmt.Errorf("%d contacts are pending", n)
		}
		return nil
	})
}

// WorkedOff waits until every event was worked on.
func (w *World) WorkedOff(s *service.Service) {
	w.T.Helper()
	w.Eventually(func() error {
		st := s.Monitor().Status(w.T.Context())
		if n := st.Pusher.Pending + st.Pusher.InFlight + st.Puller.Pending + st.Puller.InFlight; n > 0 {
			return fmt.Errorf("%d events wait", n)
		}
		return nil
	})
}

// Left adds contacts, lets a service bring them over and stops it.
func (w *World) Left(n int) (ids []string) {
	w.T.Helper()
	s, stop := w.Start()
	for i := range n {
		ids = append(ids, w.Insert(fmt.Sprintf("Oseba %c", 'A'+i), fmt.Sprintf("oseba%d@primer.si", i)))
	}
	for _, id := range ids {
		w.Status(id, "synced")
	}
	w.Polls(2)
	w.WorkedOff(s)
	stop()
	return ids
}

// Letters are the reasons of all dead letters, by consumer and key.
func (w *World) Letters(s *service.Service) map[string]string {
	w.T.Helper()
	list, err := s.Bus.DeadLetters(w.T.Context())
	require.NoError(w.T, err)
	reasons := map[string]string{}
	for _, l := range list {
		reasons[l.Consumer+" "+l.Key] = l.Reason.String()
	}
	return reasons
}

// Letter waits until the dead letter has the reason; "": until there is none.
func (w *World) Letter(s *service.Service, key, reason string) {
	w.T.Helper()
	w.Eventually(func() error {
		if got := w.Letters(s)[key]; got != reason {
			return errors.New("dead letter says: " + got)
		}
		return nil
	})
}

// Problem waits until the status of a process names a problem.
func (w *World) Problem(s *service.Service, words string) {
	w.T.Helper()
	w.Eventually(func() error {
		problems := s.Monitor().Status(w.T.Context()).Problems
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, words) }) {
			return errors.New("problems are " + strings.Join(problems, "; "))
		}
		return nil
	})
}

// NoProblem waits until the status of a process names none.
func (w *World) NoProblem(s *service.Service) {
	w.T.Helper()
	w.Eventually(func() error {
		if problems := s.Monitor().Status(w.T.Context()).Problems; len(problems) > 0 {
			return errors.New("problems are " + strings.Join(problems, "; "))
		}
		return nil
	})
}

// Recovered waits until everything was checked after a snapshot for the reason.
func (w *World) Recovered(reason string) {
	w.T.Helper()
	w.Eventually(func() error {
		state := w.One("SELECT coalesce((SELECT value->>'SnapshotReason' || ' ' || (value->>'SnapshotPos') FROM mksync_state WHERE key = 'listener'), '')")
		if w.Count("SELECT count(*) FROM mksync_state WHERE key = 'check' AND value->>'recovered' IS NOT NULL") == 0 {
			return errors.New("nothing was checked yet; the listener's snapshot: " + state)
		}
		require.Contains(w.T, state, reason)
		return nil
	})
}

// Confirmed waits until the slot stands at lsn, or beyond it.
func (w *World) Confirmed(lsn string) {
	w.T.Helper()
	w.Eventually(func() error {
		if at := w.One("SELECT max(confirmed_flush_lsn)::text FROM pg_replication_slots WHERE slot_name = $1 AND confirmed_flush_lsn < $2::text::pg_lsn", w.Config.Slot, lsn); at != "" {
			return fmt.Errorf("the slot stands at %s, not %s", at, lsn)
		}
		return nil
	})
}
