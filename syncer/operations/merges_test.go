package operations_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/waits"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/operations"
)

// noOne is the id of no contact.
const noOne = "00000000-0000-4000-8000-000000000000"

func noted(p metakocka.Partner) any { return p.Contacts[0].GSM }

func customer(p metakocka.Partner) any { return p.Customer }

func TestPartnerOfTheLoserBecomesTheWinners(t *testing.T) {
	t.Parallel()
	a := asks(world.New(t, sim.Options{Notes: sim.Kept}))
	l, c := world.Twins()
	loser, p := a.synced(l)
	a.Edit(p, func(p *metakocka.Partner) { p.Addresses[0].Street = "Nova ulica 5"; p.Addresses[0].City = "Celje" }) // nobody pulled it yet
	winner := a.Add(c)
	id := a.merged(loser, winner)
	require.Equal(t, p.MKID, a.Partner(winner).MKID)
	require.Len(t, a.ERP.Partners(), 1, "a partner was made for nothing")
	a.PartnerIs(winner, "Novak Ana", customer)
	a.PartnerIs(winner, "Glavni trg 1", func(p metakocka.Partner) any { return p.Addresses[0].Street })
	a.ContactIs(winner, mapping.FieldPhone, l.Phone)
	require.Contains(t, a.Mapping(loser), "deleted")
	require.Equal(t, p.MKID, a.merges()[0].MovedMetaKockaID)

	a.unmerged(id)
	require.Equal(t, p.MKID, a.Partner(loser).MKID)
	a.PartnerIs(loser, "Ana Novak", customer)
	a.PartnerIs(loser, l.Email, func(p metakocka.Partner) any { return p.Contacts[0].Email })
	a.ContactIs(loser, mapping.FieldAddress, "Nova ulica 5, Celje") // the ERP's edit came to the loser before the merge
	a.ContactIs(winner, mapping.FieldPhone, "")
	require.Empty(t, a.One("SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", winner))
}

// TestContactsWithoutTheLosersPartnerAreMerged: only the winner has one, neither has one, or
// the winner waits for the loser's, which is the case that people are told to merge.
func TestContactsWithoutTheLosersPartnerAreMerged(t *testing.T) {
	t.Parallel()
	a := asks(world.New(t, sim.Options{}))
	l, c := world.Twins()
	winner, p := a.synced(c)
	loser := a.Add(l)
	id := a.merged(loser, winner)
	a.PartnerIs(winner, l.Phone, noted)
	require.Len(t, a.ERP.Partners(), 1)
	require.Equal(t, "none", a.Mapping(loser))
	a.unmerged(id)
	require.Equal(t, p.MKID, a.Partner(winner).MKID)
	a.PartnerIs(winner, "", noted)

	one, other := a.Add(mapping.Contact{Name: "Cene", Phone: "+38640999888"}), a.Add(mapping.Contact{Name: "Cene Kos"})
	a.merged(one, other) // neither has a partner: the winner gets one
	a.PartnerIs(other, "+38640999888", noted)
	require.Len(t, a.ERP.Partners(), 2)

	first, q := a.synced(mapping.Contact{Name: "Ana", TaxNumber: "12345679"})
	second := a.Add(mapping.Contact{Name: "Ana Novak", TaxNumber: "SI12345679"})
	_, err := a.sync(second)
	refused(t, err, "waits for a person")
	a.merged(first, second)
	a.Status(second, "synced")
	require.Equal(t, q.MKID, a.Partner(second).MKID)
	a.PartnerIs(second, "Ana Novak", customer)
}

func TestMergesThatAreRefusedChangeNothing(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.ConflictRule = mapping.RuleManual
	out := w.Add(mapping.Contact{Name: "Eva", Country: "XX"})
	w.Config.Filter = []config.Condition{{Column: "country", Values: []string{"SI"}}}
	a := asks(w)
	disputed := a.disputed()
	other, _ := a.synced(mapping.Contact{Name: "Bor", Country: "SI"})
	third, _ := a.synced(mapping.Contact{Name: "Cene", Country: "SI"})
	rows := func() string { return a.One("SELECT string_agg(c::text, ' ' ORDER BY id) FROM contacts c") }
	before := rows()

	for _, c := range []struct{ loser, winner, words string }{
		{other, other, "are the same contact"},
		{noOne, other, "there is no contact " + noOne},
		{other, noOne, "there is no contact " + noOne},
		{"7", other, `loserContactId: "7" is not a uuid`},
		{other, "7", `winnerContactId: "7" is not a uuid`},
		{disputed, other, "has 2 fields that wait for a decision: mksync conflicts list --of " + disputed},
		{other, disputed, "has 2 fields that wait for a decision"},
		{other, out, "contact " + out + " is left out of the sync"},
		{out, other, "contact " + out + " is left out of the sync"},
	} {
		_, err := a.merge(c.loser, c.winner)
		refused(t, err, c.words)
	}
	_, err := a.undoMerge("7")
	refused(t, err, "there is no merge 7")
	for _, id := range []string{"x", "0", "-1"} {
		_, err = a.undoMerge(id)
		refused(t, err, `"`+id+`" is not the number of a merge`)
	}

	// The database would not let the loser go, or would take rows with it.
	merge := func() error { _, err := a.merge(third, other); return err }
	a.Exec("CREATE TABLE deals (contact_id uuid REFERENCES contacts ON DELETE CASCADE)")
	a.Exec("INSERT INTO deals VALUES ($1)", third)
	refused(t, merge(), "rows of deals.contact_id refer to contact "+third)
	require.Equal(t, 1, a.Count("SELECT count(*) FROM deals"))
	a.Exec("UPDATE deals SET contact_id = $1", other)
	a.Exec("ALTER TABLE contacts ADD UNIQUE (name, id)")
	a.Exec("CREATE TABLE orders (who text, contact_id uuid, FOREIGN KEY (who, contact_id) REFERENCES contacts (name, id) ON DELETE CASCADE)")
	a.Exec("INSERT INTO orders VALUES ('Cene', $1)", third)
	refused(t, merge(), "rows of orders.who+contact_id refer to contact "+third)
	a.Exec("DELETE FROM orders")
	a.Exec("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
	a.Exec("CREATE TRIGGER keep BEFORE DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION keep()")
	refused(t, merge(), "nothing is merged", "a trigger or row level security")
	a.Exec("DROP TRIGGER keep ON contacts")

	require.NoError(t, a.ERP.SetFaults(sim.Faults{Down: true}))
	refused(t, merge(), "get_partner")
	require.Equal(t, before, rows())
	require.Empty(t, a.merges())
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

	a := asks(w)
	t.Cleanup(a.service.Close) // before its role goes
	_, err := a.merge(one, other)
	refused(t, err, "may not delete contacts, so nothing is merged", "grant it DELETE")
	_, err = operations.OpMerge.Ask(a.ctx(), a.api, operations.MergeRequest{LoserContactID: one, WinnerContactID: other, DryRun: true})
	refused(t, err, "grant it DELETE")
	require.Equal(t, 2, w.Count("SELECT count(*) FROM contacts"))
}

func TestUndoOfAMergeIsRefusedWhereSomethingChanged(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = syncer.PolicyDeactivate
	a := asks(w)
	l, c := world.Twins()
	loser, superfluous := a.synced(l)
	winner, kept := a.synced(c)
	id := a.merged(loser, winner)
	undo := func(words string) {
		t.Helper()
		_, err := a.undoMerge(id)
		refused(t, err, words, "merge "+id+" cannot be undone")
		require.Equal(t, "merged", a.One("SELECT status FROM mksync_merges"))
		require.Zero(t, a.Count("SELECT count(*) FROM contacts WHERE name = 'Ana Novak'"))
	}

	a.Set(winner, mapping.FieldPhone, "+38640777777")
	undo("contact " + winner + " was changed since: phone")
	a.Set(winner, mapping.FieldPhone, l.Phone)

	a.Edit(superfluous, func(p *metakocka.Partner) { p.Contacts[0].Email = "new@example.si" })
	undo("partner " + superfluous.MKID + " was changed in MetaKocka since")
	a.Edit(superfluous, func(p *metakocka.Partner) { p.Contacts[0].Email = l.Email })

	a.Exec("INSERT INTO contacts (id, name) VALUES ($1, 'Somebody')", loser)
	undo("contact " + loser + " is there again")
	a.Exec("DELETE FROM contacts WHERE id = $1", loser)

	a.Exec("UPDATE metakocka_contact_mappings SET metakocka_id = '1' WHERE contact_id = $1", winner)
	undo("contact " + winner + " is not linked with partner " + kept.MKID + " any more")
	a.Exec("UPDATE metakocka_contact_mappings SET metakocka_id = $2 WHERE contact_id = $1", winner, kept.MKID)

	a.Exec("INSERT INTO metakocka_contact_mappings (contact_id, metakocka_id) VALUES ($1, $2)", noOne, superfluous.MKID)
	undo("contact " + noOne + " is linked with partner " + superfluous.MKID + " since")
	a.Exec("DELETE FROM metakocka_contact_mappings WHERE contact_id = $1", noOne)

	a.unmerged(id)
	a.ContactIs(loser, mapping.FieldName, "Ana Novak")
	a.PartnerIs(loser, true, world.Buyer)
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
			a := asks(w)
			l, c := world.Twins()
			loser, p := a.synced(l)
			winner, _ := a.synced(c)
			yes, no := true, false
			a.Edit(p, func(p *metakocka.Partner) { p.Buyer, p.Supplier = &no, &yes })
			flags := func() [2]bool {
				now, _ := a.ERP.Partner(p.MKID)
				return [2]bool{*now.Buyer, *now.Supplier}
			}

			id := a.merged(loser, winner)
			require.Equal(t, [2]bool{false, policy == syncer.PolicyUnlink}, flags())
			a.unmerged(id)
			require.Equal(t, [2]bool{false, true}, flags())
			require.Equal(t, p.MKID, a.Partner(loser).MKID)
		})
	}
}

// TestMergeWhereAValueMayBeThereOnce: the loser gives its e-mail up before the
// winner takes it, and the other way round in an undo.
func TestMergeWhereAValueMayBeThereOnce(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Exec("CREATE UNIQUE INDEX ON contacts (email)")
	a := asks(w)
	loser, _ := a.synced(mapping.Contact{Name: "Ana", Email: "ana@example.si"})
	winner, _ := a.synced(mapping.Contact{Name: "Ana Novak"})
	id := a.merged(loser, winner)
	a.ContactIs(winner, mapping.FieldEmail, "ana@example.si")
	a.unmerged(id)
	a.ContactIs(loser, mapping.FieldEmail, "ana@example.si")
	a.ContactIs(winner, mapping.FieldEmail, "")
}

// TestPartnerThatSomebodyElseHasIsNotRetired: between the merge and its end
// another contact was linked with the superfluous partner.
func TestPartnerThatSomebodyElseHasIsNotRetired(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy = syncer.PolicyAnonymize
	w.Config.MetaKockaTimeout = waits.Stretch(500 * time.Millisecond) // so long a lost write may still take effect
	a := asks(w)
	l, c := world.Twins()
	loser, p := a.synced(l)
	winner, _ := a.synced(c)
	require.NoError(t, a.ERP.FailNext(metakocka.EndpointUpdate, sim.Fault5xx))
	_, err := a.merge(loser, winner)
	refused(t, err, "the contacts are merged (merge 1)")
	other := a.Add(l)
	a.Eventually(func() error { _, err := a.sync(other); return err }) // sending pauses for a moment
	require.Equal(t, p.MKID, a.Partner(other).MKID)
	a.Eventually(func() error { _, err := a.merge(loser, winner); return err }) // until the lost write can take no effect
	require.Contains(t, a.merges()[0].Note, "is left as it is: contact "+other+" is linked with it by now")
	require.Equal(t, l.Name, a.Partner(other).Customer)
}

// TestEditRightBeforeTheMergeIsNotLost: an edit of either contact commits after the
// merge has read them and before it writes them.
func TestEditRightBeforeTheMergeIsNotLost(t *testing.T) {
	t.Parallel()
	a := asks(world.New(t, sim.Options{Notes: sim.Kept}))
	for edited := range 2 {
		l, c := world.Twins()
		ids := []string{a.Add(l), a.Add(c)}
		tx, err := a.DB.Begin(t.Context())
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), "UPDATE contacts SET notes = 'just now' WHERE id = $1", ids[edited])
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { _, err := a.merge(ids[0], ids[1]); done <- err }()
		a.Eventually(func() error {
			if a.Count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'mksync' AND wait_event = 'transactionid'") == 0 {
				return errors.New("the merge does not wait for the edit yet")
			}
			return nil
		})
		require.NoError(t, tx.Commit(t.Context()))
		require.NoError(t, <-done)
		a.ContactIs(ids[1], mapping.FieldNotes, "just now")
		require.Equal(t, l.Phone, a.Contact(ids[1]).Phone)
		a.Exec("DELETE FROM contacts")
		a.Exec("DELETE FROM metakocka_contact_mappings")
	}
}

// The contact that an undoing brings back would be deleted at once, for its missing
// partner.
func TestAMergeWhoseLosersPartnerIsGoneIsNotUndone(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{})
	w.Config.DeletePolicy, w.Config.RemoteDeletePolicy = syncer.PolicyUnlink, syncer.PolicyDelete
	a := asks(w)
	for what, linkedWinner := range map[string]bool{"superfluous": true, "moved": false} {
		loser, p := a.synced(mapping.Contact{Name: "Ana " + what})
		winner := a.Add(mapping.Contact{Name: "Bor " + what})
		if linkedWinner {
			_, err := a.sync(winner)
			require.NoError(t, err)
		}
		id := a.merged(loser, winner)
		require.NoError(t, a.ERP.DeletePartner(p.MKID))
		_, err := a.undoMerge(id)
		refused(t, err, "merge "+id+" cannot be undone: partner "+p.MKID+" is gone from MetaKocka")
		require.Zero(t, a.Count("SELECT count(*) FROM contacts WHERE id = $1", loser))
		require.Equal(t, 1, a.Count("SELECT count(*) FROM contacts WHERE id = $1", winner))
	}
}

// What a merge took away is kept for 90 days, and longer where it is being brought back.
func TestOldMergesAreForgottenUnlessTheyAreBeingUndone(t *testing.T) {
	t.Parallel()
	a := asks(world.New(t, sim.Options{}))
	contact := func() string { return a.Insert("Ana", "") }
	ids := []string{a.merged(contact(), contact()), a.merged(contact(), contact()), a.merged(contact(), contact())}
	a.Exec("UPDATE mksync_merges SET finished_at = now() - interval '91 days' WHERE id = ANY ($1::text[]::bigint[])", ids[:2])
	a.Exec("UPDATE mksync_merges SET status = 'undoing' WHERE id = $1::text::bigint", ids[1])
	require.NoError(t, a.service.Store.ForgetOld(t.Context(), 0))
	require.Equal(t, ids[0], a.One("SELECT string_agg(id::text, ' ') FROM mksync_merges WHERE loser_row IS NULL"))
}

// TestMergesThatShareAContact: whatever order they come in, nobody's data is lost
// and no contact is merged twice.
func TestMergesThatShareAContact(t *testing.T) {
	t.Parallel()
	a := asks(world.New(t, sim.Options{}))
	var ids []string
	for _, name := range []string{"Ana", "Bor", "Cene"} {
		id, _ := a.synced(mapping.Contact{Name: name, Email: strings.ToLower(name) + "@example.si"})
		ids = append(ids, id)
	}
	var g errgroup.Group
	results := make([]error, 3)
	for i, pair := range [][2]int{{0, 1}, {1, 2}, {0, 2}} {
		g.Go(func() error {
			_, results[i] = a.merge(ids[pair[0]], ids[pair[1]])
			return nil
		})
	}
	require.NoError(t, g.Wait())
	won := 0
	for _, err := range results {
		if err == nil {
			won++
			continue
		}
		require.True(t, syncer.IsCode(err, syncer.CodeNotFound), "%v", err)
	}
	require.Equal(t, 3-won, a.Count("SELECT count(*) FROM contacts"))
	require.Equal(t, won, a.Count("SELECT count(*) FROM mksync_merges WHERE status = 'merged'"))
}

func TestChainOfMergesIsUndoneFromItsEnd(t *testing.T) {
	t.Parallel()
	w := asks(world.New(t, sim.Options{}))
	a, _ := w.synced(mapping.Contact{Name: "Ana", Phone: "+38640111222"})
	b, _ := w.synced(mapping.Contact{Name: "Ana B", Email: "b@example.si"})
	c, _ := w.synced(mapping.Contact{Name: "Ana C"})
	rows := func() string {
		return w.One("SELECT string_agg(c::text, ' ' ORDER BY id) FROM (SELECT id, name, email, phone FROM contacts) c")
	}
	before := rows()
	first, second := w.merged(a, b), w.merged(b, c)
	w.ContactIs(c, mapping.FieldPhone, "+38640111222")
	w.ContactIs(c, mapping.FieldEmail, "b@example.si")
	_, err := w.undoMerge(first)
	refused(t, err, "contact "+b+" is not there any more")
	w.unmerged(second)
	w.unmerged(first)
	require.Equal(t, before, rows())
	for _, id := range []string{a, b, c} {
		w.Status(id, "synced")
	}
	require.Len(t, w.ERP.Partners(), 3)
}
