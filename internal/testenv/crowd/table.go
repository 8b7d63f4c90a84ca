package crowd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka/sim"
)

// Table is the contacts table as the crowd knows it.
type Table struct {
	// world makes the table in an empty database, and mksync's role with what it needs.
	World func(t testing.TB, url string, opts sim.Options) *world.World
	NewID func(n int) string // of contact n

	// columns are those that a value is typed into. What they hold, one behind the other, is
	// the field's value.
	columns func(f mapping.Field, v string) []entry
	// typed is what people type who would type v: n makes it their own.
	typed func(f mapping.Field, v string, n int) string
	// takes reports whether the table takes a value that mksync brings.
	takes func(f mapping.Field, v string) bool

	argument   string  // a value in SQL, where its number comes
	of         []entry // of a new contact, besides its fields
	changedAt  string
	out        []string // each takes a contact out of the filter
	back       string   // takes it in again
	Hide, Show string   // row level security, for mksync's role
}

// entry is a column, and what is typed into it.
type entry struct{ column, value string }

// insert adds a contact, if it is not there.
func (t Table) insert(ctx context.Context, tx pgx.Tx, id string, c mapping.Contact) error {
	all := slices.Clone(t.of)
	for _, f := range crowdFields {
		all = append(all, t.columns(f, c.Get(f))...)
	}
	names, values, args := []string{"id"}, []string{"$1"}, []any{id}
	for _, col := range all {
		args = append(args, col.value)
		names, values = append(names, col.column), append(values, fmt.Sprintf(t.argument, len(args)))
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("INSERT INTO contacts (%s) VALUES (%s) ON CONFLICT (id) DO NOTHING",
		strings.Join(names, ", "), strings.Join(values, ", ")), args...)
	return err
}

// update sets fields of a contact.
func (t Table) update(ctx context.Context, tx pgx.Tx, id string, c mapping.Contact, fields ...mapping.Field) error {
	set, args := []string{t.changedAt + " = now()"}, []any{id}
	for _, f := range fields {
		for _, col := range t.columns(f, c.Get(f)) {
			args = append(args, col.value)
			set = append(set, col.column+" = "+fmt.Sprintf(t.argument, len(args)))
		}
	}
	_, err := tx.Exec(ctx, "UPDATE contacts SET "+strings.Join(set, ", ")+" WHERE id = $1", args...)
	return err
}

// crowdFields are those that the crowd edits.
var crowdFields = slices.DeleteFunc(mapping.Fields(), func(f mapping.Field) bool { return f == mapping.FieldWebsite })

// all reads every contact, what is in several columns as one would hold it.
func (t Table) all(ctx context.Context, db *pgxpool.Pool) (map[string]mapping.Contact, error) {
	exprs := []string{"id::text"}
	for _, f := range crowdFields {
		between := map[mapping.Field]string{mapping.FieldName: " ", mapping.FieldAddress: ", "}[f]
		expr := "concat_ws('" + between + "'"
		for _, col := range t.columns(f, "") {
			expr += ", nullif(" + col.column + ", '')"
		}
		exprs = append(exprs, expr+")")
	}

	rows, err := db.Query(ctx, "SELECT "+strings.Join(exprs, ", ")+" FROM contacts")
	if err != nil {
		return nil, err
	}

	all := map[string]mapping.Contact{}
	var id string
	values, to := make([]string, len(crowdFields)), []any{&id}
	for i := range values {
		to = append(to, &values[i])
	}
	_, err = pgx.ForEachRow(rows, to, func() error {
		var c mapping.Contact
		for i, f := range crowdFields {
			c.Set(f, values[i])
		}
		all[id] = c
		return nil
	})
	return all, err
}

// serviceRole is the service's in the database.
const serviceRole = "mksync"

// Plain is the table as mksync expects it. mksync's role owns it, so that row level
// security holds where it is forced.
func Plain() Table {
	return Table{
		World:     plainWorld,
		NewID:     func(int) string { return uuid.NewString() },
		columns:   func(f mapping.Field, v string) []entry { return []entry{{string(f), v}} },
		typed:     func(_ mapping.Field, v string, _ int) string { return v },
		takes:     func(mapping.Field, string) bool { return true },
		argument:  "nullif($%d, '')",
		changedAt: "updated_at",
		out:       []string{"active = false", "deleted_at = now()", "active = false, deleted_at = now()"},
		back:      "active = true, deleted_at = NULL",
		Hide:      "ALTER TABLE contacts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
		Show:      "ALTER TABLE contacts DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
	}
}

// WideCountries has the plain table take countries that are written out.
const WideCountries = "ALTER TABLE contacts ALTER COLUMN country TYPE text"

// filterConfig leaves out contacts that are inactive, and those that are deleted softly.
const filterConfig = `filter:
  - active: true
  - deleted_at: null
`

func plainWorld(t testing.TB, url string, opts sim.Options) *world.World {
	t.Helper()
	testenv.Exec(t, url, "CREATE ROLE "+serviceRole+" LOGIN REPLICATION PASSWORD 'x'")
	testenv.Exec(t, url, "ALTER DATABASE crm OWNER TO "+serviceRole)
	testenv.Exec(t, url, "GRANT ALL ON SCHEMA public TO "+serviceRole) // before Postgres 15 it is not the database's owner's
	ofRole := world.AsRole(t, url, serviceRole)
	require.NoError(t, world.PrepareDatabase(t.Context(), ofRole))

	w := world.NewAt(t, url, opts)
	w.Config.DatabaseURL = config.Secret(ofRole)
	w.Exec(WideCountries)
	w.Exec("ALTER TABLE contacts ADD COLUMN active boolean NOT NULL DEFAULT true, ADD COLUMN deleted_at timestamptz")
	w.File = filepath.Join(t.TempDir(), "mksync.yaml")
	require.NoError(t, os.WriteFile(w.File, []byte(filterConfig), 0o600))
	w.WhenWriting("INSERT OR UPDATE", "NEW.email := lower(NEW.email);")
	return w
}

// Guest is the table of a CRM that was there before mksync, whose role owns nothing of
// it. Who is left out belongs to another organization.
func Guest() Table {
	const ours, theirs = "5f0c0000-0000-4000-8000-000000000001", "5f0c0000-0000-4000-8000-000000000002"
	return Table{
		World: func(t testing.TB, url string, opts sim.Options) *world.World {
			t.Helper()
			return world.NewCRMAt(t, url, serviceRole, opts, "")
		},
		NewID:     func(n int) string { return fmt.Sprintf("K-%d/š.*> 1", n) },
		columns:   guestColumns,
		typed:     guestTyped,
		takes:     guestTakes,
		argument:  "$%d",
		of:        []entry{{"organization_id", ours}, {"status", "active"}},
		changedAt: "updatedat",
		out:       []string{"organization_id = '" + theirs + "'"},
		back:      "organization_id = '" + ours + "'",
		Hide:      "ALTER ROLE " + serviceRole + " NOBYPASSRLS",
		Show:      "ALTER ROLE " + serviceRole + " BYPASSRLS",
	}
}

// guestColumns are the columns of a field. Some people type an address into the one of its
// street, all of it.
func guestColumns(f mapping.Field, v string) []entry {
	switch f {
	case mapping.FieldName:
		given, family, _ := strings.Cut(strings.TrimSpace(v), " ")
		return []entry{{"firstname", given}, {"lastname", family}}
	case mapping.FieldAddress:
		a := mapping.ParseAddress(v)
		if a.City == "" || len(v)%3 == 0 {
			a = mapping.Address{Street: v}
		}
		return []entry{{"address", a.Street}, {"city", a.City}, {"postal_code", a.PostNumber}}
	case mapping.FieldCompanyName:
		return []entry{{"company", v}}
	case mapping.FieldEmail, mapping.FieldPhone, mapping.FieldCountry, mapping.FieldTaxNumber, mapping.FieldNotes, mapping.FieldWebsite:
	}
	return []entry{{string(f), v}}
}

// guestTyped: whoever has no e-mail gets one that no other contact has, for the form asks
// for it; of an address, what its columns hold is what there is.
func guestTyped(f mapping.Field, v string, n int) string {
	switch {
	case f == mapping.FieldEmail && !guestTakes(f, v):
		return fmt.Sprintf("brez%d@", n)
	case f == mapping.FieldAddress:
		var filled []string
		for _, col := range guestColumns(f, v) {
			if col.value != "" {
				filled = append(filled, col.value)
			}
		}
		return strings.Join(filled, ", ")
	}
	return v
}

// guestTakes: an e-mail has an @, and nobody else's.
func guestTakes(f mapping.Field, v string) bool {
	return f != mapping.FieldEmail || strings.Contains(v, "@") && v != "ana@"
}
