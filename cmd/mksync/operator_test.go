package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// said is what a command printed.
type said struct {
	t              testing.TB
	stdout, stderr string
	err            error
}

// mksync runs a command with the world's configuration.
func mksync(w *world.World, args ...string) said {
	w.T.Helper()
	return mksyncReading(w, "", args...)
}

// commandEnviron is the world's configuration as a command gets it.
func commandEnviron(w *world.World) []string {
	return append(w.Environ(),
		"MKSYNC_CONFLICT_RULE="+string(w.Config.ConflictRule), "MKSYNC_DELETE_POLICY="+w.Config.DeletePolicy,
		"MKSYNC_REMOTE_DELETE_POLICY="+w.Config.RemoteDeletePolicy, "MKSYNC_LOG_LEVEL=error", "MKSYNC_POLL_INTERVAL=1s")
}

// mksyncReading runs a command that reads text from standard input.
func mksyncReading(w *world.World, text string, args ...string) said {
	w.T.Helper()
	return mksyncHeard(w, text, func(string) {}, args...)
}

// heard is a text that is told while it is written.
type heard struct {
	text bytes.Buffer
	tell func(soFar string)
}

func (h *heard) Write(p []byte) (int, error) {
	defer func() { h.tell(h.text.String()) }()
	return h.text.Write(p)
}

// mksyncHeard runs a command whose notes are told while it runs.
func mksyncHeard(w *world.World, text string, tell func(soFar string), args ...string) said {
	w.T.Helper()
	var stdout bytes.Buffer
	stderr := heard{tell: tell}
	app := &cliEnv{stdin: strings.NewReader(text), stdout: &stdout, stderr: &stderr, environ: commandEnviron(w)}
	root := newRootCommand(app)
	root.SetArgs(args)
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err := root.ExecuteContext(w.T.Context())
	if err != nil && !errors.Is(err, errReported) {
		_, _ = fmt.Fprintln(&stderr, "mksync:", err)
	}
	return said{w.T, stdout.String(), stderr.text.String(), err}
}

// lines are what a command printed that went well.
func (s said) lines() []string {
	s.t.Helper()
	require.NoError(s.t, s.err, s.stderr)
	if s.stdout == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s.stdout, "\n"), "\n")
}

// ids are what the lines begin with.
func (s said) ids() []string {
	s.t.Helper()
	var ids []string
	for _, line := range s.lines() {
		ids = append(ids, strings.Fields(line)[0])
	}
	return ids
}

// refused checks that a command did not go well, and what it said.
func (s said) refused(words ...string) {
	s.t.Helper()
	require.Error(s.t, s.err, s.stdout)
	for _, word := range words {
		require.Contains(s.t, s.stderr, word)
	}
}

// read reads JSON that a command printed.
func (s said) read(into any) {
	s.t.Helper()
	require.NoError(s.t, s.err, s.stderr)
	require.NoError(s.t, json.Unmarshal([]byte(s.stdout), into), s.stdout)
}

// bothWays runs a test's end with the service running and with none: the world
// is made ready without one.
func bothWays(t *testing.T, ready func(w *world.World) string, test func(w *world.World, id string)) {
	t.Helper()
	for name, running := range map[string]bool{"through the running service": true, "without a service": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{})
			id := ready(w)
			if running {
				w.Start()
			}
			w.Eventually(func() error { return mksync(w, "mappings").err }) // until the service answers
			words := map[bool]string{true: "through the running service", false: "no service is running"}
			require.Contains(t, mksync(w, "mappings").stderr, words[running])
			test(w, id)
		})
	}
}

// synced adds a contact and syncs it by command.
func synced(w *world.World, c mapping.Contact) (id string, p metakocka.Partner) {
	w.T.Helper()
	id = w.Add(c)
	require.Equal(w.T, []string{id}, mksync(w, "sync", id).ids())
	return id, w.Partner(id)
}

// disputed makes a contact whose e-mail and phone wait for a person.
func disputed(w *world.World) string {
	w.T.Helper()
	id, p := synced(w, mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "+38640111111"})
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email, p.Contacts[0].GSM = "erp@novak.si", "+38640333333" })
	w.Exec("UPDATE contacts SET email = 'crm@novak.si', phone = '+38640222222' WHERE id = $1", id)
	require.Contains(w.T, mksync(w, "sync", id).lines()[0], "conflict")
	return id
}

func TestConflictsAreDecidedByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	id := disputed(w)
	list := mksync(w, "conflicts", "list")
	require.Contains(t, list.stderr, "no service is running")
	require.Len(t, list.ids(), 2)
	email, phone := list.ids()[0], list.ids()[1]
	require.Contains(t, list.lines()[0], `parked  email  crm "crm@novak.si"  metakocka "erp@novak.si"  contact `+id)

	mksync(w, "conflicts", "resolve", id, "--take", "crm").refused("names 2 conflicts", email+", "+phone)
	mksync(w, "conflicts", "resolve", email, "--take", "both").refused("--take: \"both\" is not one of crm, metakocka")
	require.Contains(t, mksync(w, "conflicts", "resolve", email, "--take", "crm").lines()[0], email+"  email  resolved for crm  conflict")
	require.Equal(t, []string{phone}, mksync(w, "conflicts", "list").ids())

	var done []struct {
		Success bool
		Data    operations.Decided[operations.Conflict]
	}
	mksync(w, "conflicts", "resolve", w.Partner(id).MKID, "--take", "metakocka", "--json").read(&done)
	require.True(t, done[0].Success)
	require.Equal(t, store.StatusSynced, done[0].Data.Outcome.SyncStatus)
	require.Equal(t, operator(), done[0].Data.Entry.ClosedBy)
	require.Equal(t, []string{"crm@novak.si", "+38640333333"}, []string{w.Partner(id).Contacts[0].Email, w.Contact(id).Phone})

	require.Contains(t, mksync(w, "conflicts", "undo", email).lines()[0], "undone for crm  synced")
	require.Equal(t, "erp@novak.si", w.Contact(id).Email)
	require.Contains(t, mksync(w, "conflicts", "show", phone).stdout, "resolved for metakocka")
	require.Len(t, mksync(w, "conflicts", "list", "--all", "--of", id).ids(), 2)
}

func TestDecidedConflictIsUndoneByCommand(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleCRM
	id, p := synced(w, mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si"})
	w.Edit(p, func(p *metakocka.Partner) { p.Contacts[0].Email = "erp@novak.si" })
	w.Set(id, mapping.FieldEmail, "crm@novak.si")
	require.Contains(t, mksync(w, "sync", id).lines()[0], "synced")
	require.Empty(t, mksync(w, "conflicts", "list").ids())
	require.Contains(t, mksync(w, "conflicts", "list", "--all").stdout, "decided for crm")
	require.Contains(t, mksync(w, "conflicts", "undo", id).lines()[0], "undone for crm  synced")
	require.Equal(t, []string{"erp@novak.si", "erp@novak.si"}, []string{w.Contact(id).Email, w.Partner(id).Contacts[0].Email})
}

func TestLargeAnswersComeInSmallerPages(t *testing.T) {
	t.Parallel()
	const limit, each = 10, 3 // as many as fit
	var asked []int
	all, err := collect(func(p operations.Page) (l operations.List[int], err error) {
		asked = append(asked, p.Limit)
		if p.Limit > each {
			return l, &syncer.RequestError{Code: syncer.CodeTooLarge}
		}
		from := len(p.After)
		for n := from; n < min(from+p.Limit, limit); n++ {
			l.Items = append(l.Items, n)
		}
		if len(l.Items) == p.Limit {
			l.Next = strings.Repeat("x", from+p.Limit)
		}
		return l, nil
	})
	require.NoError(t, err)
	require.Len(t, all, limit)
	require.Equal(t, []int{256, 128, 64, 32, 16, 8, 4, 2, 2, 2, 2, 2, 2}, asked)
}
