package httpapi_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/status"
)

// TestWhatWaitsIsWhatTheListsShow: every count equals the rows of its list, whatever waits
// and whatever was decided.
func TestWhatWaitsIsWhatTheListsShow(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule, w.Config.MaxDeletes = "manual", 0
	s, c := w.API() // nobody consumes events: each reconcile is this test's

	waiting := func() map[status.Code]int {
		t.Helper()
		var all operations.List[status.Waiting]
		c.Get("waiting").Data(&all)
		counts := map[status.Code]int{}
		for _, k := range all.Items {
			counts[k.Code] = k.Count
			if len(k.Lines) == 0 {
				require.WithinDuration(t, time.Now(), *k.Since, time.Hour, k.Code)
			}
		}

		lists := map[status.Code]string{status.WaitingConflict: "conflicts", status.WaitingDeletion: "deletions", status.WaitingDeadLetter: "deadletters"}
		for code, path := range lists {
			var page struct{ Items []map[string]any }
			c.Get(path).Data(&page)
			require.Len(t, page.Items, counts[code], code)
		}
		mappings, err := operations.OpMappings.Ask(t.Context(), s.API(s.Monitor()), operations.MappingsRequest{})
		require.NoError(t, err)
		rows := map[status.Code]int{}
		for _, m := range mappings.Items {
			switch {
			case m.SyncStatus == "error":
				rows[status.WaitingError]++
			case m.SyncStatus == "held" && m.MetaKockaID == "":
				rows[status.WaitingMatch]++
			}
		}
		for _, code := range []status.Code{status.WaitingError, status.WaitingMatch} {
			require.Equal(t, rows[code], counts[code], code)
		}
		return counts
	}
	of := func(counts map[status.Code]int) (n [5]int) {
		for i, code := range []status.Code{status.WaitingConflict, status.WaitingMatch, status.WaitingDeletion, status.WaitingError, status.WaitingDeadLetter} {
			n[i] = counts[code]
		}
		return n
	}
	require.Equal(t, [5]int{}, of(waiting()))

	ana, bor := w.Linked(s, "ana@primer.si"), w.Linked(s, "bor@primer.si")
	w.Edit(w.Partner(ana), func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 111 222" })
	w.Set(ana, mapping.FieldPhone, "041 333 444")
	w.Reconciled(s, ana)
	w.Exec("DELETE FROM contacts WHERE id = $1", bor)
	_, err := s.Reconciler.Contact(t.Context(), bor, syncer.Trigger{Cause: syncer.CauseContact, Deleted: true})
	require.NoError(t, err)
	for range 2 {
		_, err := w.ERP.AddPartner(metakocka.Partner{Customer: "Cene", Contacts: []metakocka.Contact{{Name: "Cene", Email: "cene@primer.si"}}})
		require.NoError(t, err)
	}
	w.Reconciled(s, w.Insert("Cene", "cene@primer.si"))
	_, err = s.Reconciler.Contact(t.Context(), w.Insert(" ", "prazno@primer.si"), syncer.Trigger{Cause: syncer.CauseContact})
	require.Error(t, err)
	letter := bus.Message{Subject: bus.DeadLetterSubject("pusher", "1"), Header: nats.Header{"Mksync-Reason": {"no"}}}
	_, err = s.Bus.PublishSync(t.Context(), bus.StreamDeadLetters, letter)
	require.NoError(t, err)
	require.Equal(t, [5]int{1, 1, 1, 1, 1}, of(waiting()))

	c.Post("conflicts/resolve", `{"id":"`+ana+`","take":"crm"}`).Data(&struct{}{})
	c.Post("deletions/reject", `{"id":"`+bor+`"}`).Data(&struct{}{})
	c.Post("deadletters/retry", `{"id":"1"}`).Data(&struct{}{}) // its consumer does not run
	require.Equal(t, [5]int{0, 1, 0, 1, 0}, of(waiting()))
}
