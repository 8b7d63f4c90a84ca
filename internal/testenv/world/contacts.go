package world

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// Add adds a contact and returns its id.
func (w *World) Add(c mapping.Contact) string {
	w.T.Helper()
	return w.One(`INSERT INTO contacts (name, company_name, email, phone, address, country, tax_number, notes, website)
		VALUES ($1, nullif($2, ''), nullif($3, ''), nullif($4, ''), nullif($5, ''), nullif($6, ''), nullif($7, ''), nullif($8, ''), nullif($9, ''))
		RETURNING id::text`, c.Name, c.CompanyName, c.Email, c.Phone, c.Address, c.Country, c.TaxNumber, c.Notes, c.Website)
}

// Insert adds a contact of Slovenia and returns its id.
func (w *World) Insert(name, email string) string {
	w.T.Helper()
	return w.One("INSERT INTO contacts (name, email, country) VALUES ($1, $2, 'SI') RETURNING id::text", name, email)
}

// Persons adds n contacts that differ in name and e-mail.
func (w *World) Persons(n int) (ids []string) {
	w.T.Helper()
	for i := range n {
		i += w.Count("SELECT count(*) FROM contacts") - len(ids)
		ids = append(ids, w.Insert(fmt.Sprintf("Oseba %d", i), fmt.Sprintf("oseba%d@partner.si", i)))
	}
	return ids
}

// Set edits one field of a contact; "" is NULL.
func (w *World) Set(id string, f mapping.Field, v string) {
	w.T.Helper()
	w.Exec(fmt.Sprintf("UPDATE contacts SET %s = nullif($2, ''), updated_at = now() WHERE id = $1", f), id, v)
}

// Contact reads a contact as it is in the table.
func (w *World) Contact(id string) mapping.Contact {
	w.T.Helper()
	var c mapping.Contact
	var row string
	require.NoError(w.T, w.DB.QueryRow(w.T.Context(), "SELECT jsonb_strip_nulls(to_jsonb(c))::text FROM contacts c WHERE id = $1", id).Scan(&row))
	require.NoError(w.T, json.Unmarshal([]byte(row), &c))
	return c
}

// ContactIs waits until the contact's field has a value.
func (w *World) ContactIs(id string, f mapping.Field, want string) {
	w.T.Helper()
	w.Eventually(func() error {
		if got := w.Contact(id).Get(f); got != want {
			return fmt.Errorf("contact's %s is %q, not %q; mapping: %s", f, got, want, w.Mapping(id))
		}
		return nil
	})
}

// Mapping is status and reason of a contact's link.
func (w *World) Mapping(id string) string {
	w.T.Helper()
	return w.One(`SELECT coalesce((SELECT sync_status || ': ' || coalesce(last_error, '')
		FROM metakocka_contact_mappings WHERE contact_id = $1), 'none')`, id)
}

// Status waits until the mapping of the contact has a status.
func (w *World) Status(contactID, want string) {
	w.T.Helper()
	w.Eventually(func() error {
		var got, reason string
		err := w.DB.QueryRow(w.T.Context(), `SELECT coalesce(max(sync_status), 'none'), coalesce(max(last_error), '')
			FROM metakocka_contact_mappings WHERE contact_id = $1`, contactID).Scan(&got, &reason)
		if err == nil && got != want {
			err = fmt.Errorf("mapping is %s (%s), not yet %s", got, reason, want)
		}
		return err
	})
}

// ContactOf waits until the partner is linked and returns its contact.
func (w *World) ContactOf(metakockaID string) string {
	w.T.Helper()
	var id string
	w.Eventually(func() error {
		return w.DB.QueryRow(w.T.Context(), "SELECT contact_id::text FROM metakocka_contact_mappings WHERE metakocka_id = $1", metakockaID).Scan(&id)
	})
	return id
}

// Partner waits until the contact is linked and returns its partner.
func (w *World) Partner(contactID string) metakocka.Partner {
	w.T.Helper()
	var p metakocka.Partner
	w.Eventually(func() error {
		var id *string
		err := w.DB.QueryRow(w.T.Context(), "SELECT metakocka_id FROM metakocka_contact_mappings WHERE contact_id = $1", contactID).Scan(&id)
		if err != nil {
			return err
		}
		if id == nil {
			return fmt.Errorf("contact %s has no partner yet", contactID)
		}
		var ok bool
		if p, ok = w.ERP.Partner(*id); !ok {
			return fmt.Errorf("partner %s is not in the ERP", *id)
		}
		return nil
	})
	return p
}

// PartnerIs waits until look gives the same for the contact's partner.
func (w *World) PartnerIs(id string, want any, look func(p metakocka.Partner) any) {
	w.T.Helper()
	w.Eventually(func() error {
		if got := look(w.Partner(id)); !reflect.DeepEqual(got, want) {
			return fmt.Errorf("partner has %v, not %v; mapping: %s", got, want, w.Mapping(id))
		}
		return nil
	})
}

// Edit changes a partner at the ERP's screens.
func (w *World) Edit(p metakocka.Partner, change func(p *metakocka.Partner)) {
	w.T.Helper()
	require.NoError(w.T, w.ERP.EditPartner(p.MKID, change))
}

// Agree waits until both sides hold the phone.
func (w *World) Agree(contactID, phone string) {
	w.T.Helper()
	w.Eventually(func() error {
		p := w.Partner(contactID)
		erp := mapping.Canonical(mapping.FieldPhone, p.Contacts[0].GSM+p.Contacts[0].Phone)
		crm := mapping.Canonical(mapping.FieldPhone, w.One("SELECT phone FROM contacts WHERE id = $1", contactID))
		if want := mapping.Canonical(mapping.FieldPhone, phone); erp != want || crm != want {
			return fmt.Errorf("phone is %s and %s, not %s", crm, erp, want)
		}
		return nil
	})
}

// Outdated makes the link of a contact one whose sides differ from what they agreed on.
func (w *World) Outdated(id string) {
	w.T.Helper()
	w.Exec(`UPDATE metakocka_contact_mappings SET base = jsonb_set(base, '{crm,phone}', '"+38640999999"') WHERE contact_id = $1`, id)
}

// WhenWriting lets a trigger do something to mksync's writes of contacts.
func (w *World) WhenWriting(events, do string) {
	w.T.Helper()
	w.Exec(`CREATE OR REPLACE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF current_setting('application_name') = 'mksync' THEN ` + do + ` END IF;
		IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$;
		DROP TRIGGER IF EXISTS guard ON contacts;
		CREATE TRIGGER guard BEFORE ` + events + ` ON contacts FOR EACH ROW EXECUTE FUNCTION guard()`)
}
