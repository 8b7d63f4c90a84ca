package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestDecisionsByCommand: what a person decides, each with its command; no service runs.
func TestDecisionsByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	ana := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})

	mksync(w, "leave-out", ana).refused("reason")
	require.Contains(t, mksync(w, "leave-out", ana, "--reason", "a friend").lines()[0], ana+`  "Ana"  left out by `)
	require.Contains(t, mksync(w, "left-out").lines()[0], "a friend")
	require.Contains(t, mksync(w, "why", ana).lines()[0], "left the contact out of the sync since ")
	require.Contains(t, mksync(w, "history", "--contact", ana).lines()[0], `leave_out "a friend"`)
	require.Contains(t, mksync(w, "status").stdout, "1 contact by hand: mksync left-out")
	require.Contains(t, mksync(w, "take-in", ana).lines()[0], "synced")

	twin := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	mksync(w, "sync", twin).refused("waits for a person")
	require.Contains(t, mksync(w, "sync", ana, "--dry-run").lines()[0], "nothing to do")
	require.Contains(t, mksync(w, "pause", "--reason", "the year is closed").lines()[0], "the year is closed")
	mksync(w, "sync", w.Insert("Bor", "bor@partner.si")).refused("sending is paused since ")
	require.Equal(t, "sending goes on", mksync(w, "resume").lines()[0])
	mksync(w, "resume").refused("sending is not paused")
	require.Contains(t, mksync(w, "duplicates", "dismiss", ana, twin).lines()[0], "are two")

	unclear := strings.Join(strings.Fields(mksync(w, "unclear").stdout), " ")
	require.Contains(t, unclear, twin+` "Ana" matches partner `)
	require.Contains(t, unclear, " 83 partner "+w.Partner(ana).MKID+` "Ana" Same e-mail. The names are the same. Contact `+ana+" is linked with this partner.")
}
