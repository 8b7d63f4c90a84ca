package syncer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestASoftDeletedContactGivesItsPartnerUp: also where the customer is entered anew only
// then, one by one or with many at once; and not while a write to it is under way.
func TestASoftDeletedContactGivesItsPartnerUp(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	for i, planned := range []bool{false, true} {
		c := mapping.Contact{Name: "Ana Novak", Email: fmt.Sprintf("ana%d@partner.si", i)}
		id, p := h.Linked(c)
		becomes(h, id, "inactive")
		again := h.Add(c)
		trigger := syncer.Trigger{Cause: syncer.CauseContact}
		if planned {
			plan, err := h.Service.Matcher.Fresh(t.Context())
			require.NoError(t, err)
			trigger.Plan = plan
		}
		res, err := h.Service.Reconciler.Contact(t.Context(), again, trigger)
		require.NoError(t, err)
		require.Equal(t, p.MKID, res.MetaKockaID, res.LastError)
		require.Equal(t, "synced: ", h.Mapping(again))
		require.Contains(t, h.Mapping(id), "deleted: the contact is left out")
	}
	require.Equal(t, 2, h.Count("SELECT count(*) FROM mksync_deletions WHERE status = 'applied' AND closed_by = 'mksync'"), "the guard counts those that nobody closed")
}

// TestWhoIsHeldForAContactWithoutPartner: a plan holds two contacts for the sake of a third
// with the same key, which goes another way before it is worked off, or before they are.
func TestWhoIsHeldForAContactWithoutPartner(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	ways := map[string]func(id string){
		"as planned":  func(string) {},
		"another key": func(id string) { h.Set(id, mapping.FieldEmail, "own-"+id+"@partner.si") },
		"deleted":     func(id string) { h.Exec("DELETE FROM contacts WHERE id = $1", id) },
		"left out":    func(id string) { h.Exec("UPDATE contacts SET status = 'inactive' WHERE id = $1", id) },
	}
	for way, change := range ways {
		for _, claimed := range []bool{false, true} { // a partner, by all three
			for _, late := range []bool{false, true} { // the two are worked off after it
				t.Run(fmt.Sprintf("%s, claimed %t, late %t", way, claimed, late), func(t *testing.T) {
					heldForOne(t, h, change, claimed, late, way == "as planned")
				})
			}
		}
	}
}

// heldForOne plans the match of three contacts with one key, lets the first change, and
// checks that one of the others gets a partner, unless nothing changed.
func heldForOne(t *testing.T, h *world.Hand, change func(id string), claimed, late, stay bool) {
	t.Helper()
	ctx := t.Context()
	email := fmt.Sprintf("info@skupna%d-test.si", h.Count("SELECT count(*) FROM metakocka_contact_mappings"))
	if claimed {
		email = strings.Replace(email, "info", "ana", 1)
		_, err := h.ERP.AddPartner(world.Person("", "Ana", "", email))
		require.NoError(t, err)
	}
	require.NoError(t, h.Service.Poller.Poll(ctx))
	var ids []string
	for _, name := range []string{"Ana Prva", "Bor Drugi", "Cene Tretji"} {
		ids = append(ids, h.Add(mapping.Contact{Name: name, Email: email}))
	}
	slices.Sort(ids) // the first has a say
	plan, err := h.Service.Matcher.Fresh(ctx)
	require.NoError(t, err)

	work := func(ids ...string) {
		for _, id := range ids {
			_, err := h.Service.Reconciler.Contact(ctx, id, syncer.Trigger{Cause: syncer.CauseContact, Plan: plan})
			require.NoError(t, err)
		}
	}
	if late {
		change(ids[0])
		work(ids...)
	} else {
		work(ids[1:]...)
		require.Contains(t, h.Mapping(ids[1]), "held: ")
		change(ids[0])
		work(ids[0])
	}
	woken, err := h.Service.Store.Woken(ctx, 1000)
	require.NoError(t, err)
	woken = slices.DeleteFunc(woken, func(id string) bool { return !slices.Contains(ids, id) }) // a poll woke others
	if stay {
		require.Empty(t, woken, "nothing has become clear")
	}
	for _, id := range woken {
		h.Pushed(id, false)
	}
	want := 1
	if stay {
		want = 0
	}
	require.Equal(t, want, h.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE contact_id = ANY($1) AND metakocka_id IS NOT NULL AND sync_status = 'synced'", ids[1:]),
		"%s; %s", h.Mapping(ids[1]), h.Mapping(ids[2]))
	require.Equal(t, 2-want, h.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE contact_id = ANY($1) AND metakocka_id IS NULL AND sync_status = 'held'", ids[1:]),
		"%s; %s", h.Mapping(ids[1]), h.Mapping(ids[2]))
}

// TestAContactThatIsHeldTooLate is looked at once more: the holder of its partner gives the
// shared e-mail up while this contact is about to be linked, and finds nobody to wake.
func TestAContactThatIsHeldTooLate(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, nil)
	ctx := t.Context()
	holder, _ := h.Linked(mapping.Contact{Name: "Ana Novak", Email: "ana@partner.si"})
	late := h.Add(mapping.Contact{Name: "Ana Novak", Email: "Ana@Partner.si"})

	blocked, err := h.DB.Begin(ctx)
	require.NoError(t, err)
	_, err = blocked.Exec(ctx, "INSERT INTO metakocka_contact_mappings (contact_id) VALUES ($1)", late)
	require.NoError(t, err)
	matched := make(chan error, 1)
	go func() {
		_, err := h.Push(late, false)
		matched <- err
	}()
	h.Eventually(func() error {
		if h.Count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%metakocka_contact_mappings AS m%' AND wait_event_type = 'Lock'") == 0 {
			return errors.New("the second contact is not about to be linked")
		}
		return nil
	})

	h.Set(holder, mapping.FieldEmail, "own@partner.si")
	h.Pushed(holder, false)
	require.NoError(t, blocked.Rollback(ctx))
	require.NoError(t, <-matched)

	woken, err := h.Service.Store.Woken(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, []string{late}, woken, h.Mapping(late))
	h.Pushed(late, false)
	require.Equal(t, "synced: ", h.Mapping(late))
	require.Len(t, h.ERP.Partners(), 2)
}
