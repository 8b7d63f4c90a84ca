package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// twins are two contacts of one person; the winner lacks the phone and the notes.
func twins() (loser, winner mapping.Contact) {
	return mapping.Contact{Name: "Ana Novak", Email: "ana@novak.si", Phone: "+38640111222", Country: "SI"},
		mapping.Contact{Name: "Novak Ana", Email: "ana.novak@example.si", Address: "Glavni trg 1, Kranj, 4000"}
}

// linkedTwins are two contacts of one person, each with its partner. The loser has
// columns that mksync does not know.
func (w *world) linkedTwins() (loser, winner string) {
	w.t.Helper()
	w.exec(`ALTER TABLE contacts ADD score numeric(8,3), ADD tags text[], ADD born date, ADD seen interval, ADD raw bytea,
		ADD doubled numeric GENERATED ALWAYS AS (score * 2) STORED, ADD number bigint GENERATED ALWAYS AS IDENTITY`)
	l, c := twins()
	loser, _ = w.synced(l)
	winner, _ = w.synced(c)
	w.exec(`UPDATE contacts SET score = 1.250, tags = '{"a b",NULL}', born = '1990-02-28', seen = '1 day 02:03:04.5', raw = '\x00ff' WHERE id = $1`, loser)
	return loser, winner
}

// row is a contact's whole row, as text.
func (w *world) row(id string) string {
	w.t.Helper()
	return w.one("SELECT c::text FROM contacts c WHERE id = $1", id)
}

// merged merges two contacts by command and returns the merge's id.
func (w *world) merged(loser, winner string) string {
	w.t.Helper()
	return w.mksync("merge", loser, winner).ids()[0]
}

// mergeIs waits until a merge has a status.
func (w *world) mergeIs(id, want string) {
	w.t.Helper()
	w.eventually(func() error {
		if got := w.one("SELECT status || ' ' || note FROM mksync_merges WHERE id = $1::text::bigint", id); !strings.HasPrefix(got, want) {
			return fmt.Errorf("merge %s is %s, not yet %s", id, got, want)
		}
		return nil
	})
}

func noted(p metakocka.Partner) any { return p.Contacts[0].GSM }

func TestLinkedContactsAreMergedAndTakenApartByCommand(t *testing.T) {
	t.Parallel()
	bothWays(t, func(w *world) string {
		w.cfg.DeletePolicy, w.cfg.MaxDeletes = syncer.PolicyDeactivate, 0
		loser, winner := w.linkedTwins()
		return loser + " " + winner
	}, func(w *world, ids string) {
		t := w.t
		loser, winner, _ := strings.Cut(ids, " ")
		superfluous, kept := w.partner(loser), w.partner(winner)
		loserRow, winnerBefore := w.row(loser), w.contact(winner)

		preview := w.mksync("merge", "--dry-run", loser, winner)
		require.Contains(t, preview.stdout, `"+38640111222", taken over`)
		require.Contains(t, preview.stdout, `"Novak Ana", given up: "Ana Novak"`)
		require.Contains(t, preview.stdout, "contact "+loser+" is deleted")
		require.Contains(t, preview.stdout, "partner "+kept.MKID+" stays the partner of contact "+winner)
		require.Contains(t, preview.stdout, "partner "+superfluous.MKID+" is neither buyer nor supplier any more")
		require.Contains(t, preview.stdout, "not taken over, because mksync does not sync them: born, raw, score, seen, tags")
		require.Equal(t, loserRow, w.row(loser), "a dry run wrote")
		require.Empty(t, w.mksync("merge", "list").ids())

		done := w.mksync("merge", loser, winner)
		require.Contains(t, done.lines()[0], "merged  contact "+loser+" into "+winner+"  partner "+superfluous.MKID+" deactivate")
		id := done.ids()[0]
		require.Equal(t, "0", w.one("SELECT count(*)::text FROM contacts WHERE id = $1", loser))
		w.contactIs(winner, mapping.FieldPhone, "+38640111222")
		w.contactIs(winner, mapping.FieldEmail, winnerBefore.Email)
		w.partnerIs(winner, "+38640111222", noted)
		w.partnerIs(loser, false, buyer)
		require.Contains(t, w.mapping(loser), "deleted: merged into contact "+winner)
		w.status(winner, "synced")
		require.Empty(t, w.mksync("deletions", "list", "--all").ids(), "a merge counts as no deletion")

		require.Equal(t, []string{id}, w.mksync("merge", loser, winner).ids(), "the same merge again")
		require.Equal(t, []string{id}, w.mksync("merge", "list", "--of", superfluous.MKID).ids())
		w.mksync("merge", winner, loser).refused("there is no contact " + loser + ": it was merged into contact " + winner)

		var undone operations.Merge
		w.mksync("merge", "undo", id, "--json").read(&undone)
		require.Equal(t, store.MergeUndone, undone.Status)
		require.Equal(t, operator(), undone.UndoneBy)
		require.Equal(t, loserRow, w.row(loser), "the row did not come back whole")
		require.Equal(t, winnerBefore.Phone, w.contact(winner).Phone)
		w.partnerIs(loser, true, buyer)
		w.partnerIs(winner, "", noted)
		w.status(loser, "synced")
		w.status(winner, "synced")
		require.Equal(t, superfluous.Hash(), w.partner(loser).Hash())
		require.Equal(t, kept.Hash(), w.partner(winner).Hash())
		w.mksync("merge", "undo", id).refused("undone already")
		require.NotEqual(t, id, w.merged(loser, winner), "they can be merged once more")
	})
}

func TestPartnerOfTheLoserBecomesTheWinners(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Notes: sim.Kept})
	l, c := twins()
	loser, p := w.synced(l)
	w.edit(p, func(p *metakocka.Partner) { p.Addresses[0].Street = "Nova ulica 5"; p.Addresses[0].City = "Celje" }) // nobody pulled it yet
	winner := w.add(c)
	id := w.merged(loser, winner)
	require.Equal(t, p.MKID, w.partner(winner).MKID)
	require.Len(t, w.erp.Partners(), 1, "a partner was made for nothing")
	w.partnerIs(winner, "Novak Ana", func(p metakocka.Partner) any { return p.Customer })
	w.partnerIs(winner, "Glavni trg 1", func(p metakocka.Partner) any { return p.Addresses[0].Street })
	w.contactIs(winner, mapping.FieldPhone, l.Phone)
	require.Contains(t, w.mapping(loser), "deleted")
	require.Contains(t, w.mksync("merge", "list").lines()[0], "partner "+p.MKID+" moved")

	w.mksync("merge", "undo", id).lines()
	require.Equal(t, p.MKID, w.partner(loser).MKID)
	w.partnerIs(loser, "Ana Novak", func(p metakocka.Partner) any { return p.Customer })
	w.partnerIs(loser, l.Email, func(p metakocka.Partner) any { return p.Contacts[0].Email })
	w.contactIs(loser, mapping.FieldAddress, "Nova ulica 5, Celje") // the ERP's edit came to the loser before the merge
	w.contactIs(winner, mapping.FieldPhone, "")
	require.Empty(t, w.one("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", winner))
}

func TestContactsWithoutTheLosersPartnerAreMerged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	l, c := twins()
	winner, p := w.synced(c)
	loser := w.add(l)
	id := w.merged(loser, winner)
	w.partnerIs(winner, l.Phone, noted)
	require.Len(t, w.erp.Partners(), 1)
	require.Equal(t, "none", w.mapping(loser))
	w.mksync("merge", "undo", id).lines()
	require.Equal(t, p.MKID, w.partner(winner).MKID)
	w.partnerIs(winner, "", noted)

	one, other := w.add(mapping.Contact{Name: "Cene", Phone: "+38640999888"}), w.add(mapping.Contact{Name: "Cene Kos"})
	w.merged(one, other) // neither has a partner: the winner gets one
	w.partnerIs(other, "+38640999888", noted)
	require.Len(t, w.erp.Partners(), 2)
}

// TestHeldContactIsMergedWithTheOneThatHasItsPartner: the case that mksync itself
// tells people to merge.
func TestHeldContactIsMergedWithTheOneThatHasItsPartner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	first, p := w.synced(mapping.Contact{Name: "Ana", TaxNumber: "12345679"})
	second := w.add(mapping.Contact{Name: "Ana Novak", TaxNumber: "SI12345679"})
	w.mksync("sync", second).refused("waits for a person")
	w.merged(first, second)
	w.status(second, "synced")
	require.Equal(t, p.MKID, w.partner(second).MKID)
	w.partnerIs(second, "Ana Novak", func(p metakocka.Partner) any { return p.Customer })
}

func TestMergesThatAreRefusedChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.ConflictRule = mapping.RuleManual
	disputed := w.disputed()
	other, _ := w.synced(mapping.Contact{Name: "Bor"})
	before := w.one("SELECT string_agg(c::text, ' ' ORDER BY id) FROM contacts c")
	w.mksync("merge", other, other).refused("are the same contact")
	w.mksync("merge", noOne, other).refused("there is no contact " + noOne)
	w.mksync("merge", other, noOne).refused("there is no contact " + noOne)
	w.mksync("merge", "7", other).refused(`loserContactId: "7" is not a uuid`)
	w.mksync("merge", disputed, other).refused("has 2 fields that wait for a decision: mksync conflicts list --of " + disputed)
	w.mksync("merge", other, disputed).refused("has 2 fields that wait for a decision")
	w.mksync("merge", other).refused("name two contacts")
	w.mksync("merge", "undo", "7").refused("there is no merge 7")
	w.mksync("merge", "undo", "x").refused(`"x" is not the number of a merge`)

	third, _ := w.synced(mapping.Contact{Name: "Cene"})
	w.exec("CREATE TABLE deals (contact_id uuid REFERENCES contacts ON DELETE CASCADE)")
	w.exec("INSERT INTO deals VALUES ($1)", third)
	w.mksync("merge", third, other).refused("rows of deals.contact_id refer to contact " + third)
	require.Equal(t, "1", w.one("SELECT count(*)::text FROM deals"))
	w.exec("UPDATE deals SET contact_id = $1", other)
	w.exec("ALTER TABLE contacts ADD UNIQUE (name, id)")
	w.exec("CREATE TABLE orders (who text, contact_id uuid, FOREIGN KEY (who, contact_id) REFERENCES contacts (name, id) ON DELETE CASCADE)")
	w.exec("INSERT INTO orders VALUES ('Cene', $1)", third)
	w.mksync("merge", third, other).refused("rows of orders.who+contact_id refer to contact " + third)
	w.exec("DELETE FROM orders")
	w.exec("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	w.exec("CREATE TRIGGER keep BEFORE DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION keep()")
	w.mksync("merge", third, other).refused("nothing is merged", "a trigger or row level security")
	w.exec("DROP TRIGGER keep ON contacts")
	require.NoError(t, w.erp.SetFaults(sim.Faults{Down: true}))
	w.mksync("merge", third, other).refused("get_partner")
	require.NoError(t, w.erp.SetFaults(sim.Faults{}))
	w.exec("DELETE FROM contacts WHERE id = $1", third)
	require.Equal(t, before, w.one("SELECT string_agg(c::text, ' ' ORDER BY id) FROM contacts c"))
	require.Empty(t, w.mksync("merge", "list").ids())
}

func TestMergeNeedsTheRightToDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	one, other := w.add(mapping.Contact{Name: "Ana"}), w.add(mapping.Contact{Name: "Bor"})
	role := "r" + strings.ReplaceAll(one, "-", "")
	w.exec("CREATE ROLE " + role + " LOGIN SUPERUSER PASSWORD 'x'")
	t.Cleanup(func() { w.exec("DROP OWNED BY " + role); w.exec("DROP ROLE " + role) })
	w.exec("GRANT ALL ON ALL TABLES IN SCHEMA public TO " + role)
	w.exec("REVOKE DELETE ON contacts FROM " + role)
	testenv.OwnTables(t, w.cfg.DatabaseURL.Reveal(), role)
	w.exec("ALTER ROLE " + role + " NOSUPERUSER REPLICATION")
	w.cfg.DatabaseURL = config.Secret(asRole(t, string(w.cfg.DatabaseURL), role))
	w.mksync("merge", one, other).refused("may not delete contacts, so nothing is merged", "grant it DELETE")
	w.mksync("merge", "--dry-run", one, other).refused("grant it DELETE")
	require.Equal(t, "2", w.one("SELECT count(*)::text FROM contacts"))
}

func TestContactOutsideTheFilterIsNotMerged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	in, out := w.add(mapping.Contact{Name: "Ana", Country: "SI"}), w.add(mapping.Contact{Name: "Bor"})
	w.cfg.Filter = []config.Condition{{Column: "country", Values: []string{"SI"}}}
	s, _ := w.start(service.RoleAPI)
	for _, pair := range [][2]string{{in, out}, {out, in}} {
		_, err := operations.OpMerge.Ask(t.Context(), s.API(s.Monitor()), operations.MergeRequest{LoserContactID: pair[0], WinnerContactID: pair[1]})
		require.ErrorContains(t, err, "contact "+out+" is left out by the configured filter")
	}
}

func TestUndoOfAMergeIsRefusedWhereSomethingChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.cfg.DeletePolicy = syncer.PolicyDeactivate
	l, c := twins()
	loser, superfluous := w.synced(l)
	winner, kept := w.synced(c)
	id := w.merged(loser, winner)
	undo := func(words ...string) {
		t.Helper()
		w.mksync("merge", "undo", id).refused(append(words, "merge "+id+" cannot be undone")...)
		require.Equal(t, "merged", w.one("SELECT status FROM mksync_merges"))
		require.Equal(t, "0", w.one("SELECT count(*)::text FROM contacts WHERE name = 'Ana Novak'"))
	}
	w.set(winner, mapping.FieldPhone, "+38640777777")
	undo("contact " + winner + " was changed since: phone")
	w.set(winner, mapping.FieldPhone, l.Phone)

	w.edit(superfluous, func(p *metakocka.Partner) { p.Contacts[0].Email = "new@example.si" })
	undo("partner " + superfluous.MKID + " was changed in MetaKocka since")
	w.edit(superfluous, func(p *metakocka.Partner) { p.Contacts[0].Email = l.Email })

	w.exec("INSERT INTO contacts (id, name) VALUES ($1, 'Somebody')", loser)
	undo("contact " + loser + " is there again")
	w.exec("DELETE FROM contacts WHERE id = $1", loser)

	w.exec("UPDATE metakocka_contact_mappings SET metakocka_id = '1' WHERE contact_id = $1", winner)
	undo("contact " + winner + " is not linked with partner " + kept.MKID + " any more")
	w.exec("UPDATE metakocka_contact_mappings SET metakocka_id = $2 WHERE contact_id = $1", winner, kept.MKID)

	w.exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id) VALUES ($1, $2)", noOne, superfluous.MKID)
	undo("contact " + noOne + " is linked with partner " + superfluous.MKID + " since")
	w.exec("DELETE FROM metakocka_contact_mappings WHERE contact_id = $1", noOne)

	require.Contains(t, w.mksync("merge", "undo", id).lines()[0], "undone")
	w.contactIs(loser, mapping.FieldName, "Ana Novak")
	w.partnerIs(loser, true, buyer)
}

// A supplier that is no buyer is that again once a merge is undone, whatever the delete
// policy made of it.
func TestUndoOfAMergePutsBuyerAndSupplierBack(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{syncer.PolicyUnlink, syncer.PolicyDeactivate, syncer.PolicyAnonymize} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{ShowBuyer: true})
			w.cfg.DeletePolicy = policy
			l, c := twins()
			loser, p := w.synced(l)
			winner, _ := w.synced(c)
			yes, no := true, false
			w.edit(p, func(p *metakocka.Partner) { p.Buyer, p.Supplier = &no, &yes })
			flags := func() [2]bool {
				now, _ := w.erp.Partner(p.MKID)
				return [2]bool{*now.Buyer, *now.Supplier}
			}

			id := w.merged(loser, winner)
			require.Equal(t, [2]bool{false, policy == syncer.PolicyUnlink}, flags())
			w.mksync("merge", "undo", id).lines()
			require.Equal(t, [2]bool{false, true}, flags())
			require.Equal(t, p.MKID, w.partner(loser).MKID)
		})
	}
}

func TestUndoOfAMergeBringsAnAnonymizedPartnerBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Notes: sim.Kept, ShowBuyer: true})
	w.cfg.DeletePolicy = syncer.PolicyAnonymize
	l, c := twins()
	l.Address, l.Notes, l.TaxNumber = "Slovenska cesta 1, Ljubljana, 1000", "a note", "12345679"
	loser, p := w.synced(l)
	winner, _ := w.synced(c)
	w.edit(p, func(p *metakocka.Partner) { yes := true; p.Supplier, p.RegistrationNumber = &yes, "1234567000" })
	p, _ = w.erp.Partner(p.MKID)
	before := w.row(loser)
	id := w.merged(loser, winner)
	require.Equal(t, "Anonymized "+p.MKID, w.partner(loser).Customer)
	s := w.up()
	w.polled(s)
	w.mksync("merge", "undo", id).lines()
	w.polled(s)
	require.Equal(t, p.Hash(), w.partner(loser).Hash(), "the partner is not as it was")
	require.Equal(t, before, w.row(loser), "the anonymized partner came to the contact")
	w.status(loser, "synced")
}
