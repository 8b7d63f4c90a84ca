package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// inParts is a store over a table whose name and address are in several columns.
func inParts(t *testing.T) *keeping {
	t.Helper()
	k := keep(t)
	k.exec(`ALTER TABLE contacts DROP name, DROP address,
		ADD firstname text NOT NULL DEFAULT '', ADD lastname varchar(20), ADD full_name text,
		ADD street text, ADD city text, ADD postal_code text`)
	return inPartsWith(k, func(*pgstore.ContactsConfig) {})
}

// writing is a change that gives the contact values in some fields.
func writing(id string, c mapping.Contact, fields ...mapping.Field) *store.Change {
	ch := naming(id, "")
	ch.Contact, ch.ToCRM = c, fields
	return ch
}

// TestFieldsOfSeveralColumns: they are read as one would hold them, and written part by
// part: only the parts that differ, the columns besides with the whole.
func TestFieldsOfSeveralColumns(t *testing.T) {
	t.Parallel()
	k := inParts(t)
	k.exec(`INSERT INTO contacts (id, firstname, lastname, full_name, street, city, postal_code)
		VALUES ($1, 'Ana  Marija', 'Novak', 'somebody', 'Slovenska cesta 1', 'Ljubljana', 'SI-1000')`, one)
	k.exec(`CREATE TABLE written (col text);
		CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO written VALUES (TG_ARGV[0]); RETURN NEW; END $$;
		CREATE TRIGGER first BEFORE UPDATE OF firstname ON contacts FOR EACH ROW EXECUTE FUNCTION note('firstname');
		CREATE TRIGGER street BEFORE UPDATE OF street ON contacts FOR EACH ROW EXECUTE FUNCTION note('street');
		CREATE TRIGGER code BEFORE UPDATE OF postal_code ON contacts FOR EACH ROW EXECUTE FUNCTION note('postal_code')`)
	k.within(one, func(s store.Session, st store.State) {
		require.Equal(t, "Ana Marija Novak", st.Contact.Name)
		require.Equal(t, "Slovenska cesta 1, Ljubljana, SI-1000", st.Contact.Address)

		ch := writing(one, mapping.Contact{Name: "Ana Marija Novak Kos", Address: "Slovenska cesta 1, 1000 Maribor"}, mapping.FieldName, mapping.FieldAddress)
		require.NoError(t, s.Save(t.Context(), ch))
		require.Equal(t, "Ana Marija Novak Kos", ch.Link.Base.CRM.Name)
	})
	k.is("Ana  Marija|Novak Kos|Ana Marija Novak Kos|Slovenska cesta 1|Maribor|SI-1000",
		"SELECT concat_ws('|', firstname, lastname, full_name, street, city, postal_code) FROM contacts")

	k.within(one, func(s store.Session, _ store.State) {
		k.exec("UPDATE contacts SET city = 'Celje'")
		require.ErrorIs(t, s.Save(t.Context(), naming(one, "Eva Kos")), store.ErrContactChanged, "an edit of any part counts")
		_, err := s.Load(t.Context())
		require.NoError(t, err)

		ch := writing(one, mapping.Contact{Name: "Cher"}, mapping.FieldName, mapping.FieldAddress)
		require.NoError(t, s.Save(t.Context(), ch))
	})
	k.is(true, "SELECT firstname = '' AND lastname = 'Cher' AND full_name = 'Cher' AND street IS NULL AND city IS NULL AND postal_code IS NULL FROM contacts")
	k.is("firstname,postal_code,street", "SELECT string_agg(col, ',' ORDER BY col) FROM written")
}

// TestANameInAnotherOrderIsNotWritten, and is what the two agree on all the same.
func TestANameInAnotherOrderIsNotWritten(t *testing.T) {
	t.Parallel()
	k := inParts(t)
	k.exec("INSERT INTO contacts (id, firstname, lastname, updated_at) VALUES ($1, 'Ana', 'Novak', '2000-01-01')", one)
	k.within(one, func(s store.Session, _ store.State) {
		ch := naming(one, "NOVAK ANA")
		judged := ""
		ch.Judge = func(_ *store.Link, stored mapping.Contact) { judged = stored.Name }
		require.NoError(t, s.Save(t.Context(), ch))
		require.Equal(t, "Ana Novak", judged)
	})
	require.Equal(t, "Ana Novak", k.linkOf(one).Base.CRM.Name)
	k.is(int64(1), "SELECT count(*) FROM contacts WHERE firstname = 'Ana' AND lastname = 'Novak' AND updated_at = '2000-01-01'")
}

// TestAContactInPartsIsInserted; what the table demands and nobody gives is empty, what is
// configured besides is set.
func TestAContactInPartsIsInserted(t *testing.T) {
	t.Parallel()
	k := inParts(t)
	k.exec(`CREATE TYPE standing AS ENUM ('active', 'gone');
		ALTER TABLE contacts ALTER firstname DROP DEFAULT, ALTER email SET NOT NULL, ADD status standing NOT NULL, ADD kind text`)
	cfg := func(c *pgstore.ContactsConfig) {
		c.Filter = []pgstore.Condition{{Column: "kind", Values: []string{"customer"}}}
		c.Insert = map[string]string{"status": "active"}
	}
	k = inPartsWith(k, cfg)
	k.within(one, func(s store.Session, _ store.State) {
		ch := writing(one, mapping.Contact{Name: "Žagar d.o.o.", CompanyName: "Žagar d.o.o.", Address: "Obala 14, 6320 Portorož"})
		require.NoError(t, s.Insert(t.Context(), ch))
		require.Equal(t, "Obala 14, Portorož, 6320", ch.Link.Base.CRM.Address)
	})
	k.is("|Žagar d.o.o.|Žagar d.o.o.||Obala 14|Portorož|6320|active|customer",
		"SELECT concat_ws('|', firstname, lastname, full_name, email, street, city, postal_code, status, kind) FROM contacts")
}

// inPartsWith is inParts's store, configured further.
func inPartsWith(k *keeping, change func(*pgstore.ContactsConfig)) *keeping {
	k.t.Helper()
	return k.with(func(c *pgstore.ContactsConfig) {
		c.Fields[mapping.FieldName] = pgstore.Place{
			Parts: map[mapping.Part]string{mapping.PartGiven: "firstname", mapping.PartFamily: "lastname"}, Also: []string{"full_name"},
		}
		c.Fields[mapping.FieldAddress] = pgstore.Place{
			Parts: map[mapping.Part]string{mapping.PartStreet: "street", mapping.PartCity: "city", mapping.PartPostalCode: "postal_code"},
		}
		change(c)
	})
}

// TestAnEventInPartsIsRead where all of a field's columns are in it.
func TestAnEventInPartsIsRead(t *testing.T) {
	t.Parallel()
	k := inParts(t)
	c, fields := k.FromRow(map[string]any{"firstname": "Ana", "lastname": "Novak", "street": "Obala 14", "city": nil, "email": "a@b.si"})
	require.Equal(t, mapping.Contact{Name: "Ana Novak", Email: "a@b.si"}, c)
	require.Equal(t, []mapping.Field{mapping.FieldName, mapping.FieldEmail}, fields)
	c, _ = k.FromRow(map[string]any{"street": "Obala 14", "city": nil, "postal_code": "6320"})
	require.Equal(t, "Obala 14, 6320", c.Address)
}

// TestWhatTheDatabaseComputesIsReadOnly: the link's base is what it made.
func TestWhatTheDatabaseComputesIsReadOnly(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec(`ALTER TABLE contacts DROP website; ALTER TABLE contacts ADD website text GENERATED ALWAYS AS ('www.' || name) STORED;
		ALTER TABLE contacts DROP notes; ALTER TABLE contacts ADD notes bigint GENERATED ALWAYS AS IDENTITY`)
	require.NoError(t, k.Refresh(t.Context()))
	k.exec("INSERT INTO contacts (id, name) VALUES ($1, 'ana')", one)
	all := mapping.Contact{Name: "eva", Website: "www.ana.si", Notes: "7"}
	k.within(one, func(s store.Session, st store.State) {
		require.Equal(t, "www.ana", st.Contact.Website)
		require.NoError(t, s.Save(t.Context(), writing(one, all, mapping.FieldWebsite, mapping.FieldNotes)), "alone")
		require.NoError(t, s.Save(t.Context(), writing(one, all, mapping.FieldName, mapping.FieldWebsite)))
	})
	require.Equal(t, "www.eva", k.linkOf(one).Base.CRM.Website)
	k.within(other, func(s store.Session, _ store.State) {
		ch := writing(other, all)
		ch.Link.MetaKockaID = partnerID(2)
		require.NoError(t, s.Insert(t.Context(), ch))
	})
	k.is(int64(2), "SELECT count(*) FROM contacts WHERE website = 'www.eva'")
}

// TestColumnsOfOtherTypes: what Postgres reads back from its text is read and written.
func TestColumnsOfOtherTypes(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec(`CREATE DOMAIN one_line AS varchar(60) NOT NULL; CREATE DOMAIN postal AS one_line CHECK (value <> 'nowhere'); CREATE DOMAIN digits AS numeric; CREATE DOMAIN tax AS digits; CREATE TYPE land AS ENUM ('SI', 'HR');
		ALTER TABLE contacts ALTER tax_number TYPE tax USING NULL, ALTER country TYPE land USING NULL, ALTER address TYPE postal USING '',
			ALTER phone TYPE char(20), ALTER notes TYPE varchar(10)`)
	require.NoError(t, k.Refresh(t.Context()))
	k.exec("INSERT INTO contacts (id, name, address, tax_number) VALUES ($1, 'Ana', '', 12345678)", one)
	all := []mapping.Field{mapping.FieldTaxNumber, mapping.FieldCountry, mapping.FieldAddress, mapping.FieldPhone, mapping.FieldNotes}
	k.within(one, func(s store.Session, st store.State) {
		require.Equal(t, "12345678", st.Contact.TaxNumber)
		want := mapping.Contact{TaxNumber: "SI87654321", Country: "HR", Address: "Obala 14", Phone: "041 123 456", Notes: "n"}
		ch := writing(one, want, all...)
		require.NoError(t, s.Save(t.Context(), ch))
		want.TaxNumber = "87654321"
		require.Equal(t, want, ch.Link.Base.CRM)

		for reason, c := range map[string]mapping.Contact{
			"does not fit its column's type": {Country: "AT"},
			"postal_check":                   {Address: "nowhere"},
			"at most 10 characters":          {Notes: "much too long a note"},
			"at most 60 characters":          {Address: "Slovenska cesta 1, a very long name of a very small place, 1000 Ljubljana"},
		} {
			refused(t, s.Save(t.Context(), writing(one, c, all...)), reason)
		}
		require.NoError(t, s.Save(t.Context(), writing(one, mapping.Contact{}, all...)))
	})
	k.is(int64(1), "SELECT count(*) FROM contacts WHERE num_nulls(tax_number, country, phone, notes) = 4 AND address = ''")
}

// TestTextsOfAnySize: in a column of citext two texts are one that differ in the size of
// their letters alone.
func TestTextsOfAnySize(t *testing.T) {
	t.Parallel()
	k := keep(t)
	var there bool
	require.NoError(t, k.pool.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext')").Scan(&there))
	if !there {
		t.Skip("this Postgres has no extension citext")
	}
	k.exec("CREATE SCHEMA extra; CREATE EXTENSION citext SCHEMA extra; CREATE DOMAIN extra.mail AS extra.citext")
	k.exec("ALTER TABLE contacts ALTER email TYPE extra.mail, ALTER company_name TYPE extra.citext, ADD UNIQUE (email)")
	require.NoError(t, k.Refresh(t.Context()))
	k.exec("INSERT INTO contacts (id, name, email) VALUES ($1, 'Ana', 'Ana@Primer.si'), ($2, 'Bor', 'bor@primer.si')", one, other)

	k.within(one, func(s store.Session, st store.State) {
		require.Equal(t, "Ana@Primer.si", st.Contact.Email)
		refused(t, s.Save(t.Context(), writing(one, mapping.Contact{Email: "BOR@primer.si"}, mapping.FieldEmail)), "another contact has the same e-mail")
		require.NoError(t, s.Save(t.Context(), writing(one, mapping.Contact{Email: "ANA@primer.si", CompanyName: "PRIMER"}, mapping.FieldEmail, mapping.FieldCompanyName)))
	})
	k.is(int64(1), "SELECT count(*) FROM contacts WHERE email::text = 'ANA@primer.si' AND company_name::text = 'PRIMER'")
	_, err := k.pool.Exec(t.Context(), "ALTER TABLE contacts ADD number extra.citext UNIQUE NOT NULL DEFAULT 'x' || clock_timestamp()")
	require.NoError(t, err)
	cfg := contactsTable()
	cfg.KeyColumn = "number"
	_, err = pgstore.New(t.Context(), k.pool, "public", cfg)
	require.ErrorContains(t, err, "is of type extra.citext, and mksync names contacts by")
}

// TestPairsForgetWhatWasAgreedOnInFewerColumns: a field that got a column more was not
// agreed on in it.
func TestPairsForgetWhatWasAgreedOnInFewerColumns(t *testing.T) {
	t.Parallel()
	k := inParts(t)
	k.exec("INSERT INTO contacts (id, firstname, lastname, street, city) VALUES ($1, 'Ana', 'Novak', 'Obala 14', 'Izola')", one)
	agreed := mapping.Contact{Name: "Ana Novak", Address: "Obala 14, Izola"}
	k.save(one, store.Change{Link: store.Link{Status: store.StatusSynced, Base: &mapping.Base{CRM: agreed, Partner: agreed}}})
	k.within(one, func(_ store.Session, st store.State) { require.Equal(t, agreed, st.Link.Base.CRM) })
	fewer := inPartsWith(k, func(c *pgstore.ContactsConfig) { delete(c.Fields[mapping.FieldAddress].Parts, mapping.PartPostalCode) })
	fewer.within(one, func(_ store.Session, st store.State) {
		require.Equal(t, mapping.Contact{Name: "Ana Novak"}, st.Link.Base.CRM)
	})
	require.NotEqual(t, k.Terms(), fewer.Terms())
}
