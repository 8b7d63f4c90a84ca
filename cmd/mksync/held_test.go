package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// TestHeldContactsAreLookedAtAgain: a contact whose match waits for a person is brought over
// as soon as what it was held for has gone, whatever that was.
func TestHeldContactsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	w := newAuditedWorld(t, sim.Options{Partners: []metakocka.Partner{
		person("7001", "Dva", "", "dva@partner.si"), person("7002", "Dva", "", "dva@partner.si"),
		person("7003", "Trije", "", "trije@partner.si"), person("7004", "Trije", "", "trije@partner.si"),
	}})
	w.exec("ALTER TABLE contacts ADD COLUMN deleted_at timestamptz")
	w.cfg.Filter = []config.Condition{{Column: "deleted_at", Null: true}}
	s := w.up()
	held := map[string]string{} // a second contact with the key of a first one
	first := map[string]string{}
	for _, name := range []string{"deleted", "edited", "left out"} {
		c := mapping.Contact{Name: name, Email: strings.ReplaceAll(name, " ", "-") + "@partner.si"}
		first[name] = w.add(c)
		w.status(first[name], "synced")
		c.Name += " too"
		held[name] = w.add(c)
	}
	held["removed"] = w.add(mapping.Contact{Name: "Dva", Email: "dva@partner.si"})
	held["renamed"] = w.add(mapping.Contact{Name: "Trije", Email: "trije@partner.si"})
	for _, id := range held {
		w.status(id, "held")
	}
	w.problem(s, "5 contacts wait for a person, who says which partner is theirs: mksync mappings --status held")

	w.exec("DELETE FROM contacts WHERE id = $1", first["deleted"])
	w.set(first["edited"], mapping.FieldEmail, "other@partner.si")
	w.exec("UPDATE contacts SET deleted_at = now() WHERE id = $1", first["left out"])
	require.NoError(t, w.erp.DeletePartner("7001"))
	w.edit(metakocka.Partner{MKID: "7003"}, func(p *metakocka.Partner) { p.Contacts[0].Email = "four@partner.si" })
	for name, id := range held {
		if name != "removed" { // found missing by a full sweep only
			w.status(id, "synced")
		}
	}
	require.Equal(t, "7004", w.partner(held["renamed"]).MKID)
	require.Equal(t, w.one("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", first["deleted"]), w.partner(held["deleted"]).MKID)

	// What the events do not tell, the full check finds.
	w.exec("UPDATE mksync_partners SET missing_since = now() WHERE metakocka_id = '7001'")
	out := w.mksync("check", "--repair")
	w.status(held["removed"], "synced")
	require.Equal(t, "7002", w.partner(held["removed"]).MKID, out.stdout)
	w.noProblem(s)

	// The journal says where the partner of the one that was left out went, and so does
	// its mapping. It is no twin's partner when it comes back.
	partner := w.partner(held["left out"]).MKID
	require.Contains(t, w.mapping(first["left out"]), fmt.Sprintf("deleted: the filter leaves the contact out; its partner %s went to contact %s", partner, held["left out"]))
	require.Contains(t, w.mksync("deletions", "list", "--all", "--of", first["left out"]).stdout, "its partner "+partner+" went to contact "+held["left out"])
	w.exec("UPDATE contacts SET deleted_at = NULL WHERE id = $1", first["left out"])
	w.status(first["left out"], "held")
	require.Equal(t, partner, w.partner(held["left out"]).MKID)
	require.Len(t, w.erp.Partners(), 7)
}

// TestASoftDeletedContactGivesItsPartnerUp: also where the customer is entered anew only
// then, one by one or with many at once; and not while a write to it is under way.
func TestASoftDeletedContactGivesItsPartnerUp(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	for i, planned := range []bool{false, true} {
		c := mapping.Contact{Name: "Ana Novak", Email: fmt.Sprintf("ana%d@partner.si", i)}
		id, p := h.linked(c)
		h.becomes(id, "inactive")
		again := h.add(c)
		trigger := syncer.Trigger{Cause: syncer.CauseContact}
		if planned {
			plan, err := h.s.Matcher.Fresh(t.Context())
			require.NoError(t, err)
			trigger.Plan = plan
		}
		res, err := h.s.Reconciler.Contact(t.Context(), again, trigger)
		require.NoError(t, err)
		require.Equal(t, p.MKID, res.MetaKockaID, res.LastError)
		require.Equal(t, "synced: ", h.mapping(again))
		require.Contains(t, h.mapping(id), "deleted: the filter leaves the contact out")
	}
	require.Equal(t, 2, h.count("SELECT count(*) FROM mksync_deletions WHERE status = 'applied' AND closed_by = 'mksync'"), "the guard counts those that nobody closed")
}

// TestWhoIsHeldForAContactWithoutPartner: a plan holds two contacts for the sake of a third
// with the same key, which goes another way before it is worked off, or before they are.
func TestWhoIsHeldForAContactWithoutPartner(t *testing.T) {
	t.Parallel()
	h := filtered(t)
	ways := map[string]func(id string){
		"as planned":  func(string) {},
		"another key": func(id string) { h.set(id, mapping.FieldEmail, "own-"+id+"@partner.si") },
		"deleted":     func(id string) { h.exec("DELETE FROM contacts WHERE id = $1", id) },
		"left out":    func(id string) { h.exec("UPDATE contacts SET status = 'inactive' WHERE id = $1", id) },
	}
	for way, change := range ways {
		for _, claimed := range []bool{false, true} { // a partner, by all three
			for _, late := range []bool{false, true} { // the two are worked off after it
				t.Run(fmt.Sprintf("%s, claimed %t, late %t", way, claimed, late), func(t *testing.T) {
					h.heldForOne(t, change, claimed, late, way == "as planned")
				})
			}
		}
	}
}

// heldForOne plans the match of three contacts with one key, lets the first change, and
// checks that one of the others gets a partner, unless nothing changed.
func (h *hand) heldForOne(t *testing.T, change func(id string), claimed, late, stay bool) {
	t.Helper()
	ctx := t.Context()
	email := fmt.Sprintf("info@skupna%d-test.si", h.count("SELECT count(*) FROM metakocka_contact_mappings"))
	if claimed {
		email = strings.Replace(email, "info", "ana", 1)
		_, err := h.erp.AddPartner(person("", "Ana", "", email))
		require.NoError(t, err)
	}
	require.NoError(t, h.s.Poller.Poll(ctx))
	var ids []string
	for _, name := range []string{"Ana Prva", "Bor Drugi", "Cene Tretji"} {
		ids = append(ids, h.add(mapping.Contact{Name: name, Email: email}))
	}
	slices.Sort(ids) // the first has a say
	plan, err := h.s.Matcher.Fresh(ctx)
	require.NoError(t, err)

	work := func(ids ...string) {
		for _, id := range ids {
			_, err := h.s.Reconciler.Contact(ctx, id, syncer.Trigger{Cause: syncer.CauseContact, Plan: plan})
			require.NoError(t, err)
		}
	}
	if late {
		change(ids[0])
		work(ids...)
	} else {
		work(ids[1:]...)
		require.Contains(t, h.mapping(ids[1]), "held: ")
		change(ids[0])
		work(ids[0])
	}
	woken, err := h.s.Store.Woken(ctx, 1000)
	require.NoError(t, err)
	woken = slices.DeleteFunc(woken, func(id string) bool { return !slices.Contains(ids, id) }) // a poll woke others
	if stay {
		require.Empty(t, woken, "nothing has become clear")
	}
	for _, id := range woken {
		h.pushed(id, false)
	}
	want := 1
	if stay {
		want = 0
	}
	require.Equal(t, want, h.count("SELECT count(*) FROM metakocka_contact_mappings WHERE contact_id = ANY($1) AND metakocka_id IS NOT NULL AND sync_status = 'synced'", ids[1:]),
		"%s; %s", h.mapping(ids[1]), h.mapping(ids[2]))
	require.Equal(t, 2-want, h.count("SELECT count(*) FROM metakocka_contact_mappings WHERE contact_id = ANY($1) AND metakocka_id IS NULL AND sync_status = 'held'", ids[1:]),
		"%s; %s", h.mapping(ids[1]), h.mapping(ids[2]))
}
