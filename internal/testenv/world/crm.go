package world

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/metakocka/sim"
)

// CRMSchema makes the contacts table of a CRM that was there before mksync: a key that is a
// text, names and addresses in columns, triggers that fill and rewrite, an e-mail that is
// unique, empty texts for nulls, and rows that belong to an organization.
const CRMSchema = `
CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
INSERT INTO organizations VALUES ('5f0c0000-0000-4000-8000-000000000001', 'ours'), ('5f0c0000-0000-4000-8000-000000000002', 'theirs');
CREATE TABLE contacts (
    id              text PRIMARY KEY DEFAULT gen_random_uuid()::text,
    organization_id uuid NOT NULL REFERENCES organizations,
    firstname       text NOT NULL DEFAULT '',
    lastname        text NOT NULL DEFAULT '',
    full_name       text DEFAULT '',
    email           text NOT NULL UNIQUE CHECK (email LIKE '%@%'),
    phone           text DEFAULT '',
    company         text DEFAULT '',
    address         text DEFAULT '',
    city            text DEFAULT '',
    postal_code     text DEFAULT '',
    country         text DEFAULT '',
    tax_number      varchar(20) DEFAULT '',
    notes           text DEFAULT '',
    status          text NOT NULL,
    createdat       timestamptz NOT NULL DEFAULT now(),
    updatedat       timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION contacts_rules() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.email = lower(NEW.email);
    IF coalesce(NEW.full_name, '') = '' THEN NEW.full_name = trim(NEW.firstname || ' ' || NEW.lastname); END IF;
    NEW.updatedat = now();
    RETURN NEW;
END $$;
CREATE TRIGGER contacts_rules BEFORE INSERT OR UPDATE ON contacts FOR EACH ROW EXECUTE FUNCTION contacts_rules();
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON contacts USING (organization_id::text = current_setting('crm.organization', true))`

// crmConfig is what names its columns.
const crmConfig = `
contacts_table: public.contacts
contacts_key: id
contacts_updated_at: updatedat
fields:
  name:
    columns: [firstname, lastname]
    also: [full_name]
  company_name: {column: company}
  address:
    columns: {street: address, city: city, postal_code: postal_code}
filter:
  - organization_id: 5f0c0000-0000-4000-8000-000000000001
insert:
  status: active
`

// NewCRM is a world with CRMSchema's table, which belongs to somebody else: mksync comes as
// a role that owns nothing of it. more are further lines of the configuration file.
func NewCRM(t testing.TB, opts sim.Options, more string) *World {
	t.Helper()
	role := testenv.SlotName(t)
	w := NewCRMAt(t, testenv.DB(t), role, opts, more)
	t.Cleanup(func() { w.Exec("DROP OWNED BY " + role); w.Exec("DROP ROLE " + role) })
	w.Exec(AuditSQL)
	return w
}

// NewCRMAt is NewCRM over a database that is empty, with a role that is made.
func NewCRMAt(t testing.TB, url, role string, opts sim.Options, more string) *World {
	t.Helper()
	testenv.Exec(t, url, CRMSchema)
	w := NewAt(t, url, opts)

	w.Exec("CREATE ROLE " + role + " LOGIN REPLICATION BYPASSRLS PASSWORD 'x'")
	w.Exec("GRANT SELECT, INSERT, UPDATE, DELETE ON contacts TO " + role)
	w.Exec("GRANT USAGE, CREATE ON SCHEMA public TO " + role)
	w.Exec("CREATE PUBLICATION " + w.Config.Publication + " FOR TABLE contacts WITH (publish_via_partition_root = true)")

	w.File = filepath.Join(t.TempDir(), "mksync.yaml")
	require.NoError(t, os.WriteFile(w.File, []byte(crmConfig+more), 0o600))
	file, err := config.Load(w.File, nil)
	require.NoError(t, err)
	w.Config.DatabaseURL = config.Secret(AsRole(t, url, role))
	w.Config.ContactsKey, w.Config.ContactsUpdatedAt = file.ContactsKey, file.ContactsUpdatedAt
	w.Config.Fields, w.Config.Filter, w.Config.Insert = file.Fields, file.Filter, file.Insert
	_, err = service.Migrate(t.Context(), w.Config)
	require.NoError(t, err)
	return w
}

// AddTo adds a contact of ours to CRMSchema's table and returns its key.
func (w *World) AddTo(given, family, email string) string {
	w.T.Helper()
	return w.One(`INSERT INTO contacts (organization_id, firstname, lastname, email, status, country)
		SELECT id, $1, $2, $3, 'active', 'SI' FROM organizations WHERE name = 'ours' RETURNING id`, given, family, email)
}
