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
