package migrations

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Installation is whose tables they are, and where.
type Installation struct {
	Schema string `json:"-"` // of mksync's own tables

	Instance      string `json:"instance"` // "": without a name
	ContactsTable string `json:"contacts_table"`
	CompanyID     string `json:"company_id"` // in MetaKocka; "": not known
	Slot          string `json:"slot"`
	Publication   string `json:"publication"`
}

// recordKey is where the installation is in mksync_state.
const recordKey = "installation"

// Other is an installation in another schema of the same database.
type Other struct {
	Installation
	Told bool // else an earlier version made its tables, which told nothing
	Seen bool // else this role may not read them
}

// String names it for people.
func (o Other) String() string {
	if o.Instance == "" {
		return "the installation in schema " + o.Schema
	}
	return fmt.Sprintf("the instance %s in schema %s", o.Instance, o.Schema)
}

// sameAs: it is this installation, under another setting, or one that does the same. Of one
// that tells nothing that is to be feared.
func (i Installation) sameAs(o Other) bool {
	switch {
	case !o.Seen:
		return false
	case !o.Told || o.Instance == i.Instance:
		return true
	}
	return i.Twin(o)
}

// Twin reports whether both sync the same contacts with the same company, which would
// make two partners of each contact.
func (i Installation) Twin(o Other) bool {
	return o.Told && table(o.ContactsTable) == table(i.ContactsTable) && (o.CompanyID == "" || i.CompanyID == "" || o.CompanyID == i.CompanyID)
}

// table is a table's name with its schema.
func table(name string) string {
	if name == "" || strings.Contains(name, ".") {
		return name
	}
	return "public." + name
}

// ErrElsewhere says that mksync's tables are there, but not where they are looked for:
// with empty ones every contact would be matched, and many made, a second time.
var ErrElsewhere = errors.New("mksync's tables are elsewhere")

// elsewhere is ErrElsewhere where an installation in another schema may be this one, and
// mksync_state is not in the schema.
func (i Installation) elsewhere(ctx context.Context, db *sql.DB) error {
	there, told, err := i.read(ctx, db, i.Schema)
	switch {
	case err != nil:
		return err
	case there && told.Told && told.Instance != i.Instance:
		return fmt.Errorf("%w: the tables in schema %s are those of %s, and MKSYNC_INSTANCE is %q: "+
			"set it back, or give this one a schema of its own; if it is the same installation under a new name: mksync migrate move", ErrElsewhere, i.Schema, told, i.Instance)
	case there:
		return nil
	}
	others, err := i.others(ctx, db)
	if err != nil {
		return err
	}
	for _, o := range others {
		if i.sameAs(o) {
			return i.stop(o)
		}
	}
	return nil
}

func (i Installation) stop(o Other) error {
	const why = "new ones would match and make every contact a second time"
	switch {
	case o.Told && o.Instance != i.Instance:
		company := "with the same company"
		if o.CompanyID == "" || i.CompanyID == "" {
			company = "with a company that is not told to be another (MKSYNC_METAKOCKA_COMPANY_ID)"
		}
		return fmt.Errorf("%w: %s syncs %s, %s; %s. Set MKSYNC_INSTANCE and MKSYNC_SCHEMA back to it, or move it here: mksync migrate move --from %s",
			ErrElsewhere, o, i.ContactsTable, company, why, o.Schema)
	case !o.Told && i.Instance != "":
		return fmt.Errorf("%w: the schema %s holds tables of an earlier version, which do not tell whether they are this installation's; %s. "+
			"Start the other one once with this version (mksync run --migrate), or, if it is this one: mksync migrate move --from %s", ErrElsewhere, o.Schema, why, o.Schema)
	}
	return fmt.Errorf("%w: they are in schema %s, and MKSYNC_SCHEMA is %s; %s. Set it to %[2]s, or move them: mksync migrate move", ErrElsewhere, o.Schema, i.Schema, why)
}

// Others are the installations in other schemas of the database.
func (i Installation) Others(ctx context.Context, databaseURL string) ([]Other, error) {
	db, err := open(databaseURL, i.Schema)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return i.others(ctx, db)
}

const othersSQL = `SELECT n.nspname FROM pg_namespace n WHERE n.nspname <> $1 AND n.nspname NOT LIKE 'pg\_temp%'
	AND (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'r'
		AND c.relname IN ('mksync_state', 'mksync_migrations', 'metakocka_contact_mappings')) = 3 ORDER BY 1`

func (i Installation) others(ctx context.Context, db querier) ([]Other, error) {
	rows, err := db.QueryContext(ctx, othersSQL, i.Schema)
	if err != nil {
		return nil, fmt.Errorf("look for other installations: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var schemas []string
	for rows.Next() {
		var schema string
		if err := rows.Scan(&schema); err != nil {
			return nil, fmt.Errorf("look for other installations: %w", err)
		}
		schemas = append(schemas, schema)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for other installations: %w", err)
	}

	var all []Other
	for _, schema := range schemas {
		there, o, err := i.read(ctx, db, schema)
		if err != nil {
			return nil, err
		}
		if there {
			all = append(all, o)
		}
	}
	return all, nil
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// read reads whose the tables in a schema are.
func (i Installation) read(ctx context.Context, db querier, schema string) (there bool, o Other, err error) {
	o.Schema = schema
	name := pgx.Identifier{schema, "mksync_state"}.Sanitize()
	err = db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL, coalesce(has_schema_privilege(to_regnamespace(quote_ident($2)), 'USAGE')
		AND has_table_privilege(to_regclass($1), 'SELECT') AND NOT row_security_active(to_regclass($1)), false)`, name, schema).Scan(&there, &o.Seen)
	if err != nil || !there || !o.Seen {
		return there, o, err
	}

	var record []byte
	err = db.QueryRowContext(ctx, "SELECT value FROM "+name+" WHERE key = $1", recordKey).Scan(&record)
	if errors.Is(err, sql.ErrNoRows) {
		return true, o, nil
	}
	if err == nil {
		err = json.Unmarshal(record, &o.Installation)
		o.Told = true
	}
	if err != nil {
		return true, o, fmt.Errorf("read whose the tables in schema %s are: %w", schema, err)
	}
	return true, o, nil
}

// Note notes whose the tables are, which must be there.
func (i Installation) Note(ctx context.Context, databaseURL string) error {
	db, err := open(databaseURL, i.Schema)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return i.note(ctx, db)
}

// note notes whose the tables are. What is not known now stays as it was known.
func (i Installation) note(ctx context.Context, db execer) error {
	record, err := json.Marshal(i)
	if err == nil {
		_, err = db.ExecContext(ctx, "INSERT INTO "+pgx.Identifier{i.Schema, "mksync_state"}.Sanitize()+` AS s (key, value) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET updated_at = now(), value = excluded.value ||
				CASE WHEN excluded.value->>'company_id' = '' THEN jsonb_build_object('company_id', s.value->'company_id') ELSE '{}' END
			WHERE s.value <> excluded.value`, recordKey, string(record))
	}
	if err != nil {
		return fmt.Errorf("note whose mksync's tables are: %w", err)
	}
	return nil
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}
