package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
)

// readers is who besides their owners, superusers and the role that runs mksync
// reads or changes rows of mksync's tables.
type readers struct {
	roles  []string // everybody: PUBLIC
	tables []string
}

// readersQuery asks Postgres, which knows of memberships, too. TRUNCATE heeds no row
// level security; a policy may let anybody in.
const readersQuery = `
WITH own AS (
	SELECT c.oid, CASE $1 WHEN 'public' THEN '' ELSE $1 || '.' END || c.relname AS name, c.relowner, c.relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS closed,
	       EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0) AS public
	FROM pg_class c
	WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(quote_ident($1)) AND (c.relname = 'metakocka_contact_mappings' OR c.relname LIKE 'mksync\_%')),
reads AS (
	SELECT CASE WHEN o.public AND NOT o.closed THEN 'PUBLIC' ELSE r.rolname::text END AS role, o.name
	FROM own o JOIN pg_roles r ON NOT r.rolsuper AND r.rolname <> current_user AND r.rolname !~ '^pg_' AND NOT pg_has_role(r.oid, o.relowner, 'USAGE')
	WHERE has_table_privilege(r.oid, o.oid, 'TRUNCATE')
	   OR (r.rolbypassrls OR NOT o.closed) AND (has_table_privilege(r.oid, o.oid, 'INSERT, DELETE') OR has_any_column_privilege(r.oid, o.oid, 'SELECT, INSERT, UPDATE')))
SELECT ARRAY(SELECT DISTINCT role FROM reads ORDER BY 1), ARRAY(SELECT DISTINCT name FROM reads ORDER BY 1), EXISTS (SELECT FROM own)`

// open are roles whose rights are those of anybody who finds the database: Postgres's,
// and Supabase's.
var open = []string{"PUBLIC", "anon", "authenticated"}

// checkReaders says who else reads mksync's tables, which hold customers' data; nothing
// where there are none yet.
func checkReaders(ctx context.Context, conn *pgx.Conn, schema string) []Finding {
	var (
		r    readers
		some bool
	)
	err := conn.QueryRow(ctx, readersQuery, schema).Scan(&r.roles, &r.tables, &some)
	switch {
	case err != nil:
		return []Finding{unreadable(nameReaders, err)}
	case !some:
		return nil
	case len(r.roles) == 0:
		return []Finding{ok(nameReaders, coded.Say("doctor.readers.none", "nobody but their owner, superusers and mksync's role"))}
	}
	return []Finding{r.finding()}
}

func (r readers) finding() Finding {
	roles, tables := strings.Join(r.roles, ", "), strings.Join(r.tables, ", ")
	if slices.ContainsFunc(r.roles, func(role string) bool { return slices.Contains(open, role) }) {
		return fail(nameReaders, coded.Say("doctor.readers.world", "customers' data are open to the world: {roles} may read or change {tables}", roles, tables),
			coded.Say("doctor.readers.world_do", "run as the tables' owner: mksync migrate up; then drop policies that let them in"))
	}
	return note(nameReaders, coded.Say("doctor.readers.some", "{roles} may read or change {tables}", roles, tables),
		coded.Say("doctor.readers.some_do", "where that is not meant, run as the tables' owner: REVOKE ALL ON {tables} FROM {roles}", tables, sanitized(r.roles)))
}

func sanitized(roles []string) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = pgx.Identifier{role}.Sanitize()
	}
	return strings.Join(names, ", ")
}
