package pgstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// What the contacts table does not take is said in the words of fields: its constraints
// name columns.

// constraintsSQL gives the columns that each constraint and each unique index of the table
// is about; an index of expressions depends on them.
const constraintsSQL = `
	SELECT conname::text, ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = conrelid AND a.attnum = ANY (conkey) ORDER BY 1)
	FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype IN ('c', 'f')
	UNION
	SELECT c.relname::text, ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = i.indrelid AND (a.attnum = ANY (i.indkey) OR EXISTS (
		SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid = a.attnum)) ORDER BY 1)
	FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = to_regclass($1) AND i.indisunique`

// readConstraints are the columns of the table's constraints, by name.
func readConstraints(ctx context.Context, pool ownPool, table string) (map[string][]string, error) {
	rows, err := pool.Query(ctx, constraintsSQL, table)
	if err != nil {
		return nil, fmt.Errorf("read constraints of contacts: %w", err)
	}
	found := map[string][]string{}
	var name string
	var columns []string
	_, err = pgx.ForEachRow(rows, []any{&name, &columns}, func() error {
		found[name] = slices.Clone(columns)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read constraints of contacts: %w", err)
	}
	return found, nil
}

// fieldWords are the fields as people call them.
var fieldWords = map[mapping.Field]string{
	mapping.FieldName: "name", mapping.FieldCompanyName: "company name", mapping.FieldEmail: "e-mail", mapping.FieldPhone: "phone",
	mapping.FieldAddress: "address", mapping.FieldCountry: "country", mapping.FieldTaxNumber: "tax number",
	mapping.FieldNotes: "notes", mapping.FieldWebsite: "website",
}

// about says in words what a constraint is about, each field once; "value" where that is
// not known.
func (c *contacts) about(constraint string) string {
	var words []string
	for _, name := range c.constraints[constraint] {
		word := "value in column " + name
		if c.all[name].name == c.key.name {
			word = "key"
		}
		for f, p := range c.places {
			if slices.ContainsFunc(p.columns, func(col column) bool { return col.plain == name }) {
				word = fieldWords[f]
			}
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return "value"
	}
	return strings.Join(words, " and ")
}

// refusal turns an error of the contact's own statement into a
// store.ContactRefusedError, whatever the database's words: its constraints,
// rights and triggers speak in codes of their own, too. Only what is about more
// than this contact, and may pass, stays as it is.
func (c *contacts) refusal(err error) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return &store.ContactRefusedError{Reason: swallowed}
	case !errors.As(err, &pg) || away(err) || passing(pg) || ofTable(pg):
		return err
	}
	return &store.ContactRefusedError{Reason: c.refusalReason(pg)}
}

// insertRefusal is refusal for a new contact, which was given the columns in names.
func (c *contacts) insertRefusal(err error, names []string) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "23502" || raisedBy(pg) != "" {
		return c.refusal(err)
	}

	// All that is lacking at once, as one after another is found by one import each.
	lacking := []string{pg.ColumnName}
	for _, name := range slices.Sorted(maps.Keys(c.all)) {
		col := c.all[name]
		if !col.nullable && !col.defaulted && !col.computed && name != pg.ColumnName && !slices.Contains(names, col.name) {
			lacking = append(lacking, name)
		}
	}
	if len(lacking) > 1 {
		return &store.ContactRefusedError{Reason: coded.Say("note.refused.lacking_many", "columns {columns} are required and the partner has no values for them: give them one under insert in the configuration, or a default in the table", strings.Join(quoted(lacking), ", "))}
	}
	return &store.ContactRefusedError{Reason: coded.Say("note.refused.lacking", "column {column} is required and the partner has no value for it: give it one under insert in the configuration, or a default in the table", strconv.Quote(lacking[0]))}
}

func quoted(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%q", name)
	}
	return list
}

// deleteRefusal is refusal for a contact's deletion.
func (c *contacts) deleteRefusal(err error) error {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return &store.ContactRefusedError{Reason: coded.Say("note.refused.delete", "the database keeps it: a trigger or row level security does not let it be deleted")}
	case errors.As(err, &pg) && pg.Code[:2] == "23":
		return &store.ContactRefusedError{Reason: coded.Say("note.refused.delete_constraint", "constraint {constraint} keeps it", strconv.Quote(pg.ConstraintName))}
	}
	return c.refusal(err)
}
