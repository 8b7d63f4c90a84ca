package syncer_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// undoing is a world in which writes are taken back.
type undoing struct{ *world.Hand }

func (u undoing) api() *operations.API { return u.Service.API(u.Service.Monitor()) }

func (u undoing) undo(r operations.UndoRequest) operations.UndoResult {
	u.T.Helper()
	r.AskedBy = "ana"
	res, err := u.api().Undo(u.T.Context(), r)
	require.NoError(u.T, err)
	return res
}

// newest is the id of the contact's newest entry.
func (u undoing) newest(id string) string {
	return strconv.FormatInt(u.History(u.Service.Store, id)[0].ID, 10)
}

// hold checks what both sides hold, and that the history tells of it.
func (u undoing) hold(id, phone string) {
	u.T.Helper()
	require.Equal(u.T, phone, u.Contact(id).Phone)
	require.Equal(u.T, phone, syncer.ContactOf(u.Partner(id)).Phone)
	require.NoError(u.T, u.Chronicled(u.Service.Store, id))
}

// TestAWriteIsTakenBack, where both sides still hold it, whichever was written; what took it
// back can be taken back, and then all is as it was.
func TestAWriteIsTakenBack(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	first, second, third := "041 111 111", "041 222 222", "041 333 333"
	id, p := u.Linked(mapping.Contact{Name: "Ana", Phone: first, Email: "ana@primer.si"})
	u.Set(id, mapping.FieldPhone, second)
	u.Pushed(id, false)
	toERP := u.newest(id)

	// A preview writes nothing.
	written := u.Written()
	res := u.undo(operations.UndoRequest{IDs: []string{toERP}, DryRun: true})
	require.Equal(t, 1, res.Undone)
	require.Equal(t, []string{second, first}, []string{res.Items[0].From, res.Items[0].To})
	require.Equal(t, written, u.Written())

	res = u.undo(operations.UndoRequest{IDs: []string{toERP}})
	require.Equal(t, 1, res.Undone)
	u.hold(id, first)
	require.Len(t, res.HistoryIDs, 2, "one write to each side")

	// Once more it finds another value, and leaves it.
	again := u.undo(operations.UndoRequest{IDs: []string{toERP}})
	require.Zero(t, again.Undone)
	require.Equal(t, syncer.UndoAlready, again.Items[0].Left.Code)

	// The undoing is undone, by one of its writes or by both.
	for _, ids := range [][]string{res.HistoryIDs[:1], nil} {
		if ids == nil {
			ids = u.undo(operations.UndoRequest{IDs: []string{u.newest(id)}}).HistoryIDs
			u.hold(id, first)
		}
		require.Equal(t, 1, u.undo(operations.UndoRequest{IDs: ids}).Undone)
		u.hold(id, second)
	}

	// What came from MetaKocka, found by a window.
	before := u.One("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
	u.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = third })
	u.Pull(p.MKID)
	u.hold(id, third)
	res = u.undo(operations.UndoRequest{Since: before, Until: "2100-01-01T00:00:00Z", Side: mapping.SideCRM})
	require.Equal(t, 1, res.Undone)
	u.hold(id, second)

	// Back to a time; what somebody changed meanwhile stays.
	u.Set(id, mapping.FieldPhone, first)
	u.Set(id, mapping.FieldEmail, "bor@primer.si")
	u.Pushed(id, false)
	u.Set(id, mapping.FieldEmail, "eva@primer.si")
	res = u.undo(operations.UndoRequest{ContactID: id, To: before})
	require.Equal(t, []int{1, 1}, []int{res.Undone, res.Left})
	u.hold(id, second)
	require.Equal(t, "eva@primer.si", u.Contact(id).Email)
	require.Equal(t, "eva@primer.si", syncer.ContactOf(u.Partner(id)).Email)
}

// TestWhatIsNotTakenBack is listed with the reason.
func TestWhatIsNotTakenBack(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, _ := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	made := u.newest(id)
	left := func(id string) syncer.ReasonCode {
		t.Helper()
		res := u.undo(operations.UndoRequest{IDs: []string{id}})
		require.Zero(t, res.Undone)
		return res.Items[0].Left.Code
	}
	require.Equal(t, syncer.UndoMade, left(made))

	u.Set(id, mapping.FieldPhone, "041 222 222")
	u.Pushed(id, false)
	written := u.newest(id)
	_, err := u.Service.Reconciler.Unlink(t.Context(), id, "ana")
	require.NoError(t, err)
	require.Equal(t, syncer.UndoNothing, left(u.newest(id)))
	require.Equal(t, syncer.UndoNotLinked, left(written))
	u.Exec("DELETE FROM contacts WHERE id = $1", id)
	u.Exec("UPDATE metakocka_contact_mappings SET sync_status = 'synced'")
	u.Pushed(id, true)
	require.Equal(t, syncer.UndoScrubbed, left(written))

	for name, r := range map[string]operations.UndoRequest{
		"exactly one":         {IDs: []string{made}, Job: "j1"},
		"contactId: is miss":  {To: "2026-01-01T00:00:00Z"},
		"a window has both":   {Since: "2026-01-01T00:00:00Z"},
		"is not a time":       {Since: "yesterday", Until: "today"},
		"is not an id of the": {IDs: []string{"x"}},
		"has no entry 999999": {IDs: []string{"999999"}},
	} {
		_, err := u.api().Undo(t.Context(), r)
		require.ErrorContains(t, err, name)
	}
}

// TestWhyAValueIsAsItIs: every field has a reason, also of a contact from before the history
// began.
func TestWhyAValueIsAsItIs(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, func(w *world.World) {
		f := w.Config.Fields[mapping.FieldEmail]
		f.Rule = mapping.RuleManual
		w.Config.Fields[mapping.FieldEmail] = f
	})}
	id, p := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111", Email: "ana@primer.si", TaxNumber: "v postopku"})
	why := func() map[mapping.Field]syncer.ReasonCode {
		t.Helper()
		w, err := u.api().Why(t.Context(), operations.WhyRequest{ContactID: id})
		require.NoError(t, err)
		codes := map[mapping.Field]syncer.ReasonCode{"": w.Stands.Code}
		for _, f := range w.Fields {
			require.NotEmpty(t, f.Reason.Code, f.Field)
			codes[f.Field] = f.Reason.Code
		}
		require.Len(t, codes, len(mapping.Fields())+1)
		return codes
	}
	require.Equal(t, syncer.WhyMade, why()[mapping.FieldPhone])
	require.Equal(t, syncer.WhyEmpty, why()[mapping.FieldAddress])
	require.Equal(t, syncer.WhyWithheld, why()[mapping.FieldTaxNumber])

	u.Set(id, mapping.FieldPhone, "041 222 222")
	require.Equal(t, syncer.WhyWaits, why()[mapping.FieldPhone])
	u.Pushed(id, false)
	require.Equal(t, syncer.WhyChanged, why()[mapping.FieldPhone])

	u.Set(id, mapping.FieldEmail, "bor@primer.si")
	u.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "eva@primer.si" })
	u.Pushed(id, false)
	require.Equal(t, syncer.WhyParked, why()[mapping.FieldEmail])
	require.Equal(t, syncer.StandsConflict, why()[""])

	// Both take their edits back: nothing was decided, and it is as it was before.
	u.Set(id, mapping.FieldEmail, "ana@primer.si")
	u.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "ana@primer.si" })
	u.Pushed(id, false)
	require.Equal(t, syncer.WhyMade, why()[mapping.FieldEmail])

	u.Exec("DELETE FROM mksync_history")
	require.Equal(t, syncer.WhyBefore, why()[mapping.FieldPhone])
	require.Equal(t, syncer.WhyBefore, why()[mapping.FieldName])
}

// TestWhyAnEditWasOverwritten: the field goes the other way only. That was no conflict, and
// still the side that was written had been changed.
func TestWhyAnEditWasOverwritten(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, func(w *world.World) {
		f := w.Config.Fields[mapping.FieldPhone]
		f.Direction = mapping.DirectionToMetaKocka
		w.Config.Fields[mapping.FieldPhone] = f
	})}
	id, p := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	u.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = "041 333 333" })
	u.Set(id, mapping.FieldPhone, "041 222 222")
	u.Pushed(id, false)
	w, err := u.api().Why(t.Context(), operations.WhyRequest{ContactID: id, Field: mapping.FieldPhone})
	require.NoError(t, err)
	require.Equal(t, "041 222 222", w.Fields[0].MetaKocka)
	require.Equal(t, syncer.WhyOverwritten, w.Fields[0].Reason.Code)
}

// TestWhereAContactStandsThatWasEdited: the sides do not agree, though nobody has looked yet.
func TestWhereAContactStandsThatWasEdited(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, _ := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	stands := func() syncer.ReasonCode {
		t.Helper()
		w, err := u.api().Why(t.Context(), operations.WhyRequest{ContactID: id})
		require.NoError(t, err)
		return w.Stands.Code
	}
	require.Equal(t, syncer.StandsSynced, stands())
	u.Set(id, mapping.FieldPhone, "041 222 222")
	require.Equal(t, syncer.StandsPending, stands())
	u.Pushed(id, false)
	require.Equal(t, syncer.StandsSynced, stands())
}

// TestAnImportIsTakenBack: the contact that was made is deleted as long as nobody has changed
// it, under the guard for deletions, and is not imported again by itself.
func TestAnImportIsTakenBack(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.MaxDeletes, w.Config.AutoImport = 1, true })}
	var made, partners, contacts []string
	for _, name := range []string{"Ana", "Bor", "Eva"} {
		p, err := u.ERP.AddPartner(metakocka.Partner{Customer: name, Contacts: []metakocka.Contact{{Name: name, GSM: "041 111 111"}}})
		require.NoError(t, err)
		o, err := u.api().Import(t.Context(), operations.ImportRequest{MetaKockaID: p.MKID, By: "ana"})
		require.NoError(t, err)
		made, partners, contacts = append(made, u.newest(o.ContactID)), append(partners, p.MKID), append(contacts, o.ContactID)
	}

	u.Set(contacts[2], mapping.FieldPhone, "041 222 222")
	preview := u.undo(operations.UndoRequest{IDs: made, DryRun: true})
	require.Equal(t, []int{2, 1}, []int{preview.Undone, preview.Left})
	require.Equal(t, 3, u.Count("SELECT count(*) FROM contacts"))

	_, res := u.worked(u.undo(operations.UndoRequest{IDs: made}))
	require.Equal(t, []int{1, 2}, []int{res.Succeeded, res.Failed})
	why := map[syncer.ReasonCode]int{}
	for _, item := range res.Results {
		for _, left := range item.Left {
			why[left.Code]++
		}
	}
	require.Equal(t, map[syncer.ReasonCode]int{syncer.UndoGuarded: 1, syncer.UndoChanged: 1}, why)
	require.Equal(t, 2, u.Count("SELECT count(*) FROM contacts"))
	require.Zero(t, u.Count("SELECT count(*) FROM mksync_deletions WHERE status = 'held'"))

	gone := 0
	if u.Count("SELECT count(*) FROM contacts WHERE id = $1", contacts[1]) == 0 {
		gone = 1
	}
	u.Pull(partners[gone])
	u.Pushed(contacts[gone], true)
	require.Equal(t, 2, u.Count("SELECT count(*) FROM contacts"), "it is not imported again by itself")
	_, err := u.api().Import(t.Context(), operations.ImportRequest{MetaKockaID: partners[gone]})
	require.NoError(t, err)
	require.Equal(t, 3, u.Count("SELECT count(*) FROM contacts"))
}

// TestAnImportThatWaitsIsNotTakenBack: where a person is to decide what becomes of a contact
// whose partner is gone, that stays for the person.
func TestAnImportThatWaitsIsNotTakenBack(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	p, err := u.ERP.AddPartner(metakocka.Partner{Customer: "Ana"})
	require.NoError(t, err)
	o, err := u.api().Import(t.Context(), operations.ImportRequest{MetaKockaID: p.MKID})
	require.NoError(t, err)
	made := u.newest(o.ContactID)
	require.NoError(t, u.Service.Store.HoldMissing(t.Context(), []string{p.MKID}, coded.Words("many partners are gone")))

	res := u.undo(operations.UndoRequest{IDs: []string{made}})
	require.Equal(t, syncer.UndoWaits, res.Items[0].Left.Code)
	require.Equal(t, 1, u.Count("SELECT count(*) FROM mksync_deletions WHERE status = 'held'"))
	require.Equal(t, 1, u.Count("SELECT count(*) FROM contacts"))
}

// TestAnUndoIsOfThePartnerOfThen: a contact that is linked with another partner by now has
// nothing taken back there, though that one holds the same.
func TestAnUndoIsOfThePartnerOfThen(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, _ := u.Linked(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	u.Set(id, mapping.FieldPhone, "041 222 222")
	u.Pushed(id, false)
	written := u.newest(id)
	_, err := u.Service.Reconciler.Unlink(t.Context(), id, "ana")
	require.NoError(t, err)
	other, err := u.ERP.AddPartner(metakocka.Partner{Customer: "Ana", Contacts: []metakocka.Contact{{Name: "Ana", GSM: "041 222 222"}}})
	require.NoError(t, err)
	_, err = u.api().Link(t.Context(), operations.LinkRequest{ContactID: id, MetaKockaID: other.MKID})
	require.NoError(t, err)

	for _, dry := range []bool{true, false} {
		res := u.undo(operations.UndoRequest{IDs: []string{written}, DryRun: dry})
		require.Equal(t, syncer.UndoParted, res.Items[0].Left.Code)
	}
	u.hold(id, "041 222 222")
}

// TestAnUndoOfAnAddressThatCannotBeSent: it shows no postal code, and MetaKocka's is that of
// another town by now. It was said to be taken back, and only the CRM had it.
func TestAnUndoOfAnAddressThatCannotBeSent(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, p := u.Linked(mapping.Contact{Name: "Ana", Email: "ana@primer.si"})
	u.Set(id, mapping.FieldAddress, "Ulica 3, 10000 Zagreb, Hrvatska")
	u.Pushed(id, false)
	u.Edit(p, func(p *metakocka.Partner) { world.EnterField(p, mapping.FieldAddress, "Trg 4, Celje") })
	u.Pull(p.MKID)
	require.Equal(t, "Trg 4, Celje, Hrvatska", u.Contact(id).Address)

	res := u.undo(operations.UndoRequest{IDs: []string{u.newest(id)}})
	require.Equal(t, 1, res.Undone)
	require.Equal(t, "Ulica 3, 10000 Zagreb, Hrvatska", u.Contact(id).Address)
	res = u.undo(operations.UndoRequest{IDs: res.HistoryIDs})
	require.Zero(t, res.Undone)
	require.Equal(t, syncer.UndoWithheld, res.Items[0].Left.Code)
	require.Equal(t, "note.value.no_post_elsewhere", res.Items[0].Left.Said.Code)
	require.Equal(t, "Ulica 3, 10000 Zagreb, Hrvatska", u.Contact(id).Address)
}

// TestAnUndoOfWhatCannotBeSent: the ERP's users typed words in place of a number, which only
// they can put there again. What is taken back once stays so, and the reason is said.
func TestAnUndoOfWhatCannotBeSent(t *testing.T) {
	t.Parallel()
	u := undoing{world.ByHand(t, sim.Options{}, nil)}
	id, p := u.Linked(mapping.Contact{Name: "Ana", Email: "ana@primer.si"})
	require.NoError(t, u.ERP.EditPartner(p.MKID, func(p *metakocka.Partner) { p.Contacts[0].GSM = "pokliči tajnico" }))
	u.Pull(p.MKID)
	require.Equal(t, "pokliči tajnico", u.Contact(id).Phone)

	res := u.undo(operations.UndoRequest{IDs: []string{u.newest(id)}})
	require.Equal(t, 1, res.Undone)
	require.Empty(t, u.Contact(id).Phone)
	res = u.undo(operations.UndoRequest{IDs: res.HistoryIDs})
	require.Zero(t, res.Undone)
	require.Equal(t, syncer.UndoWithheld, res.Items[0].Left.Code)
	require.Empty(t, u.Contact(id).Phone)
}
