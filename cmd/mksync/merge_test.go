package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// linkedTwins are two contacts of one person, each with its partner. The loser has
// columns that mksync does not know.
func linkedTwins(w *world.World) (loser, winner string) {
	w.T.Helper()
	w.Exec(`ALTER TABLE contacts ADD score numeric(8,3), ADD tags text[], ADD born date, ADD seen interval, ADD raw bytea,
		ADD doubled numeric GENERATED ALWAYS AS (score * 2) STORED, ADD number bigint GENERATED ALWAYS AS IDENTITY`)
	l, c := world.Twins()
	loser, _ = synced(w, l)
	winner, _ = synced(w, c)
	w.Exec(`UPDATE contacts SET score = 1.250, tags = '{"a b",NULL}', born = '1990-02-28', seen = '1 day 02:03:04.5', raw = '\x00ff' WHERE id = $1`, loser)
	return loser, winner
}

// row is a contact's whole row, as text.
func row(w *world.World, id string) string {
	w.T.Helper()
	return w.One("SELECT c::text FROM contacts c WHERE id = $1", id)
}

// merged merges two contacts by command and returns the merge's id.
func merged(w *world.World, loser, winner string) string {
	w.T.Helper()
	return mksync(w, "merge", loser, winner).ids()[0]
}

// mergeIs waits until a merge has a status.
func mergeIs(w *world.World, id, want string) {
	w.T.Helper()
	w.Eventually(func() error {
		if got := w.One("SELECT status || ' ' || note FROM mksync_merges WHERE id = $1::text::bigint", id); !strings.HasPrefix(got, want) {
			return fmt.Errorf("merge %s is %s, not yet %s", id, got, want)
		}
		return nil
	})
}

func noted(p metakocka.Partner) any { return p.Contacts[0].GSM }

func TestLinkedContactsAreMergedAndTakenApartByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world.World) string {
		w.Config.DeletePolicy, w.Config.MaxDeletes = syncer.PolicyDeactivate, 0
		loser, winner := linkedTwins(w)
		return loser + " " + winner
	}, func(w *world.World, ids string) {
		t := w.T
		loser, winner, _ := strings.Cut(ids, " ")
		superfluous, kept := w.Partner(loser), w.Partner(winner)
		loserRow, winnerBefore := row(w, loser), w.Contact(winner)

		preview := mksync(w, "merge", "--dry-run", loser, winner)
		require.Contains(t, preview.stdout, `"+38640111222", taken over`)
		require.Contains(t, preview.stdout, `"Novak Ana", given up: "Ana Novak"`)
		require.Contains(t, preview.stdout, "contact "+loser+" is deleted")
		require.Contains(t, preview.stdout, "partner "+kept.MKID+" stays the partner of contact "+winner)
		require.Contains(t, preview.stdout, "partner "+superfluous.MKID+" is neither buyer nor supplier any more")
		require.Contains(t, preview.stdout, "not taken over, because mksync does not sync them: born, raw, score, seen, tags")
		require.Equal(t, loserRow, row(w, loser), "a dry run wrote")
		require.Empty(t, mksync(w, "merge", "list").ids())

		done := mksync(w, "merge", loser, winner)
		require.Contains(t, done.lines()[0], "merged  contact "+loser+" into "+winner+"  partner "+superfluous.MKID+" deactivate")
		id := done.ids()[0]
		require.Equal(t, "0", w.One("SELECT count(*)::text FROM contacts WHERE id = $1", loser))
		w.ContactIs(winner, mapping.FieldPhone, "+38640111222")
		w.ContactIs(winner, mapping.FieldEmail, winnerBefore.Email)
		w.PartnerIs(winner, "+38640111222", noted)
		w.PartnerIs(loser, false, world.Buyer)
		require.Contains(t, w.Mapping(loser), "deleted: merged into contact "+winner)
		w.Status(winner, "synced")
		require.Empty(t, mksync(w, "deletions", "list", "--all").ids(), "a merge counts as no deletion")

		require.Equal(t, []string{id}, mksync(w, "merge", loser, winner).ids(), "the same merge again")
		require.Equal(t, []string{id}, mksync(w, "merge", "list", "--of", superfluous.MKID).ids())
		mksync(w, "merge", winner, loser).refused("there is no contact " + loser + ": it was merged into contact " + winner)

		var undone operations.Merge
		mksync(w, "merge", "undo", id, "--json").read(&undone)
		require.Equal(t, store.MergeUndone, undone.Status)
		require.Equal(t, operator(), undone.UndoneBy)
		require.Equal(t, loserRow, row(w, loser), "the row did not come back whole")
		require.Equal(t, winnerBefore.Phone, w.Contact(winner).Phone)
		w.PartnerIs(loser, true, world.Buyer)
		w.PartnerIs(winner, "", noted)
		w.Status(loser, "synced")
		w.Status(winner, "synced")
		require.Equal(t, superfluous.Hash(), w.Partner(loser).Hash())
		require.Equal(t, kept.Hash(), w.Partner(winner).Hash())
		mksync(w, "merge", "undo", id).refused("undone already")
		require.NotEqual(t, id, merged(w, loser, winner), "they can be merged once more")
	})
}

func TestPartnerOfTheLoserBecomesTheWinners(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Notes: sim.Kept})
	l, c := world.Twins()
	loser, p := synced(w, l)
	w.Edit(p, func(p *metakocka.Partner) { p.Addresses[0].Street = "Nova ulica 5"; p.Addresses[0].City = "Celje" }) // nobody pulled it yet
	winner := w.Add(c)
	id := merged(w, loser, winner)
	require.Equal(t, p.MKID, w.Partner(winner).MKID)
	require.Len(t, w.ERP.Partners(), 1, "a partner was made for nothing")
	w.PartnerIs(winner, "Novak Ana", func(p metakocka.Partner) any { return p.Customer })
	w.PartnerIs(winner, "Glavni trg 1", func(p metakocka.Partner) any { return p.Addresses[0].Street })
	w.ContactIs(winner, mapping.FieldPhone, l.Phone)
	require.Contains(t, w.Mapping(loser), "deleted")
	require.Contains(t, mksync(w, "merge", "list").lines()[0], "partner "+p.MKID+" moved")

	mksync(w, "merge", "undo", id).lines()
	require.Equal(t, p.MKID, w.Partner(loser).MKID)
	w.PartnerIs(loser, "Ana Novak", func(p metakocka.Partner) any { return p.Customer })
	w.PartnerIs(loser, l.Email, func(p metakocka.Partner) any { return p.Contacts[0].Email })
	w.ContactIs(loser, mapping.FieldAddress, "Nova ulica 5, Celje") // the ERP's edit came to the loser before the merge
	w.ContactIs(winner, mapping.FieldPhone, "")
	require.Empty(t, w.One("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", winner))
}

func TestContactsWithoutTheLosersPartnerAreMerged(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	l, c := world.Twins()
	winner, p := synced(w, c)
	loser := w.Add(l)
	id := merged(w, loser, winner)
	w.PartnerIs(winner, l.Phone, noted)
	require.Len(t, w.ERP.Partners(), 1)
	require.Equal(t, "none", w.Mapping(loser))
	mksync(w, "merge", "undo", id).lines()
	require.Equal(t, p.MKID, w.Partner(winner).MKID)
	w.PartnerIs(winner, "", noted)

	one, other := w.Add(mapping.Contact{Name: "Cene", Phone: "+38640999888"}), w.Add(mapping.Contact{Name: "Cene Kos"})
	merged(w, one, other) // neither has a partner: the winner gets one
	w.PartnerIs(other, "+38640999888", noted)
	require.Len(t, w.ERP.Partners(), 2)
}

// TestHeldContactIsMergedWithTheOneThatHasItsPartner: the case that mksync itself
// tells people to merge.
func TestHeldContactIsMergedWithTheOneThatHasItsPartner(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	first, p := synced(w, mapping.Contact{Name: "Ana", TaxNumber: "12345679"})
	second := w.Add(mapping.Contact{Name: "Ana Novak", TaxNumber: "SI12345679"})
	mksync(w, "sync", second).refused("waits for a person")
	merged(w, first, second)
	w.Status(second, "synced")
	require.Equal(t, p.MKID, w.Partner(second).MKID)
	w.PartnerIs(second, "Ana Novak", func(p metakocka.Partner) any { return p.Customer })
}

func TestMergesThatAreRefusedChangeNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	disputed := disputed(w)
	other, _ := synced(w, mapping.Contact{Name: "Bor"})
	before := w.One("SELECT string_agg(c::text, ' ' ORDER BY id) FROM contacts c")
	mksync(w, "merge", other, other).refused("are the same contact")
	mksync(w, "merge", noOne, other).refused("there is no contact " + noOne)
	mksync(w, "merge", other, noOne).refused("there is no contact " + noOne)
	mksync(w, "merge", "7", other).refused(`loserContactId: "7" is not a uuid`)
	mksync(w, "merge", disputed, other).refused("has 2 fields that wait for a decision: mksync conflicts list --of " + disputed)
	mksync(w, "merge", other, disputed).refused("has 2 fields that wait for a decision")
	mksync(w, "merge", other).refused("name two contacts")
	mksync(w, "merge", "undo", "7").refused("there is no merge 7")
	mksync(w, "merge", "undo", "x").refused(`"x" is not the number of a merge`)

	third, _ := synced(w, mapping.Contact{Name: "Cene"})
	w.Exec("CREATE TABLE deals (contact_id uuid REFERENCES contacts ON DELETE CASCADE)")
	w.Exec("INSERT INTO deals VALUES ($1)", third)
	mksync(w, "merge", third, other).refused("rows of deals.contact_id refer to contact " + third)
	require.Equal(t, "1", w.One("SELECT count(*)::text FROM deals"))
	w.Exec("UPDATE deals SET contact_id = $1", other)
	w.Exec("ALTER TABLE contacts ADD UNIQUE (name, id)")
	w.Exec("CREATE TABLE orders (who text, contact_id uuid, FOREIGN KEY (who, contact_id) REFERENCES contacts (name, id) ON DELETE CASCADE)")
	w.Exec("INSERT INTO orders VALUES ('Cene', $1)", third)
	mksync(w, "merge", third, other).refused("rows of orders.who+contact_id refer to contact " + third)
	w.Exec("DELETE FROM orders")
	w.Exec("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	w.Exec("CREATE TRIGGER keep BEFORE DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION keep()")
	mksync(w, "merge", third, other).refused("nothing is merged", "a trigger or row level security")
	w.Exec("DROP TRIGGER keep ON contacts")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true}))
	mksync(w, "merge", third, other).refused("get_partner")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Exec("DELETE FROM contacts WHERE id = $1", third)
	require.Equal(t, before, w.One("SELECT string_agg(c::text, ' ' ORDER BY id) FROM contacts c"))
	require.Empty(t, mksync(w, "merge", "list").ids())
}

func TestMergeNeedsTheRightToDelete(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	one, other := w.Add(mapping.Contact{Name: "Ana"}), w.Add(mapping.Contact{Name: "Bor"})
	role := "r" + strings.ReplaceAll(one, "-", "")
	w.Exec("CREATE ROLE " + role + " LOGIN SUPERUSER PASSWORD 'x'")
	t.Cleanup(func() { w.Exec("DROP OWNED BY " + role); w.Exec("DROP ROLE " + role) })
	w.Exec("GRANT ALL ON ALL TABLES IN SCHEMA public TO " + role)
	w.Exec("REVOKE DELETE ON contacts FROM " + role)
	testenv.OwnTables(t, w.Config.DatabaseURL.Reveal(), role)
	w.Exec("ALTER ROLE " + role + " NOSUPERUSER REPLICATION")
	w.Config.DatabaseURL = config.Secret(world.AsRole(t, string(w.Config.DatabaseURL), role))
	mksync(w, "merge", one, other).refused("may not delete contacts, so nothing is merged", "grant it DELETE")
	mksync(w, "merge", "--dry-run", one, other).refused("grant it DELETE")
	require.Equal(t, "2", w.One("SELECT count(*)::text FROM contacts"))
}

func TestContactOutsideTheFilterIsNotMerged(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	in, out := w.Add(mapping.Contact{Name: "Ana", Country: "SI"}), w.Add(mapping.Contact{Name: "Bor"})
	w.Config.Filter = []config.Condition{{Column: "country", Values: []string{"SI"}}}
	s, _ := w.Start(service.RoleAPI)
	for _, pair := range [][2]string{{in, out}, {out, in}} {
		_, err := operations.OpMerge.Ask(t.Context(), s.API(s.Monitor()), operations.MergeRequest{LoserContactID: pair[0], WinnerContactID: pair[1]})
		require.ErrorContains(t, err, "contact "+out+" is left out of the sync")
	}
}

func TestUndoOfAMergeIsRefusedWhereSomethingChanged(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = syncer.PolicyDeactivate
	l, c := world.Twins()
	loser, superfluous := synced(w, l)
	winner, kept := synced(w, c)
	id := merged(w, loser, winner)
	undo := func(words ...string) {
		t.Helper()
		mksync(w, "merge", "undo", id).refused(append(words, "merge "+id+" cannot be undone")...)
		require.Equal(t, "merged", w.One("SELECT status FROM mksync_merges"))
		require.Equal(t, "0", w.One("SELECT count(*)::text FROM contacts WHERE name = 'Ana Novak'"))
	}
	w.Set(winner, mapping.FieldPhone, "+38640777777")
	undo("contact " + winner + " was changed since: phone")
	w.Set(winner, mapping.FieldPhone, l.Phone)

	w.Edit(superfluous, func(p *metakocka.Partner) { p.Contacts[0].Email = "new@example.si" })
	undo("partner " + superfluous.MKID + " was changed in MetaKocka since")
	w.Edit(superfluous, func(p *metakocka.Partner) { p.Contacts[0].Email = l.Email })

	w.Exec("INSERT INTO contacts (id, name) VALUES ($1, 'Somebody')", loser)
	undo("contact " + loser + " is there again")
	w.Exec("DELETE FROM contacts WHERE id = $1", loser)

	w.Exec("UPDATE metakocka_contact_mappings SET metakocka_id = '1' WHERE contact_id = $1", winner)
	undo("contact " + winner + " is not linked with partner " + kept.MKID + " any more")
	w.Exec("UPDATE metakocka_contact_mappings SET metakocka_id = $2 WHERE contact_id = $1", winner, kept.MKID)

	w.Exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id) VALUES ($1, $2)", noOne, superfluous.MKID)
	undo("contact " + noOne + " is linked with partner " + superfluous.MKID + " since")
	w.Exec("DELETE FROM metakocka_contact_mappings WHERE contact_id = $1", noOne)

	require.Contains(t, mksync(w, "merge", "undo", id).lines()[0], "undone")
	w.ContactIs(loser, mapping.FieldName, "Ana Novak")
	w.PartnerIs(loser, true, world.Buyer)
}

// A supplier that is no buyer is that again once a merge is undone, whatever the delete
// policy made of it.
func TestUndoOfAMergePutsBuyerAndSupplierBack(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{syncer.PolicyUnlink, syncer.PolicyDeactivate, syncer.PolicyAnonymize} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := world.New(t, sim.Options{ShowBuyer: true})
			w.Config.DeletePolicy = policy
			l, c := world.Twins()
			loser, p := synced(w, l)
			winner, _ := synced(w, c)
			yes, no := true, false
			w.Edit(p, func(p *metakocka.Partner) { p.Buyer, p.Supplier = &no, &yes })
			flags := func() [2]bool {
				now, _ := w.ERP.Partner(p.MKID)
				return [2]bool{*now.Buyer, *now.Supplier}
			}

			id := merged(w, loser, winner)
			require.Equal(t, [2]bool{false, policy == syncer.PolicyUnlink}, flags())
			mksync(w, "merge", "undo", id).lines()
			require.Equal(t, [2]bool{false, true}, flags())
			require.Equal(t, p.MKID, w.Partner(loser).MKID)
		})
	}
}

func TestUndoOfAMergeBringsAnAnonymizedPartnerBack(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Notes: sim.Kept, ShowBuyer: true})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	l, c := world.Twins()
	l.Address, l.Notes, l.TaxNumber = "Slovenska cesta 1, Ljubljana, 1000", "a note", "12345679"
	loser, p := synced(w, l)
	winner, _ := synced(w, c)
	w.Edit(p, func(p *metakocka.Partner) { yes := true; p.Supplier, p.RegistrationNumber = &yes, "1234567000" })
	p, _ = w.ERP.Partner(p.MKID)
	before := row(w, loser)
	id := merged(w, loser, winner)
	require.Equal(t, "Anonymized "+p.MKID, w.Partner(loser).Customer)
	s := w.Up()
	polled(w, s)
	mksync(w, "merge", "undo", id).lines()
	polled(w, s)
	require.Equal(t, p.Hash(), w.Partner(loser).Hash(), "the partner is not as it was")
	require.Equal(t, before, row(w, loser), "the anonymized partner came to the contact")
	w.Status(loser, "synced")
}
