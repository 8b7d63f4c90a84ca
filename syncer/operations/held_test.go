package operations_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/check"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestHeldContactsAreLookedAtAgain: a contact whose match waits for a person is brought over
// as soon as what it was held for has gone, whatever that was.
func TestHeldContactsAreLookedAtAgain(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{Partners: []metakocka.Partner{
		world.Person("7001", "Dva", "", "dva@partner.si"), world.Person("7002", "Dva", "", "dva@partner.si"),
		world.Person("7003", "Trije", "", "trije@partner.si"), world.Person("7004", "Trije", "", "trije@partner.si"),
	}})
	w.Exec("ALTER TABLE contacts ADD COLUMN deleted_at timestamptz")
	w.Config.Filter = []config.Condition{{Column: "deleted_at", Null: true}}
	a := asksOf(w, w.Up())
	s := a.service
	held := map[string]string{} // a second contact with the key of a first one
	first := map[string]string{}
	for _, name := range []string{"deleted", "edited", "left out"} {
		c := mapping.Contact{Name: name, Email: strings.ReplaceAll(name, " ", "-") + "@partner.si"}
		first[name] = w.Add(c)
		w.Status(first[name], "synced")
		c.Name += " too"
		held[name] = w.Add(c)
	}
	held["removed"] = w.Add(mapping.Contact{Name: "Dva", Email: "dva@partner.si"})
	held["renamed"] = w.Add(mapping.Contact{Name: "Trije", Email: "trije@partner.si"})
	for _, id := range held {
		w.Status(id, "held")
	}
	w.Problem(s, "5 contacts wait for a person, who says which partner is theirs: mksync unclear")

	w.Exec("DELETE FROM contacts WHERE id = $1", first["deleted"])
	w.Set(first["edited"], mapping.FieldEmail, "other@partner.si")
	w.Exec("UPDATE contacts SET deleted_at = now() WHERE id = $1", first["left out"])
	require.NoError(t, w.ERP.DeletePartner("7001"))
	w.Edit(metakocka.Partner{MKID: "7003"}, func(p *metakocka.Partner) { p.Contacts[0].Email = "four@partner.si" })
	for name, id := range held {
		if name != "removed" { // found missing by a full sweep only
			w.Status(id, "synced")
		}
	}
	require.Equal(t, "7004", w.Partner(held["renamed"]).MKID)
	require.Equal(t, w.One("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", first["deleted"]), w.Partner(held["deleted"]).MKID)

	// What the events do not tell, the full check finds.
	w.Exec("UPDATE mksync_partners SET missing_since = now() WHERE metakocka_id = '7001'")
	_, err := a.api.Check(a.ctx(), check.CheckRequest{Repair: true})
	require.NoError(t, err)
	w.Status(held["removed"], "synced")
	require.Equal(t, "7002", w.Partner(held["removed"]).MKID)
	w.NoProblem(s)

	// The journal says where the partner of the one that was left out went, and so does
	// its mapping. It is no twin's partner when it comes back.
	partner := w.Partner(held["left out"]).MKID
	require.Contains(t, w.Mapping(first["left out"]), fmt.Sprintf("deleted: the contact is left out; its partner %s went to contact %s", partner, held["left out"]))
	journal, err := operations.OpDeletions.Ask(a.ctx(), a.api, operations.JournalRequest{Of: first["left out"], All: true})
	require.NoError(t, err)
	require.Contains(t, journal.Items[0].Reason, "its partner "+partner+" went to contact "+held["left out"])
	w.Exec("UPDATE contacts SET deleted_at = NULL WHERE id = $1", first["left out"])
	w.Status(first["left out"], "held")
	require.Equal(t, partner, w.Partner(held["left out"]).MKID)
	require.Len(t, w.ERP.Partners(), 7)
}
