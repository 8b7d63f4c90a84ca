package syncer_test

import (
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// chronicled checks the history: replayed it gives what both sides hold, and it tells of
// each write once. A value that is emptied may take three requests; what became of a write
// without an answer is seen at the partner, unless somebody edits it meanwhile.
func (h *history) chronicled(before, rowed world.Written, lost int) {
	require.NoError(h.rand, h.Chronicled(h.s.Store, h.id))
	written, told := h.Written(), h.Rowed()
	require.Equal(h.rand, written.Contacts-before.Contacts, told.Contacts-rowed.Contacts, "writes to the contact that the history tells of")
	require.LessOrEqual(h.rand, told.Adds-rowed.Adds, 1)

	updates, rows := written.Updates-before.Updates, told.Updates-rowed.Updates
	require.LessOrEqual(h.rand, rows, updates, "the history tells of updates that were not made")
	require.LessOrEqual(h.rand, updates, rows+2*h.cleared+3*lost, "updates that the history does not tell of")
}

// undoneTwice takes one of the writes back, and that as well: both sides are as they were.
// Each field has a reason all the time.
func (h *history) undoneTwice() {
	api := h.s.API(h.s.Monitor())
	written := slices.DeleteFunc(h.History(h.s.Store, h.id), func(e store.Entry) bool { return e.Act != store.ActWrite || len(e.Fields) == 0 })
	if len(written) == 0 {
		return
	}
	hold := func() [2]mapping.Contact {
		p, _ := h.ERP.Partner(h.partner)
		return [2]mapping.Contact{h.Contact(h.id), syncer.ContactOf(p)}
	}
	undo := func(ids []string) operations.UndoResult {
		res, err := api.Undo(h.T.Context(), operations.UndoRequest{IDs: ids, AskedBy: "ana"})
		require.NoError(h.rand, err)
		require.NoError(h.rand, h.Chronicled(h.s.Store, h.id))
		return res
	}

	before := hold()
	e := rapid.SampledFrom(written).Draw(h.rand, "undone")
	res := undo([]string{strconv.FormatInt(e.ID, 10)})
	if len(res.HistoryIDs) > 0 && h.keeps && undo(res.HistoryIDs).Left == 0 { // words in place of a number cannot be sent back
		after := hold()
		for side := range before {
			for _, f := range mapping.Fields() {
				if f == mapping.FieldCountry { // it may stand at the end of the address as well
					continue
				}
				require.Equal(h.rand, mapping.Canonical(f, before[side].Get(f)), mapping.Canonical(f, after[side].Get(f)), "%s, undone and undone again", f)
			}
		}
	}

	why, err := api.Why(h.T.Context(), operations.WhyRequest{ContactID: h.id})
	require.NoError(h.rand, err)
	require.Len(h.rand, why.Fields, len(mapping.Fields()))
	for _, f := range why.Fields {
		require.NotEmpty(h.rand, f.Reason.Code, f.Field)
	}
}
