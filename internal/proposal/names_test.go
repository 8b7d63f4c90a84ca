package proposal

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamesAreFolded(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"first_name": {"first", "name"}, "nameFirstName": {"name", "first", "name"}, "FIRSTNAME": {"firstname"}, "poštna številka": {"postna", "stevilka"},
		"E-Pošta": {"e", "posta"}, "phone1": {"phone1"}, "": {}, "§": {},
	} {
		require.Equal(t, want, fold(name), name)
	}
}

func TestColumnsAreKnownByTheirNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]role{
		"given_name": roleGiven, "nameFirstName": roleGiven, "Ime": roleGiven, "surname": roleFamily, "PRIIMEK": roleFamily,
		"imeInPriimek": roleWhole, "contact_name": roleWhole, "podjetje": roleCompany, "account_name": roleCompany,
		"e_mail": roleEmail, "ePosta": roleEmail, "email_work": roleEmail, "emailsPrimaryEmail": roleEmail, "gsm": rolePhone, "phone_mobile": rolePhone,
		"ulica": roleStreet, "billing_address_street": roleStreet, "kraj": roleCity, "address_city": roleCity, "poštna_številka": rolePostal, "zip": rolePostal,
		"država": roleCountry, "ID za DDV": roleTax, "vatNumber": roleTax, "opombe": roleNotes, "spletna_stran": roleWebsite,
		"modified_at": roleUpdated, "updatedat": roleUpdated, "deletedAt": roleDeleted, "org_id": roleTenant, "mk_id": rolePartner,
		"company_id": "", "email_opt_out": "", "shipping_address_city": "", "phonesPrimaryPhoneCountryCode": "", "created_at": "", "address2": "",
	} {
		best := role("")
		for _, r := range order {
			if likeness(name, r) > 0 && (best == "" || likeness(name, r) > likeness(name, best)) {
				best = r
			}
		}
		require.Equal(t, want, best, name)
	}
}

func TestTriggersThatFillAColumn(t *testing.T) {
	t.Parallel()
	for source, fills := range map[string]bool{
		"BEGIN NEW.full_name := NEW.a || NEW.b; RETURN NEW; END":                           true,
		"BEGIN\n  -- the whole\n  new.full_name = 'x';\nEND":                               true,
		`BEGIN IF a THEN NEW."full_name" = 'x'; END IF; END`:                               true,
		"BEGIN SELECT x INTO NEW.full_name FROM t; END":                                    true,
		"BEGIN IF NEW.full_name = '' THEN RAISE EXCEPTION 'none'; END IF; RETURN NEW; END": false,
		"BEGIN -- NEW.full_name := 'x';\nRETURN NEW; END":                                  false,
		"BEGIN NEW.full_name_sorted := 'x'; RETURN NEW; END":                               false,
		`BEGIN NEW."Full_Name" := 'x'; RETURN NEW; END`:                                    false,
	} {
		require.Equal(t, fills, Trigger{Source: source}.fills("full_name"), source)
	}
	moved := Trigger{Definition: "CREATE TRIGGER t BEFORE UPDATE ON public.contacts FOR EACH ROW EXECUTE FUNCTION moddatetime('updated_at')"}
	require.True(t, moved.fills("updated_at"))
	require.False(t, moved.fills("created_at"))
}

func TestAnInstanceIsNamedAfterTheDatabase(t *testing.T) {
	t.Parallel()
	for database, want := range map[string]string{"Acme-CRM": "acme_crm", "crm": "crm_db", "": "second", "Žaga 2": "zaga_2", "中文": "second", "a_very_long_name_of_a_database_indeed": "a_very_long_name_of_a_da"} {
		require.Equal(t, want, instanceOf(database), database)
	}
}
