package pgstore_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/mapping/store"
)

// naming is a change that gives a contact a name.
func naming(id, name string) *store.Change {
	return &store.Change{
		Link:    store.Link{ContactID: id, MetaKockaID: partnerID(1), Status: store.StatusSynced, Base: &mapping.Base{}},
		Contact: mapping.Contact{Name: name}, ToCRM: []mapping.Field{mapping.FieldName},
	}
}

// refused checks that a write of a contact was refused, and for which reason.
func refused(t *testing.T, err error, reason string) {
	t.Helper()
	var r *store.ContactRefusedError
	require.ErrorAs(t, err, &r)
	require.Contains(t, r.Reason.String(), reason)
}

// TestAContactIsWrittenOnlyAsItWasRead: an edit of any synced column since then, even of
// another than those that are written, keeps everything of the change from being stored
// (invariant 17). One of a column that is not synced does not.
func TestAContactIsWrittenOnlyAsItWasRead(t *testing.T) {
	t.Parallel()
	for edit, changed := range map[string]bool{
		"UPDATE contacts SET name = 'Eva'":            true,
		"UPDATE contacts SET phone = '2'":             true,
		"UPDATE contacts SET phone = NULL":            true,
		"UPDATE contacts SET notes = ''":              true, // it was null
		"UPDATE contacts SET address = 'Glavni trg'":  true,
		"DELETE FROM contacts":                        true,
		"UPDATE contacts SET created_at = now()":      false,
		"UPDATE contacts SET updated_at = 'infinity'": false,
	} {
		t.Run(edit, func(t *testing.T) {
			t.Parallel()
			k := keep(t)
			k.exec("INSERT INTO contacts (id, name, phone) VALUES ($1, 'Ana', '1')", one)
			k.within(one, func(s store.Session, _ store.State) {
				k.exec(edit)
				err := s.Save(t.Context(), naming(one, "Ana Novak"))
				if !changed {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, store.ErrContactChanged)
				require.Nil(t, k.linkOf(one), "the link is stored with the contact or not at all")

				// Read again, it can be written.
				st, err := s.Load(t.Context())
				require.NoError(t, err)
				if st.Contact != nil {
					require.NoError(t, s.Save(t.Context(), naming(one, "Ana Novak")))
				}
			})
			k.is(int64(0), "SELECT count(*) FROM contacts WHERE name <> 'Ana Novak'")
		})
	}
}

// TestAContactIsDeletedOnlyAsItWasRead.
func TestAContactIsDeletedOnlyAsItWasRead(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("INSERT INTO contacts (id, name, phone) VALUES ($1, 'Ana', '1')", one)
	gone := &store.Change{Link: store.Link{ContactID: one, Status: store.StatusUnlinked}}
	k.within(one, func(s store.Session, _ store.State) {
		k.exec("UPDATE contacts SET phone = '2'")
		require.ErrorIs(t, s.DeleteContact(t.Context(), gone), store.ErrContactChanged)
		require.Nil(t, k.linkOf(one))
		_, err := s.Load(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.DeleteContact(t.Context(), gone))
	})
	k.is(int64(0), "SELECT count(*) FROM contacts")
	require.Equal(t, store.StatusUnlinked, k.linkOf(one).Status)
}

// TestTheBaseTakesWhatTheTableMadeOfAValue, of a written contact and of a new one; who
// judges the change sees it, and other fields' bases stay.
func TestTheBaseTakesWhatTheTableMadeOfAValue(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1)
	k.exec(`CREATE FUNCTION lower_email() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.email = lower(NEW.email); RETURN NEW; END $$;
		CREATE TRIGGER lower_email BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION lower_email()`)
	change := func(id string) *store.Change {
		ch := naming(id, "Ana")
		ch.Contact.Email, ch.Contact.Phone = "ANA@primer.si", "041 111 111"
		ch.ToCRM = append(ch.ToCRM, mapping.FieldEmail)
		ch.Also = []mapping.Field{mapping.FieldPhone}
		ch.Link.MetaKockaID = "of " + id
		ch.Judge = func(l *store.Link, stored mapping.Contact) {
			require.Equal(t, "ana@primer.si", stored.Email)
			l.Status = store.StatusPartial
		}
		return ch
	}
	written, added := change(numbered(1)), change(numbered(2))
	k.within(numbered(1), func(s store.Session, _ store.State) { require.NoError(t, s.Save(t.Context(), written)) })
	k.within(numbered(2), func(s store.Session, _ store.State) { require.NoError(t, s.Insert(t.Context(), added)) })
	for _, ch := range []*store.Change{written, added} {
		l := k.linkOf(ch.Link.ContactID)
		require.Equal(t, store.StatusPartial, l.Status)
		require.Equal(t, "ana@primer.si", l.Base.CRM.Email)
		require.NotEmpty(t, ch.Link.ID)
		require.Equal(t, l.ID, ch.Link.ID)
	}
	require.Empty(t, k.linkOf(numbered(1)).Base.CRM.Phone, "what is written besides keeps its base")
	k.is(int64(2), "SELECT count(*) FROM contacts WHERE email = 'ana@primer.si' AND phone = '041 111 111'")
}

// TestEmptyValuesAreNullWhereTheColumnAllowsThat, else empty.
func TestEmptyValuesAreNullWhereTheColumnAllowsThat(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("ALTER TABLE contacts ALTER website SET NOT NULL")
	require.NoError(t, k.Refresh(t.Context()))
	k.exec("INSERT INTO contacts (id, name, notes, website) VALUES ($1, 'Ana', 'n', 'w')", one)
	ch := naming(one, "Ana")
	ch.ToCRM = []mapping.Field{mapping.FieldNotes, mapping.FieldWebsite}
	k.within(one, func(s store.Session, _ store.State) { require.NoError(t, s.Save(t.Context(), ch)) })
	k.is(true, "SELECT notes IS NULL AND website = '' FROM contacts")
}

// TestTheTableRefusesAContact: the reason names constraints, columns and functions, never
// a value; nothing of the change is stored, and the session goes on.
func TestTheTableRefusesAContact(t *testing.T) {
	t.Parallel()
	trigger := func(body string) string {
		return "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body + " END $$; CREATE TRIGGER f BEFORE UPDATE OF name ON contacts FOR EACH ROW EXECUTE FUNCTION f()"
	}
	for name, c := range map[string]struct{ setup, reason string }{
		"another contact has it": {"CREATE UNIQUE INDEX by_name ON contacts (lower(name))", `another contact has the same name (constraint "by_name")`},
		"a check":                {"ALTER TABLE contacts ADD CONSTRAINT short CHECK (length(name) < 9)", `constraint "short" does not allow the name`},
		"a check at the end": {
			"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; CREATE CONSTRAINT TRIGGER f AFTER UPDATE ON contacts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()",
			"function f, of a trigger",
		},
		"a trigger that raises":         {trigger("RAISE 'secret of %', NEW.name;"), "function f, of a trigger of the contacts table, raised an error (SQLSTATE P0001)"},
		"a trigger that misses a table": {trigger("PERFORM * FROM nowhere; RETURN NEW;"), "SQLSTATE 42P01"},
		"a trigger that swallows":       {trigger("RETURN NULL;"), "swallows the write"},
		"a column that is too short":    {"ALTER TABLE contacts ALTER name TYPE varchar(8)", `column "name" holds at most 8 characters`},
		"a type that does not fit":      {"ALTER TABLE contacts ALTER name TYPE inet USING '10.0.0.1'", "does not fit its column's type"},
		"a rule instead":                {"CREATE RULE r AS ON UPDATE TO contacts DO INSTEAD NOTHING", "a rule of the contacts table replaces the write"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keep(t)
			k.contacts(1)
			k.exec("INSERT INTO contacts (id, name) VALUES ($1, 'Ana Novak')", another)
			k.exec("UPDATE contacts SET name = 'Ana' WHERE id = $1", numbered(1))
			if name != "another contact has it" {
				k.exec("DELETE FROM contacts WHERE id = $1", another)
			}
			k.exec(c.setup)
			require.NoError(t, k.Refresh(t.Context()))
			k.within(numbered(1), func(s store.Session, _ store.State) {
				err := s.Save(t.Context(), naming(numbered(1), "Ana Novak"))
				refused(t, err, c.reason)
				require.NotContains(t, err.Error(), "Novak")
				require.Nil(t, k.linkOf(numbered(1)))
				without := naming(numbered(1), "")
				without.ToCRM, without.Link.Status = nil, store.StatusError
				require.NoError(t, s.Save(t.Context(), without), "the refusal can be noted")
			})
			require.Equal(t, store.StatusError, k.linkOf(numbered(1)).Status)
		})
	}
}

// TestTheTableKeepsAContact that is to be deleted; it is told what does.
func TestTheTableKeepsAContact(t *testing.T) {
	t.Parallel()
	for setup, reason := range map[string]string{
		"CREATE TABLE orders (contact " + keyed().typ + " CONSTRAINT ordered REFERENCES contacts); INSERT INTO orders SELECT id FROM contacts":                                              `constraint "ordered" keeps it`,
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TRIGGER f BEFORE DELETE ON contacts FOR EACH ROW EXECUTE FUNCTION f()":                "the database keeps it",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '42501'; END $$; CREATE TRIGGER f BEFORE DELETE ON contacts EXECUTE FUNCTION f()": "function f",
	} {
		k := keep(t)
		k.contacts(1)
		k.exec(setup)
		k.within(numbered(1), func(s store.Session, _ store.State) {
			refused(t, s.DeleteContact(t.Context(), &store.Change{Link: store.Link{ContactID: numbered(1), Status: store.StatusUnlinked}}), reason)
		})
		require.Nil(t, k.linkOf(numbered(1)))
		k.is(int64(1), "SELECT count(*) FROM contacts")
	}
}

// TestAContactIsInserted with what the filter asks for; one that is there already, or that
// the filter leaves out all the same, is refused with everything besides.
func TestAContactIsInserted(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("ALTER TABLE contacts ADD kind text, ADD active boolean")
	customers := k.with(func(c *pgstore.ContactsConfig) {
		c.Filter = []pgstore.Condition{{Column: "kind", Values: []string{"customer"}}, {Column: "country", Values: []string{"SI", "HR"}}}
	})
	add := func(k *keeping, id, country string) (err error) {
		ch := naming(id, "Ana")
		ch.Contact.Country = country
		k.within(id, func(s store.Session, _ store.State) { err = s.Insert(t.Context(), ch) })
		return err
	}
	require.NoError(t, add(customers, numbered(1), "SI"))
	k.is(int64(1), "SELECT count(*) FROM contacts WHERE kind = 'customer' AND country = 'SI' AND notes IS NULL")
	refused(t, add(customers, numbered(1), "SI"), "another contact has the same key")
	refused(t, add(customers, numbered(2), "AT"), "the configured filter leaves the new contact out")
	k.exec("UPDATE contacts SET active = true; ALTER TABLE contacts ALTER active SET NOT NULL")
	refused(t, add(customers, numbered(2), "HR"), `column "active" is required and the partner has no value for it: give it one under insert`)
	k.exec("ALTER TABLE contacts ADD born date NOT NULL DEFAULT now()")
	k.exec("ALTER TABLE contacts ALTER born DROP DEFAULT")
	require.NoError(t, customers.Refresh(t.Context()))
	refused(t, add(customers, numbered(2), "HR"), `columns "active", "born" are required`)
	k.exec("CREATE TABLE owners (id integer PRIMARY KEY)")
	k.exec("ALTER TABLE contacts DROP born, ADD owner integer DEFAULT NULL CONSTRAINT owned REFERENCES owners")
	owned := k.with(func(c *pgstore.ContactsConfig) {
		c.Insert = map[string]string{"owner": "1", "active": "yes"}
	})
	refused(t, add(owned, numbered(2), "HR"), `the value in column owner is none that the table knows to which it refers (constraint "owned")`)
	require.Nil(t, k.linkOf(numbered(2)))
	k.is(int64(1), "SELECT count(*) FROM contacts")
}

// TestTheFilterTakesContacts: all conditions, of values, of none and of any.
func TestTheFilterTakesContacts(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec(`INSERT INTO contacts (id, name, country, notes, phone) VALUES ($1, 'taken', 'SI', NULL, '1'), ($2, 'elsewhere', 'DE', NULL, '1'),
		($3, 'noted', 'SI', 'n', '1'), ($4, 'phoneless', 'SI', NULL, NULL)`, one, other, another, deleted)
	k.exec("INSERT INTO contacts (id, name, phone) VALUES ($1, 'nowhere', '1')", numbered(9))
	some := k.with(func(c *pgstore.ContactsConfig) {
		c.Filter = []pgstore.Condition{{Column: "country", Values: []string{"SI", "HR"}}, {Column: "notes", Null: true}, {Column: "phone", NotNull: true}}
	})
	for id, want := range map[string][2]bool{
		one: {true, true}, other: {true, false}, another: {true, false}, deleted: {true, false}, numbered(9): {true, false}, numbered(8): {false, false},
	} {
		exists, inScope, err := some.ContactKnown(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, [2]bool{exists, inScope}, id)
		some.within(id, func(_ store.Session, st store.State) {
			require.Equal(t, want, [2]bool{st.Contact != nil, st.InScope}, id)
		})
	}
	require.NotEqual(t, k.Terms(), some.Terms())
}

// TestAColumnThatGoesWhileItRuns: what meets the old table fails with an error that is
// about the table, and the next try fits the one of now. What was agreed on in a column
// that is gone, or is another one of the same name by now, was not.
func TestAColumnThatGoesWhileItRuns(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("INSERT INTO contacts (id, name, notes) VALUES ($1, 'Ana', 'n')", one)
	agreed := mapping.Contact{Name: "Ana", Notes: "n"}
	k.save(one, store.Change{Link: store.Link{Status: store.StatusSynced, Base: &mapping.Base{CRM: agreed, Partner: agreed}}})

	k.exec("ALTER TABLE contacts DROP notes")
	err := k.WithContact(t.Context(), one, func(s store.Session) error { _, err := s.Load(t.Context()); return err })
	require.ErrorIs(t, err, store.ErrTable)
	said := coded.Of(err)
	require.Equal(t, "refusal.table", said.Code)
	require.Regexp(t, `^ERROR: .*notes.*\(SQLSTATE 42703\)$`, said.Cause.Params["words"], "Postgres's words alone")
	require.NotContains(t, k.Fields(), mapping.FieldNotes)
	k.within(one, func(_ store.Session, st store.State) {
		require.Empty(t, st.Link.Base.CRM.Notes)
		require.Empty(t, st.Link.Base.Partner.Notes)
		require.Equal(t, "Ana", st.Link.Base.CRM.Name)
	})

	k.exec("ALTER TABLE contacts ADD notes text")
	k.within(one, func(_ store.Session, st store.State) {
		require.Contains(t, k.Fields(), mapping.FieldNotes, "seen without an error")
		require.Empty(t, st.Link.Base.Partner.Notes)
	})

	k.exec("ALTER TABLE contacts DROP notes")
	require.NoError(t, k.Refresh(t.Context()))
	ch := naming(one, "Ana")
	ch.Contact.Notes, ch.ToCRM = "lost", []mapping.Field{mapping.FieldNotes}
	k.within(one, func(s store.Session, _ store.State) {
		require.NoError(t, s.Save(t.Context(), ch), "a field without a column is not written")
	})
}

// TestReadsOfAllContactsSeeANewTable: each says that it is about the table, once.
func TestReadsOfAllContactsSeeANewTable(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.contacts(1)
	keys := mapping.MatchKeys{Number: "12345678", Emails: []string{"ana@primer.si"}}
	for name, read := range map[string]func() error{
		"all contacts":  func() error { _, err := k.Pairs(t.Context(), "", 10); return err },
		"some contacts": func() error { _, err := k.PairsOf(t.Context(), []string{one}); return err },
		"a first match": func() error { _, err := k.MatchContacts(t.Context(), "", 10); return err },
		"an import":     func() error { _, err := k.UnlinkedContacts(t.Context(), "1", keys); return err },
		"names":         func() error { _, err := k.ForeignNames(t.Context()); return err },
	} {
		require.NoError(t, read(), name)
		k.exec("ALTER TABLE contacts RENAME company_name TO firm; ALTER TABLE contacts RENAME email TO mail")
		require.ErrorIs(t, read(), store.ErrTable, name)
		require.NoError(t, read(), name)
		k.exec("ALTER TABLE contacts RENAME firm TO company_name; ALTER TABLE contacts RENAME mail TO email")
		require.NoError(t, k.Refresh(t.Context()))
	}
}

// TestTablesThatCannotBeWorkedWith are told with what to do.
func TestTablesThatCannotBeWorkedWith(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("ALTER TABLE contacts ADD changed timestamp")
	for reason, change := range map[string]func(*pgstore.ContactsConfig){
		"check MKSYNC_CONTACTS_TABLE":               func(c *pgstore.ContactsConfig) { c.Table = "public.nowhere" },
		`no column "key", by which`:                 func(c *pgstore.ContactsConfig) { c.KeyColumn = "key" },
		`column "created_at" of public.contacts is`: func(c *pgstore.ContactsConfig) { c.KeyColumn = "created_at" },
		"set fields.name":                           func(c *pgstore.ContactsConfig) { c.Fields = nil },
		`insert: table public.contacts has no`:      func(c *pgstore.ContactsConfig) { c.Insert = map[string]string{"kind": "x"} },
		`filter: table public.contacts has no`:      func(c *pgstore.ContactsConfig) { c.Filter = []pgstore.Condition{{Column: "kind", Null: true}} },
		`the database knows no time zone "Nord"`:    func(c *pgstore.ContactsConfig) { c.UpdatedAt, c.Zone = "changed", "Nord" },
	} {
		cfg := contactsTable()
		change(&cfg)
		_, err := pgstore.New(t.Context(), k.pool, "public", cfg)
		var table *pgstore.TableError
		require.ErrorAs(t, err, &table, reason)
		require.Contains(t, err.Error(), reason)
	}
	k.exec("DROP TABLE metakocka_contact_mappings CASCADE")
	_, err := pgstore.New(t.Context(), k.pool, "public", contactsTable())
	require.ErrorContains(t, err, "mksync migrate up")
}

// TestTheTimeOfTheLastChange is set with a write and read in its own time zone; where it
// says nothing it is not known.
func TestTheTimeOfTheLastChange(t *testing.T) {
	t.Parallel()
	k := keep(t)
	k.exec("ALTER TABLE contacts ADD changed timestamp, ADD day date")
	k.exec("INSERT INTO contacts (id, name, updated_at, changed) VALUES ($1, 'Ana', '2026-01-01 12:00Z', '2026-01-01 12:00')", one)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		column, zone string
		want         time.Time
	}{
		{"updated_at", "", noon}, {"changed", "", noon}, {"changed", "Europe/Ljubljana", noon.Add(-time.Hour)}, {"day", "", time.Time{}}, {"none", "", time.Time{}},
	} {
		s := k.with(func(cfg *pgstore.ContactsConfig) { cfg.UpdatedAt, cfg.Zone = c.column, c.zone })
		s.within(one, func(_ store.Session, st store.State) {
			require.True(t, c.want.Equal(st.UpdatedAt), "%s %s: %s", c.column, c.zone, st.UpdatedAt)
		})
	}
	k.exec("UPDATE contacts SET updated_at = 'infinity', changed = '-infinity'")
	k.within(one, func(_ store.Session, st store.State) { require.Zero(t, st.UpdatedAt) })

	local := k.with(func(cfg *pgstore.ContactsConfig) { cfg.UpdatedAt, cfg.Zone = "changed", "Asia/Tokyo" })
	local.within(one, func(s store.Session, st store.State) {
		require.Zero(t, st.UpdatedAt)
		require.NoError(t, s.Save(t.Context(), naming(one, "Eva")))
		st, err := s.Load(t.Context())
		require.NoError(t, err)
		require.WithinDuration(t, st.Now, st.UpdatedAt, time.Minute)
	})
	k.is(true, "SELECT updated_at = 'infinity' FROM contacts")
}

// TestAnEventsRowIsReadLikeTheTable: fields whose column it does not have are not told.
func TestAnEventsRowIsReadLikeTheTable(t *testing.T) {
	t.Parallel()
	k := keep(t).with(func(c *pgstore.ContactsConfig) { c.Fields[mapping.FieldPhone] = pgstore.Place{Column: "website"} })
	c, fields := k.FromRow(map[string]any{"name": " Ana ", "website": "041 111 111", "notes": nil, "phone": "not this one", "created_at": "2026"})
	require.Equal(t, "Ana", c.Name)
	require.Equal(t, "041 111 111", c.Phone)
	require.Equal(t, []mapping.Field{mapping.FieldName, mapping.FieldPhone, mapping.FieldNotes, mapping.FieldWebsite}, fields)
}
