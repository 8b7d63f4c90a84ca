package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/migrations"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const password = "geheim-4711-geheim"

// rig is a database with contacts, a data directory and a simulator.
type rig struct {
	t   *testing.T
	url string // of a superuser
	erp *httptest.Server
	cfg doctor.Config
}

func newRig(t *testing.T, options sim.Options) *rig {
	t.Helper()
	r := &rig{t: t, url: testenv.DB(t)}
	simulator := sim.New(options)
	r.erp = httptest.NewServer(simulator)
	t.Cleanup(r.erp.Close)
	t.Cleanup(simulator.Close)
	fields := map[mapping.Field]doctor.Columns{}
	for _, f := range mapping.Fields() {
		fields[f] = doctor.Columns{Read: []string{string(f)}, Written: true}
	}
	name := testenv.SlotName(t)
	r.cfg = doctor.Config{
		Database: doctor.Database{
			URL: r.url, Table: "public.contacts", KeyColumn: "id", UpdatedAt: "updated_at",
			Fields: fields, Slot: name, Publication: name, Installation: migrations.Installation{Schema: "public"},
			Alerts: []store.AlertChannel{store.AlertMail},
		},
		NATS: doctor.NATS{DataDir: t.TempDir(), Replicas: 1},
		MetaKocka: doctor.MetaKocka{
			URL: r.erp.URL + sim.BasePath, CompanyID: sim.DefaultCompanyID, SecretKey: sim.DefaultSecretKey,
		},
	}
	return r
}

func (r *rig) exec(sql string) {
	r.t.Helper()
	testenv.Exec(r.t, r.url, sql)
}

// role lets the doctor come as a role of its own that may do what options say.
func (r *rig) role(options string) string {
	r.t.Helper()
	name := testenv.SlotName(r.t)
	r.exec("CREATE ROLE " + name + " LOGIN PASSWORD '" + password + "' " + options)
	r.t.Cleanup(func() {
		r.exec("DROP OWNED BY " + name)
		r.exec("DROP ROLE " + name)
	})
	u, err := url.Parse(r.url)
	require.NoError(r.t, err)
	u.User = url.UserPassword(name, password)
	r.cfg.Database.URL = u.String()
	return name
}

// only leaves one side to look at.
func (r *rig) only(name string) *rig {
	for side, skip := range map[string]*coded.Text{
		"database": &r.cfg.Database.Skip, "NATS": &r.cfg.NATS.Skip, "MetaKocka": &r.cfg.MetaKocka.Skip,
	} {
		if side != name {
			*skip = coded.Say("doctor.test", "this test is about {name}", name)
		}
	}
	return r
}

type result struct {
	t     *testing.T
	found []doctor.Finding
	hints []doctor.Hint
}

func (r *rig) run() result {
	r.t.Helper()
	res := result{t: r.t}
	res.hints = doctor.Run(r.t.Context(), r.cfg, func(f doctor.Finding) { res.found = append(res.found, f) })
	all, err := json.Marshal([]any{res.found, res.hints})
	require.NoError(r.t, err)
	for _, secret := range []string{password, r.cfg.MetaKocka.SecretKey} {
		if secret != "" {
			require.NotContains(r.t, string(all), secret)
		}
	}
	for _, f := range res.found {
		require.NotContains(r.t, f.Line(), "\n")
	}
	return res
}

func (r result) named(name string) doctor.Finding {
	r.t.Helper()
	for _, f := range r.found {
		if f.Name == name {
			return f
		}
	}
	require.Failf(r.t, "no such finding", "%s in %v", name, r.found)
	return doctor.Finding{}
}

// is checks a finding's status and that it holds the texts.
func (r result) is(name string, status doctor.Status, texts ...string) {
	r.t.Helper()
	f := r.named(name)
	require.Equal(r.t, status, f.Status, f.Line())
	for _, text := range texts {
		require.Contains(r.t, f.Detail+" -> "+f.Do, text)
	}
	require.Equal(r.t, status == doctor.Fail || status == doctor.Note, f.Do != "", f.Line())
}

// statuses are the names that have the status.
func (r result) statuses(status doctor.Status) []string {
	var names []string
	for _, f := range r.found {
		if f.Status == status {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestEverythingInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{})
	role := r.role("REPLICATION")
	r.exec("GRANT CREATE ON SCHEMA public TO " + role)
	r.exec("DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO " + role + "', current_database()); END $$")
	testenv.ContactsTable(t, r.url)
	r.exec("ALTER TABLE contacts OWNER TO " + role)

	res := r.run()
	require.Empty(t, res.statuses(doctor.Fail))
	require.Empty(t, res.statuses(doctor.Skipped))
	res.is("mksync's tables", doctor.Note, "not there yet", "mksync migrate up")

	_, err := migrations.Up(t.Context(), r.cfg.Database.URL, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	res = r.run()
	require.Empty(t, res.statuses(doctor.Fail))
	require.Empty(t, res.statuses(doctor.Note))
	require.Empty(t, res.hints)
	for _, name := range []string{
		"database connection", "wal_level", "replication right", "slot", "publication", "replica identity",
		"contacts table", "key column", "contact fields", "contacts rights", "mksync's tables",
		"NATS", "data directory", "MetaKocka address", "MetaKocka key",
	} {
		res.is(name, doctor.OK)
	}
	res.is("mksync's tables", doctor.OK, "up to date in schema public")
}

func TestFieldsThatMetaKockaDropsAreNoted(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	testenv.ContactsTable(t, r.url)
	_, err := migrations.Up(t.Context(), r.url, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	r.exec(`INSERT INTO mksync_state (key, value) VALUES ('unkept', '{"since": {"website": "2026-03-01T00:00:00Z", "notes": "2026-03-01T00:00:00Z"}}')`)
	res := r.run()
	require.Empty(t, res.statuses(doctor.Fail))
	res.is("fields not kept", doctor.Note, "drops what is sent to it: [notes website]", "tried again once a day")
}

func TestNothingIsChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{})
	testenv.ContactsTable(t, r.url)
	r.cfg.NATS.DataDir = filepath.Join(t.TempDir(), "not", "there")
	res := r.run()
	res.is("data directory", doctor.OK, "will be made")
	require.NoFileExists(t, r.cfg.NATS.DataDir)
	steps, err := migrations.Look(t.Context(), r.url, r.cfg.Database.Installation)
	require.NoError(t, err)
	require.False(t, steps[0].Applied)
	conn, err := pgx.Connect(t.Context(), r.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var n int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_publication)
		+ (SELECT count(*) FROM pg_replication_slots WHERE database = current_database())
		+ (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'contacts')`).Scan(&n))
	require.Zero(t, n)
}

func TestAMissingServerDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{})
	r.cfg.Database.URL = "postgres://u:" + password + "@127.0.0.1:1/crm"
	res := r.run()
	res.is("database connection", doctor.Fail, "no Postgres at 127.0.0.1:1", "connection refused", "MKSYNC_DATABASE_URL")
	res.is("MetaKocka key", doctor.OK)
	res.is("data directory", doctor.OK)
	require.Len(t, res.statuses(doctor.Fail), 1)

	u, err := url.Parse(r.url)
	require.NoError(t, err)
	u.User = url.UserPassword("postgres", password)
	r.cfg.Database.URL = u.String()
	r.only("database").run().is("database connection", doctor.Fail, "refuses the password")
	u, _ = url.Parse(r.url)
	u.Path = "/nothing"
	r.cfg.Database.URL = u.String()
	r.run().is("database connection", doctor.Fail, `database "nothing" does not exist`)
}

func TestRoleWithoutRights(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	testenv.ContactsTable(t, r.url)
	role := r.role("")
	r.exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	res := r.run()
	res.is("replication right", doctor.Fail, "may not replicate", "REPLICATION")
	res.is("contacts table", doctor.Fail, "may not read", "GRANT SELECT")
	res.is("mksync's tables", doctor.Fail, "may not create tables in schema public", "GRANT USAGE, CREATE ON SCHEMA")
	res.is("contacts rights", doctor.Fail, "lacks rights on public.contacts: update name, company_name", "; insert rows", "GRANT SELECT, INSERT, UPDATE ON public.contacts TO")
	require.Empty(t, res.hints, "a server on this machine is not hosted")

	_, err := migrations.Up(t.Context(), r.url, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	r.exec("GRANT SELECT, INSERT, UPDATE ON contacts TO " + role)
	r.cfg.Database.Deletes = true
	res = r.run()
	res.is("mksync's tables", doctor.Fail, "may not read and write metakocka_contact_mappings, mksync_alerts, mksync_answers, mksync_conflicts",
		"mksync_migrations", `OWNER TO "`+role)
	res.is("other readers", doctor.OK)
	res.is("publication", doctor.Fail, "may not make it")
	res.is("contacts table", doctor.OK)
	res.is("contacts rights", doctor.Fail, "delete rows", "DELETE ON public.contacts")
	r.exec("GRANT DELETE ON contacts TO " + role)
	testenv.OwnTables(t, r.url, role)
	r.exec("ALTER TABLE contacts ENABLE ROW LEVEL SECURITY")
	res = r.run()
	res.is("contacts rights", doctor.OK)
	res.is("mksync's tables", doctor.OK)
	res.is("row level security", doctor.Fail, "can be hidden", "BYPASSRLS")
}

// TestWhoElseReadsTheTables: whoever finds the database is a failure, one role a note.
func TestWhoElseReadsTheTables(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	testenv.ContactsTable(t, r.url)
	role := r.role("BYPASSRLS")
	r.cfg.Database.URL = r.url
	_, err := migrations.Up(t.Context(), r.url, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	r.exec("GRANT SELECT ON contacts TO PUBLIC")
	r.run().is("other readers", doctor.OK, "nobody but")
	r.exec("GRANT SELECT (hash) ON mksync_partners TO " + role)
	r.run().is("other readers", doctor.Note, role+" may read or change mksync_partners", "REVOKE ALL ON mksync_partners FROM \""+role)
	r.exec("GRANT SELECT ON mksync_state TO PUBLIC; ALTER TABLE mksync_state DISABLE ROW LEVEL SECURITY")
	r.run().is("other readers", doctor.Fail, "open to the world", "PUBLIC", "mksync_state", "mksync migrate up")
	_, err = migrations.Up(t.Context(), r.url, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	r.run().is("other readers", doctor.Note, "mksync_partners")
	r.exec("ALTER ROLE " + role + " NOBYPASSRLS")
	r.run().is("other readers", doctor.OK)
	r.exec("CREATE POLICY open ON mksync_partners USING (true)")
	r.run().is("other readers", doctor.Note)
}

func TestContactsTableOfAnotherShape(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	res := r.run()
	res.is("contacts table", doctor.Fail, "does not exist")
	require.NotContains(t, res.statuses(doctor.OK), "contact fields")

	r.exec(`CREATE TABLE contacts (id bigint PRIMARY KEY DEFAULT 1, full_name text, status text NOT NULL, updated_at bigint,
		email text GENERATED ALWAYS AS (lower(full_name)) STORED)`)
	r.cfg.Database.Filter = []string{"status", "kind"}
	res = r.run()
	res.is("key column", doctor.OK, "id bigint")
	res.is("contact fields", doctor.Fail, `no column "name"`, "fields.name")
	res.is("filter", doctor.Fail, "no column kind")

	r.cfg.Database.Fields[mapping.FieldName] = doctor.Columns{Read: []string{"full_name"}, Written: true}
	r.cfg.Database.Fields[mapping.FieldPhone] = doctor.Columns{Read: []string{"telephone"}, Written: true}
	r.run().is("contact fields", doctor.Fail, "does not have", "phone (column telephone)", "correct their columns")
	delete(r.cfg.Database.Fields, mapping.FieldPhone)
	r.run().is("contact fields", doctor.Note, "computes the column of email", "never written", "to_metakocka")
	r.cfg.Database.Fields[mapping.FieldEmail] = doctor.Columns{Read: []string{"email"}}
	res = r.run()
	res.is("contact fields", doctor.Note, "2 synced", "no such column: company_name, address")
	require.NotContains(t, res.statuses(doctor.Note), "new contacts", "the filter gives the status")
	r.cfg.Database.Filter = nil
	r.run().is("new contacts", doctor.Note, "a row needs status", "under insert", "default")
	res.is("last change", doctor.Note, "type bigint and holds no time", "contacts_updated_at")

	r.exec("ALTER TABLE contacts ALTER updated_at TYPE timestamp USING NULL")
	r.cfg.Database.Zone = "Europe/Ljubljana"
	r.run().is("last change", doctor.Note, "no time zone", "in Europe/Ljubljana", "contacts_updated_at_zone")
}

// TestContactsTableInParts: fields of several columns, columns that texts cannot be written
// into, and what a new contact needs besides.
func TestContactsTableInParts(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	role := r.role("REPLICATION")
	r.exec(`CREATE TYPE land AS ENUM ('SI'); CREATE DOMAIN word AS text NOT NULL; CREATE DOMAIN mail AS word CHECK (value LIKE '%@%');
		CREATE TABLE contacts (id uuid PRIMARY KEY, firstname text NOT NULL, lastname varchar(20), full_name text, email mail, country land,
		tax_number numeric, postal_code integer, city text, phone bigint, notes jsonb, company_name text[], status text NOT NULL, tenant int NOT NULL, origin mail)`)
	r.exec("GRANT SELECT, INSERT, UPDATE (lastname, email) ON contacts TO " + role)
	fields := r.cfg.Database.Fields
	fields[mapping.FieldName] = doctor.Columns{Read: []string{"firstname", "lastname"}, Also: []string{"full_name"}, Written: true}
	fields[mapping.FieldAddress] = doctor.Columns{Read: []string{"city", "postal_code"}, Written: true}
	r.cfg.Database.Insert = []string{"status"}
	r.cfg.Database.Imports = true
	res := r.run()
	res.is("contact fields", doctor.Note, "not synced, for the table has no such column: website")
	require.Contains(t, res.statuses(doctor.Fail), "contact fields", "and another one of that name")

	// A column that the configuration names is not left out on purpose.
	was := fields[mapping.FieldPhone]
	fields[mapping.FieldPhone] = doctor.Columns{Read: []string{"gsm"}, Written: true}
	r.run().is("contact fields", doctor.Fail, "does not have", "phone (column gsm)", "correct their columns")
	fields[mapping.FieldPhone] = was

	require.Contains(t, fmt.Sprint(res.found), "texts cannot be written into the column of company_name (column company_name, text[]), phone (column phone, bigint), notes (column notes, jsonb)")
	res.is("contacts rights", doctor.Fail, "lacks rights on public.contacts: update firstname, full_name", "GRANT SELECT, INSERT, UPDATE ON public.contacts")
	res.is("new contacts", doctor.Fail, "a row needs tenant, origin, which nobody fills")

	r.exec("CREATE TRIGGER f BEFORE INSERT ON contacts FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()")
	fields[mapping.FieldName] = doctor.Columns{Read: []string{"firstname", "surname"}, Also: []string{"whole"}, Written: true}
	res = r.run()
	res.is("new contacts", doctor.Note, "a new contact needs tenant, origin", "trigger")
	res.is("contact fields", doctor.Fail, `no column "surname, whole"`)
}

func TestSchemaThatIsOldOrNew(t *testing.T) {
	t.Parallel()
	r := newRig(t, sim.Options{}).only("database")
	_, err := migrations.Up(t.Context(), r.url, migrations.Installation{Schema: "public"})
	require.NoError(t, err)
	r.exec("INSERT INTO mksync_migrations (version_id, is_applied) VALUES (99999, true)")
	r.run().is("mksync's tables", doctor.Fail, "newer mksync")
	r.exec("DELETE FROM mksync_migrations WHERE version_id > 0")
	r.run().is("mksync's tables", doctor.Note, "not there yet")
}
