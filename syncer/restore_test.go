package syncer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestAnEditMeetsWhatIsTakenBack: somebody edits the contact while MetaKocka is given the
// former value, so that the contact cannot follow at once. An edit of another field keeps
// nothing back; one of the same stands on both sides, whatever the rule says of conflicts,
// for nobody typed the former value in anew.
func TestAnEditMeetsWhatIsTakenBack(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.ConflictRule = mapping.RuleMetaKocka })}
	first, second, third := "041 111 111", "041 222 222", "041 333 333"
	var during func()
	u.ERP.OnCall(func(c sim.Call) {
		if c.Endpoint == metakocka.EndpointUpdate && during != nil {
			edit := during
			during = nil
			edit()
		}
	})
	for field, value := range map[mapping.Field]string{mapping.FieldEmail: "eva@primer.si", mapping.FieldPhone: third} {
		id, _ := u.Linked(mapping.Contact{Name: "Ana " + string(field), Phone: first})
		u.Set(id, mapping.FieldPhone, second)
		u.Pushed(id, false)
		during = func() { u.Set(id, field, value) }
		res := u.undo(operations.UndoRequest{IDs: []string{u.newest(id)}})
		if field == mapping.FieldEmail {
			require.Equal(t, 1, res.Undone, res.Items)
			u.hold(id, first)
			require.Equal(t, value, syncer.ContactOf(u.Partner(id)).Email)
			continue
		}
		require.Equal(t, syncer.Reason{Code: syncer.UndoChanged, Field: field, Side: mapping.SideCRM}, res.Items[0].Left)
		u.hold(id, third)
		require.Zero(t, u.Count("SELECT count(*) FROM mksync_conflicts"))
	}
}

// TestAnotherSpellingIsAnEdit: what is written otherwise by now is not what was written,
// though it means the same.
func TestAnotherSpellingIsAnEdit(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, _ := u.Linked(mapping.Contact{Name: "Ana d.o.o.", CompanyName: "Ana d.o.o.", Country: "SI"})
	u.Set(id, mapping.FieldTaxNumber, "SI12345679")
	u.Pushed(id, false)
	written := u.newest(id)
	u.Set(id, mapping.FieldTaxNumber, "12345679")
	u.Pushed(id, false)
	for _, dry := range []bool{true, false} {
		res := u.undo(operations.UndoRequest{IDs: []string{written}, DryRun: dry})
		require.Equal(t, syncer.UndoChanged, res.Items[0].Left.Code)
	}
	require.Equal(t, "12345679", u.Contact(id).TaxNumber)
}

// TestNothingIsMadeForWhatIsTakenBack: a contact without a partner is given none.
func TestNothingIsMadeForWhatIsTakenBack(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, p := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	u.Set(id, mapping.FieldPhone, "041 222 222")
	u.Pushed(id, false)
	require.NoError(t, u.ERP.DeletePartner(p.MKID))
	u.Exec("UPDATE metakocka_contact_mappings SET metakocka_id = NULL, sync_status = 'pending', base = NULL")
	res := u.undo(operations.UndoRequest{IDs: []string{u.newest(id)}})
	require.Equal(t, syncer.UndoNotLinked, res.Items[0].Left.Code)
	require.Empty(t, u.ERP.Partners())
}

// TestAllWritesOfAnUndoAreNamed, however many there are.
func TestAllWritesOfAnUndoAreNamed(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, _ := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	u.Set(id, mapping.FieldPhone, "041 222 222")
	u.Pushed(id, false)
	written := u.newest(id)
	u.Exec(`CREATE FUNCTION chatter() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO mksync_history (contact_id, act, cause) SELECT NEW.contact_id, 'hold', 'event' FROM generate_series(1, 30); RETURN NULL; END $$;
		CREATE TRIGGER chatter AFTER INSERT ON mksync_history FOR EACH ROW WHEN (NEW.cause = 'undo') EXECUTE FUNCTION chatter()`)
	res := u.undo(operations.UndoRequest{IDs: []string{written}})
	require.Len(t, res.HistoryIDs, 2)
}

// TestAHolderThatIsLeftOutIsAskedOfItsLastWrite: its update had no answer, and nobody syncs
// it any more. Who is entered anew gets its partner once that is known, and the history
// tells of the write.
func TestAHolderThatIsLeftOutIsAskedOfItsLastWrite(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	c := mapping.Contact{Name: "Ana Novak", Email: "ana@partner.si"}
	id, p := h.Linked(c)
	h.Set(id, mapping.FieldPhone, "041 222 222")
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	_, err := h.Push(id, false)
	require.Error(t, err)
	becomes(h, id, "inactive")
	require.Equal(t, 1, h.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE intent IS NULL"), "its own event tells as well")

	h.Exec("UPDATE contacts SET status = 'active' WHERE id = $1", id)
	h.Set(id, mapping.FieldPhone, "041 333 333")
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	_, err = h.Push(id, false)
	require.Error(t, err)
	h.Exec("UPDATE contacts SET status = 'inactive' WHERE id = $1", id)
	again := h.Add(c)
	h.Pushed(again, false)
	require.Equal(t, "synced: ", h.Mapping(again))
	require.Equal(t, p.MKID, h.Partner(again).MKID)
	require.Contains(t, h.Mapping(id), "deleted: the contact is left out")
	told := 0
	for _, e := range h.History(h.Service.Store, id) {
		if v := e.Fields[mapping.FieldPhone].Written; e.Act == store.ActWrite && v != nil && *v == "041 333 333" {
			told++
		}
	}
	require.Equal(t, 1, told, "writes that the history tells of")
}

// TestWhatWasLostWithACountryIsNobodysEdit: the address that said the country was replaced
// by an update whose answer was lost.
func TestWhatWasLostWithACountryIsNobodysEdit(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	oneWay(w, mapping.FieldCountry, mapping.DirectionToCRM)
	s := w.Parts()
	id := w.Add(mapping.Contact{Name: "Jan Kos", Email: "jan@located-test.de"})
	w.Reconciled(s, id)
	w.Edit(w.Partner(id), func(p *metakocka.Partner) {
		p.Addresses = []metakocka.Address{{Type: metakocka.AddressBilling, Street: "Ilica 5, 10000 Zagreb, Hrvatska"}}
	})
	w.Reconciled(s, id)
	w.Set(id, mapping.FieldAddress, "Ilica 7, 10000 Zagreb")
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	_, err := s.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseCheck})
	require.Error(t, err)
	w.Reconciled(s, id)
	require.Equal(t, "HR", w.Contact(id).Country)
	require.Equal(t, "synced: ", w.Mapping(id))
}

// TestSinceWhenTwoAgree: since what brought them there, and not since somebody touched the
// link.
func TestSinceWhenTwoAgree(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, _ := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	at := u.History(u.Service.Store, id)[0].At
	u.Exec("UPDATE metakocka_contact_mappings SET updated_at = now() + interval '1 hour'")
	since := func() *time.Time {
		t.Helper()
		w, err := u.api().Why(t.Context(), operations.WhyRequest{ContactID: id})
		require.NoError(t, err)
		require.Equal(t, syncer.StandsSynced, w.Stands.Code)
		return w.Stands.Since
	}
	require.WithinDuration(t, at, *since(), 0)
	u.Exec("DELETE FROM mksync_history")
	require.Nil(t, since())
}

// TestTheHistoryIsAskedForATimeBeforeIt: what was there then is not known, and that is said.
func TestTheHistoryIsAskedForATimeBeforeIt(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, _ := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	for i := range 2 {
		u.Set(id, mapping.FieldPhone, fmt.Sprintf("041 222 22%d", i))
		u.Pushed(id, false)
	}
	back := operations.UndoRequest{ContactID: id, To: "2020-01-01T00:00:00Z", DryRun: true}
	require.Nil(t, u.undo(back).KeptSince, "it began later")
	kept := u.History(u.Service.Store, id)[0]
	u.Exec("DELETE FROM mksync_history WHERE id <> $1", kept.ID)
	require.WithinDuration(t, kept.At, *u.undo(back).KeptSince, 0)
	back.To = kept.At.Add(time.Microsecond).Format(time.RFC3339Nano)
	require.Nil(t, u.undo(back).KeptSince)
	u.Exec("DELETE FROM mksync_history")
	_, err := u.api().Undo(t.Context(), back)
	require.ErrorContains(t, err, "the history of contact "+id+" has nothing")
}

// TestSweptLately: what is older than five minutes, or of a clock that was put back, is no
// ground to match on.
func TestSweptLately(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	for ago, want := range map[time.Duration]bool{0: true, 4 * time.Minute: true, 5 * time.Minute: false, time.Hour: false, -time.Second: false} {
		require.Equal(t, want, syncer.SweptLately(now.Add(-ago), now), ago)
	}
}
