package syncer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// comesBack is a world of a contact that was deleted, and is there again before the retiring of
// its partner is answered.
func comesBack(t *testing.T, policy string) (h *world.Hand, id string, p metakocka.Partner) {
	t.Helper()
	h = world.ByHand(t, sim.Options{EmptyValue: sim.Cleared}, func(w *world.World) { w.Config.DeletePolicy = policy })
	id, p = h.Linked(mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"})
	require.NoError(t, h.ERP.FailNext(metakocka.EndpointUpdate, sim.FaultAfter))
	h.Exec("DELETE FROM contacts WHERE id = $1", id)
	_, err := h.Push(id, true)
	require.True(t, metakocka.Uncertain(err), "%v", err)
	h.Exec("INSERT INTO contacts (id, name, email, phone) VALUES ($1, 'Eva Bukev', 'eva@primer.si', '041 111 111')", id)
	h.Pushed(id, true)
	h.Pull(p.MKID)
	return h, id, p
}

// TestAContactComesBackWhileItsPartnerIsAnonymized: the retiring has no answer when the contact is there again.
func TestAContactComesBackWhileItsPartnerIsAnonymized(t *testing.T) {
	t.Parallel()
	h, id, _ := comesBack(t, "anonymize")
	c := h.Contact(id)
	require.Equal(t, mapping.Contact{Name: "Eva Bukev", Email: "eva@primer.si", Phone: "041 111 111"}, mapping.Contact{Name: c.Name, Email: c.Email, Phone: c.Phone})
}

// TestAContactComesBackWhileItsPartnerIsDeactivated: its partner is a buyer again.
func TestAContactComesBackWhileItsPartnerIsDeactivated(t *testing.T) {
	t.Parallel()
	h, id, p := comesBack(t, "deactivate")
	now, _ := h.ERP.Partner(p.MKID)
	require.True(t, *now.Buyer, h.Mapping(id))
}

// TestADeletionThatWouldTakeMoreWithItIsHeld: other tables refer to the contact of a partner
// that is gone, in each way a foreign key can.
func TestADeletionThatWouldTakeMoreWithItIsHeld(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) {
		w.Config.RemoteDeletePolicy = "delete"
		w.Exec("CREATE TABLE deals (id int PRIMARY KEY, contact_id uuid REFERENCES contacts (id) ON DELETE CASCADE)")
		w.Exec("CREATE TABLE notes (id int PRIMARY KEY, contact_id uuid REFERENCES contacts (id) ON DELETE SET NULL)")
		w.Exec("CREATE TABLE bills (id int PRIMARY KEY, contact_id uuid REFERENCES contacts (id) DEFERRABLE INITIALLY DEFERRED)")
	})
	gone := func(p metakocka.Partner) (syncer.Result, error) {
		trigger := syncer.Trigger{Cause: syncer.CausePartner, Missing: true}
		var res syncer.Result
		var err error
		h.Eventually(func() error {
			res, err = h.Service.Reconciler.Partner(t.Context(), p.MKID, trigger)
			var pending *syncer.PendingError
			if errors.As(err, &pending) {
				return err
			}
			return nil
		})
		return res, err
	}
	for _, table := range []string{"deals", "notes", "bills"} {
		id, p := h.Linked(mapping.Contact{Name: "Ana " + table, Email: table + "@firma.si"})
		h.Exec("INSERT INTO "+table+" VALUES (1, $1)", id)
		require.NoError(t, h.ERP.DeletePartner(p.MKID))
		_, err := gone(p)
		require.NoError(t, err)
		require.Contains(t, h.Mapping(id), "held: the partner is gone from MetaKocka; deleting the contact waits for approval; rows of "+table+".contact_id refer to the contact")
		require.Contains(t, h.One("SELECT reason FROM mksync_deletions d JOIN metakocka_contact_mappings m ON m.id = d.link_id WHERE contact_id = $1", id), table+".contact_id")
		require.Equal(t, 1, h.Count("SELECT count(*) FROM "+table+" WHERE contact_id = $1", id))

		// A person has read it. What the database keeps all the same is refused.
		h.Exec("UPDATE mksync_deletions SET status = 'approved' WHERE status = 'held'")
		_, err = gone(p)
		kept := table == "bills"
		require.Equal(t, kept, err != nil, "%v", err)
		require.Equal(t, kept, h.Count("SELECT count(*) FROM contacts WHERE id = $1", id) == 1)
	}
}

// TestADeletionIsKeptWhileThePartnerIsHeldAsMissing: it is not forgotten when the partner shows up again.
func TestADeletionIsKeptWhileThePartnerIsHeldAsMissing(t *testing.T) {
	t.Parallel()
	h := world.ByHand(t, sim.Options{}, func(w *world.World) { w.Config.DeletePolicy = "anonymize" })
	id, p := h.Linked(mapping.Contact{Name: "Ana", Email: "ana@firma.si"})
	require.NoError(t, h.Store().HoldMissing(t.Context(), []string{p.MKID}, coded.Words("12 of 13 linked partners are missing")))
	h.Exec("DELETE FROM contacts WHERE id = $1", id)
	h.Pushed(id, true)
	require.NoError(t, h.Service.Poller.Poll(t.Context()))
	h.Pull(p.MKID)
	now, _ := h.ERP.Partner(p.MKID)
	open := h.One("SELECT count(*)::text FROM mksync_deletions WHERE status IN ('held', 'approved')")
	require.True(t, now.Customer != "Ana" || open != "0", "the contact's deletion is forgotten")
}

func TestAPartnerThatIsDeletedUnlinks(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.AutoImport = true
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Ana", Email: "ana@partner.si"})
	p := w.Partner(id)
	w.Idle(s)
	require.NoError(t, w.ERP.DeletePartner(p.MKID))
	w.Status(id, "unlinked")
	w.Set(id, mapping.FieldPhone, "041 111 222")
	n := w.Quiet(s)
	require.Equal(t, world.Written{Adds: 1}, n)
	require.Contains(t, w.Mapping(id), "unlinked: the partner is gone from MetaKocka; `mksync sync`")
	require.Empty(t, w.ERP.Partners())
	require.Empty(t, w.Letters(s))
}

func TestRemoteDeletePolicyDelete(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.RemoteDeletePolicy = "delete"
	s := w.Up()
	gone, edited := w.Add(mapping.Contact{Name: "Ana"}), w.Add(mapping.Contact{Name: "Bor"})
	pg, pe := w.Partner(gone), w.Partner(edited)
	w.Idle(s)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{Down: true})) // so that both happen before either is seen
	require.NoError(t, w.ERP.DeletePartner(pg.MKID))
	require.NoError(t, w.ERP.DeletePartner(pe.MKID))
	w.Set(edited, mapping.FieldPhone, "041 111 222")
	require.NoError(t, w.ERP.SetFaults(sim.Faults{}))
	w.Status(gone, "unlinked")
	w.Status(edited, "unlinked")
	require.Equal(t, world.Written{Adds: 2, Contacts: 1}, w.Quiet(s))
	require.Equal(t, edited, w.One("SELECT string_agg(id::text, ',') FROM contacts"))
	require.Equal(t, "unlinked: the partner is gone from MetaKocka; the contact was deleted", w.Mapping(gone))
}

func TestDeletePoliciesAndComingBack(t *testing.T) {
	t.Parallel()
	for policy, want := range map[string]struct {
		customer, email, street, tax string
		buyer                        bool
		updates                      int
	}{
		"unlink":     {"Kovač d.o.o.", "ziga@kovac.si", "Slovenska cesta 1", "SI12345679", true, 0},
		"deactivate": {"Kovač d.o.o.", "ziga@kovac.si", "Slovenska cesta 1", "SI12345679", false, 1},
		"anonymize":  {"Anonymized", "", "", "", false, 2}, // empty values, then markers
	} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := world.NewAudited(t, world.KeepsAll)
			w.Config.DeletePolicy = policy
			w.Config.AutoImport = true
			s := w.Up()
			id := w.Add(world.Company())
			p := w.Partner(id)
			w.Idle(s)
			w.Exec("DELETE FROM contacts WHERE id = $1", id)
			w.Status(id, "deleted")
			require.Equal(t, world.Written{Adds: 1, Updates: want.updates}, w.Quiet(s))
			require.Equal(t, "deleted: ", w.Mapping(id))
			got, _ := w.ERP.Partner(p.MKID)
			require.Contains(t, got.Customer, want.customer)
			require.Equal(t, []any{want.email, want.street, want.tax, want.buyer},
				[]any{got.Contacts[0].Email, got.Addresses[0].Street, got.TaxIDNumber, *got.Buyer})
			require.NotContains(t, fmt.Sprint(got), metakocka.RemoveValue)
			require.Zero(t, w.Count("SELECT count(*) FROM contacts"), "not imported again")

			c := world.Company()
			c.Phone, c.Email = "", "nov@kovac.si"
			w.Exec(`INSERT INTO contacts (id, name, company_name, email, address, country, tax_number, notes, website) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				id, c.Name, c.CompanyName, c.Email, c.Address, c.Country, c.TaxNumber, c.Notes, c.Website)
			w.Status(id, "synced")
			w.Quiet(s)
			require.Equal(t, p.MKID, w.Partner(id).MKID)
			require.Len(t, w.ERP.Partners(), 1)
			got = w.Partner(id)
			require.Equal(t, []any{"Kovač d.o.o.", "Žiga Kovač", "nov@kovac.si", "SI12345679", true},
				[]any{got.Customer, got.Contacts[0].Name, got.Contacts[0].Email, got.TaxIDNumber, *got.Buyer})
			w.Set(id, mapping.FieldPhone, "041 222 333")
			w.PartnerIs(id, "041 222 333", func(p metakocka.Partner) any { return p.Contacts[0].GSM })
		})
	}
}

func TestAContactThatIsDeletedBeforeItsPartnerIsKnown(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.AutoImport = true
	w.Config.DeletePolicy = "deactivate"
	s := w.Up()
	w.Polls(1)
	require.NoError(t, w.ERP.SetFaults(sim.Faults{EndpointLatency: map[string]time.Duration{metakocka.EndpointAdd: 100 * time.Millisecond}}))
	id := w.Add(mapping.Contact{Name: "Ana"})
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Idle(s)
	require.Zero(t, w.Count("SELECT count(*) FROM contacts"))
	for _, p := range w.ERP.Partners() {
		require.False(t, *p.Buyer)
	}
	require.NoError(t, w.ERP.FailNext(metakocka.EndpointAdd, sim.FaultAfter))
	id = w.Add(mapping.Contact{Name: "Bor"})
	w.Eventually(func() error {
		if w.Count("SELECT count(*) FROM metakocka_contact_mappings WHERE contact_id = $1 AND intent IS NOT NULL", id) == 0 {
			return errors.New("not begun")
		}
		return nil
	})
	w.Exec("DELETE FROM contacts WHERE id = $1", id)
	w.Status(id, "deleted")
	w.Quiet(s)
	require.Zero(t, w.Count("SELECT count(*) FROM contacts"))
	for _, p := range w.ERP.Partners() {
		require.False(t, *p.Buyer, p.Customer)
	}
}

// TestAContactEditedWhileItIsDeletedStays: the edit commits after the contact
// was read and before it is deleted.
func TestAContactEditedWhileItIsDeletedStays(t *testing.T) {
	t.Parallel()
	w := world.NewAudited(t, sim.Options{})
	w.Config.RemoteDeletePolicy = "delete"
	s := w.Up()
	id := w.Add(mapping.Contact{Name: "Ana"})
	p := w.Partner(id)
	w.Idle(s)
	edit, err := w.DB.Begin(t.Context())
	require.NoError(t, err)
	_, err = edit.Exec(t.Context(), "UPDATE contacts SET phone = '041 111 222' WHERE id = $1", id)
	require.NoError(t, err)
	require.NoError(t, w.ERP.DeletePartner(p.MKID))
	w.Eventually(func() error {
		if w.Count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'DELETE FROM%' AND wait_event_type = 'Lock'") == 0 {
			return errors.New("the contact is not about to be deleted")
		}
		return nil
	})
	require.NoError(t, edit.Commit(t.Context()))
	w.Status(id, "unlinked")
	require.Equal(t, "041 111 222", w.Contact(id).Phone)
	require.Equal(t, "unlinked: the partner is gone from MetaKocka; `mksync sync` with this contact's id makes it anew", w.Mapping(id))
}
