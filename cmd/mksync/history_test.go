package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestHistoryWhyAndUndoAsCommands: what happened to a contact is listed, explained and taken
// back, and that too.
func TestHistoryWhyAndUndoAsCommands(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	id := w.Add(mapping.Contact{Name: "Ana", Phone: "041 111 111"})
	mksync(w, "sync", id).lines()
	w.Set(id, mapping.FieldPhone, "041 222 222")
	mksync(w, "sync", id).lines()

	list := mksync(w, "history", "--contact", id)
	lines := list.lines()
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], `write metakocka phone "041 111 111" → "041 222 222"`)
	require.Contains(t, lines[0], "person by ")
	require.Contains(t, lines[1], "create metakocka")
	require.Len(t, mksync(w, "history", "--side", "metakocka", "--since", "1h", "--limit", "1").lines(), 1)
	require.Empty(t, mksync(w, "history", "--until", "1h").lines())

	why := mksync(w, "why", id, "phone").lines()
	require.Len(t, why, 1)
	require.True(t, strings.HasPrefix(why[0], "Phone is 041 222 222 in MetaKocka since "), why[0])
	require.Contains(t, why[0], "because it was changed in the CRM on ")
	all := mksync(w, "why", id).lines()
	require.Len(t, all, len(mapping.Fields())+1)
	require.Contains(t, all[0], "Both sides agree since ")

	written := list.ids()[0]
	preview := mksync(w, "undo", "--dry-run", written).lines()
	require.Contains(t, preview[0], `phone "041 222 222" → "041 111 111"`)
	require.Equal(t, "041 222 222", w.Contact(id).Phone)
	done := mksync(w, "undo", written)
	require.Len(t, done.lines(), 1)
	require.Equal(t, "041 111 111", w.Contact(id).Phone)
	w.Agree(id, "041 111 111")

	_, back, found := strings.Cut(done.stderr, "mksync undo ")
	require.True(t, found, done.stderr)
	mksync(w, append([]string{"undo"}, strings.Fields(back)...)...).lines()
	w.Agree(id, "041 222 222")

	left := mksync(w, "undo", list.ids()[1]).lines()
	require.Contains(t, left[0], "left: The partner that was made stays")
	require.ErrorContains(t, mksync(w, "undo").err, "name the writes by their ids")
	require.ErrorContains(t, mksync(w, "why", id, "shoe").err, "is none of")
}
