package syncer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// told is what of an entry a test looks at: of one field.
type told struct {
	side                          mapping.Side
	act                           store.Act
	cause                         store.EntryCause
	reason                        store.FieldReason
	base, crm, metakocka, written string
}

func phoneTold(e store.Entry) told {
	v := e.Fields[mapping.FieldPhone]
	t := told{e.Side, e.Act, e.Cause, v.Reason, v.Base, v.CRM, v.MetaKocka, ""}
	if v.Written != nil {
		t.written = *v.Written
	}
	return t
}

// TestWhatTheHistoryTells: each write and each decision has its row, with what both sides
// held and why it was made.
func TestWhatTheHistoryTells(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	first, second, third := "041 111 111", "041 222 222", "041 333 333"
	id, p := h.Linked(mapping.Contact{Name: "Ana", Phone: first})
	newest := func() store.Entry { return h.History(h.Service.Store, id)[0] }

	require.Equal(t, told{mapping.SideMetaKocka, store.ActCreate, store.BecauseEvent, store.FieldMade, "", first, "", first}, phoneTold(newest()))

	h.Set(id, mapping.FieldPhone, second)
	h.Pushed(id, false)
	require.Equal(t, told{mapping.SideMetaKocka, store.ActWrite, store.BecauseEvent, store.FieldChanged, first, second, first, second}, phoneTold(newest()))
	require.WithinDuration(t, time.Now(), newest().ChangedAt, time.Minute)

	h.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].GSM = third })
	h.Pull(p.MKID)
	require.Equal(t, told{mapping.SideCRM, store.ActWrite, store.BecausePoll, store.FieldChanged, second, second, third, third}, phoneTold(newest()))

	// The answer is lost; the request that comes back later finds that it was done.
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	h.Set(id, mapping.FieldPhone, first)
	_, err := h.Service.Reconciler.Contact(t.Context(), id, syncer.Trigger{Cause: syncer.CauseRequest, By: "ana"})
	require.Error(t, err)
	before := len(h.History(h.Service.Store, id))
	h.Pushed(id, false)
	require.Equal(t, told{mapping.SideMetaKocka, store.ActWrite, store.BecausePerson, store.FieldChanged, third, first, third, first}, phoneTold(newest()))
	require.Equal(t, "ana", newest().By)
	require.Len(t, h.History(h.Service.Store, id), before+1)
	require.NoError(t, h.Chronicled(h.Service.Store, id))

	_, err = h.Service.Reconciler.Unlink(t.Context(), id, "ana")
	require.NoError(t, err)
	require.Equal(t, store.ActUnlink, newest().Act)

	_, err = h.Service.Reconciler.Link(t.Context(), id, p.MKID, "", "ana")
	require.NoError(t, err)
	require.Equal(t, told{"", store.ActLink, store.BecausePerson, store.FieldFound, "", first, first, ""}, phoneTold(newest()))

	h.Exec("DELETE FROM contacts WHERE id = $1", id)
	h.Pushed(id, true)
	require.Equal(t, store.ActDelete, newest().Act)
	for _, e := range h.History(h.Service.Store, id) {
		for f, v := range e.Fields {
			require.Equal(t, store.EntryField{Scrubbed: true}, v, f)
		}
	}
}

// TestAnImportIsInTheHistory, as the contact that was made of the partner.
func TestAnImportIsInTheHistory(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	p, err := h.ERP.AddPartner(metakocka.Partner{Customer: "Ana", Contacts: []metakocka.Contact{{Name: "Ana", GSM: "041 111 111"}}})
	require.NoError(t, err)
	res, err := h.Service.Reconciler.Partner(t.Context(), p.MKID, syncer.Trigger{Cause: syncer.CauseRequest, By: "ana", Job: "j1"})
	require.NoError(t, err)
	e := h.History(h.Service.Store, res.ContactID)
	require.Len(t, e, 1)
	require.Equal(t, told{mapping.SideCRM, store.ActCreate, store.BecauseJob, store.FieldMade, "", "", "041 111 111", "041 111 111"}, phoneTold(e[0]))
	require.Equal(t, "j1", e[0].Job)
	require.NoError(t, h.Chronicled(h.Service.Store, res.ContactID))
}

// TestTheHistoryOfWhatWasNotCarriedOver: an entry may tell of values that the two never
// agreed on. They are edited again before anything is done, and the history is still true.
func TestTheHistoryOfWhatWasNotCarriedOver(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{EmptyValue: sim.Kept, RemoveMarker: sim.Refused}, func(w *world.World) {
		w.Config.ConflictRule = mapping.RuleManual
		f := w.Config.Fields[mapping.FieldEmail]
		f.Rule = mapping.RuleMetaKocka
		w.Config.Fields[mapping.FieldEmail] = f
	})
	h.WhenWriting("UPDATE", "IF NEW.email IS NULL THEN RAISE 'no' USING ERRCODE = 'CR001'; END IF;")
	gsm := func(v string) func(p *metakocka.Partner) { return func(p *metakocka.Partner) { p.Contacts[0].GSM = v } }
	mail := func(v string) func(p *metakocka.Partner) {
		return func(p *metakocka.Partner) { p.Contacts[0].Email = v }
	}
	linked := func(name string) (string, metakocka.Partner) {
		return h.Linked(mapping.Contact{Name: name, Email: name + "@primer.si", Phone: "041 111 111"})
	}

	for name, before := range map[string]func() (id string, again func()){
		"a conflict that waits": func() (string, func()) {
			id, p := linked("ana")
			h.Set(id, mapping.FieldPhone, "041 222 222")
			h.Edit(p, gsm("041 333 333"))
			h.Pushed(id, false)
			require.Contains(t, h.Mapping(id), "conflict: phone")
			return id, func() { h.Edit(p, gsm("041 444 444")) }
		},
		"an outcome that the CRM refuses": func() (string, func()) {
			id, p := linked("bor")
			h.Set(id, mapping.FieldEmail, "bor@drugje.si")
			h.Edit(p, mail(""))
			_, err := h.Push(id, false)
			require.ErrorContains(t, err, "CR001")
			return id, func() { h.Edit(p, mail("bor@erp.si")) }
		},
		"notes that MetaKocka drops": func() (string, func()) {
			id, _ := linked("eva")
			h.Set(id, mapping.FieldNotes, "opomba")
			h.Pushed(id, false)
			return id, func() {
				h.Set(id, mapping.FieldNotes, "druga opomba")
				h.Pushed(id, false)
			}
		},
		"a value that MetaKocka does not empty": func() (string, func()) {
			id, _ := linked("iva")
			h.Set(id, mapping.FieldPhone, "")
			_, err := h.Push(id, false)
			require.ErrorContains(t, err, metakocka.RemoveValue)
			return id, func() { h.Set(id, mapping.FieldPhone, "041 222 222") }
		},
		"an update that never arrived": func() (string, func()) {
			id, p := linked("mia")
			h.Set(id, mapping.FieldPhone, "041 222 222")
			h.Set(id, mapping.FieldWebsite, "https://primer.si") // dropped, or not sent: nobody can tell
			require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultBefore))
			_, err := h.Push(id, false)
			require.True(t, metakocka.Uncertain(err), "%v", err)
			return id, func() {
				h.Edit(p, gsm("041 333 333"))
				h.Exec("UPDATE metakocka_contact_mappings SET intent = jsonb_set(intent, '{deadline}', to_jsonb(now() - interval '1 hour')) WHERE contact_id = $1", id)
				h.Pushed(id, false)
				require.NotContains(t, h.One("SELECT string_agg(fields::text, ' ') FROM mksync_history WHERE contact_id = $1 AND act = 'write'", id), "phone")
			}
		},
		"a link whose merge was cut off": func() (string, func()) {
			p, err := h.ERP.AddPartner(metakocka.Partner{Customer: "Jan", Contacts: []metakocka.Contact{{Name: "Jan", Email: "jan@primer.si"}}})
			require.NoError(t, err)
			require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultBefore))
			id := h.Add(mapping.Contact{Name: "Jan", Email: "jan@primer.si", Phone: "041 111 111"})
			_, err = h.Push(id, false)
			require.True(t, metakocka.Uncertain(err), "%v", err)
			return id, func() { h.Edit(p, mail("jan@erp.si")) }
		},
	} {
		id, again := before()
		require.NoError(t, h.Chronicled(h.Service.Store, id), name)
		again()
		require.NoError(t, h.Chronicled(h.Service.Store, id), name)
	}
}
