package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/pgsession"
)

// contactKey is the column that names a contact. Whatever names one in mksync's own tables
// has its type and its collation: so they are compared by its index, and lists that are
// read in pages have one order.
type contactKey struct {
	name      string // quoted
	typ       string // one of store.KeyTypes
	collation string // quoted, of a text; else empty
}

// String is the column as SQL names it.
func (k contactKey) String() string { return k.name }

// keyOf is the contacts' key; *TableError where it is none that mksync can work with.
func keyOf(cfg ContactsConfig, found map[string]column) (contactKey, error) {
	col, there := found[cfg.KeyColumn]
	switch {
	case !there:
		return contactKey{}, &TableError{
			coded.Say("doctor.key.none", "table {table} has no column {column}, by which mksync is to name contacts", cfg.Table, strconv.Quote(cfg.KeyColumn)),
			coded.Say("doctor.key.none_do", "correct MKSYNC_CONTACTS_KEY"),
		}
	case !slices.Contains(store.KeyTypes(), store.KeyType(col.base)):
		return contactKey{}, &TableError{
			coded.Say("doctor.key.type", "column {column} of {table} is of type {type}, and mksync names contacts by {types}", strconv.Quote(cfg.KeyColumn), cfg.Table, col.typ, store.KeyTypesText()),
			coded.Say("doctor.key.type_do", "let MKSYNC_CONTACTS_KEY name such a column"),
		}
	case col.vague:
		return contactKey{}, &TableError{
			coded.Say("doctor.key.vague", "column {column} of {table} has a collation in which different texts are equal ({collation}), so it does not name a contact", strconv.Quote(cfg.KeyColumn), cfg.Table, col.collation),
			coded.Say("doctor.key.vague_do", "give it another collation, or let MKSYNC_CONTACTS_KEY name another column"),
		}
	}
	return contactKey{col.name, col.base, col.collation}, nil
}

// value is an argument, given as a text, as a value of the key's type.
func (k contactKey) value(argument string) string { return argument + "::" + k.typ }

// values is an argument that is a list of texts as rows of one column, id.
func (k contactKey) values(argument string) string {
	return fmt.Sprintf("SELECT v::%s AS id FROM unnest(%s::text[]) AS v", k.typ, argument)
}

// behind is true of what comes behind the argument's value in a list; of everything where
// after, the argument's value, is empty. Nothing but a text is empty, and no contact's key is.
func (k contactKey) behind(column, argument, after string) string {
	if after == "" && !k.isText() {
		return argument + "::text = ''"
	}
	return column + " > " + k.value(argument)
}

func (k contactKey) isText() bool { return store.KeyType(k.typ).IsText() }

// named is true of a row c whose key names a contact, and where there is no row: an empty
// key, or a very long one, stands in no subject.
func (k contactKey) named() string {
	if !k.isText() {
		return "true"
	}
	return fmt.Sprintf("coalesce(octet_length(c.%s) BETWEEN 1 AND %d, true)", k.name, store.LongestKey)
}

// definition is the type of a column that holds keys.
func (k contactKey) definition() string {
	if k.collation == "" {
		return k.typ
	}
	return k.typ + " COLLATE " + k.collation
}

// keyColumns are the columns of mksync's tables that name contacts: the tables, and the
// column of each.
func keyColumns() (tables, columns []string) {
	return []string{"metakocka_contact_mappings", "mksync_answers", "mksync_merges", "mksync_merges", "mksync_replays", "mksync_history", "mksync_left_out", "mksync_two_contacts", "mksync_two_contacts", "mksync_search"},
		[]string{"contact_id", "contact_id", "loser_id", "winner_id", "contact_id", "contact_id", "contact_id", "contact_id", "other_id", "contact_id"}
}

// unfitting are those of the columns that have not the key's type, by table.
func (k contactKey) unfitting(ctx context.Context, db querier, schema string) (map[string][]string, string, error) {
	tables, columns := keyColumns()
	rows, err := db.Query(ctx, `
		SELECT own.tab, own.col, beneath.type::regtype::text, `+ownCollation+`
		FROM unnest($1::text[], $2::text[]) AS own (tab, col)
		JOIN pg_attribute a ON a.attrelid = to_regclass($3 || '.' || own.tab) AND a.attname = own.col AND NOT a.attisdropped
		JOIN pg_type t ON t.oid = a.atttypid `+pgsession.Beneath+`
		LEFT JOIN pg_collation o ON o.oid = a.attcollation`, tables, columns, schema)
	if err != nil {
		return nil, "", fmt.Errorf("read columns of mksync's tables: %w", err)
	}

	var table, name, base, collation, was string
	found := map[string][]string{}
	_, err = pgx.ForEachRow(rows, []any{&table, &name, &base, &collation}, func() error {
		if base != k.typ || collation != k.collation {
			found[table] = append(found[table], name)
			was = contactKey{"", base, collation}.definition()
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("read columns of mksync's tables: %w", err)
	}
	return found, was, nil
}

// fits is a *TableError where mksync's tables name contacts by another type.
func (k contactKey) fits(ctx context.Context, db querier, schema string, cfg ContactsConfig) error {
	found, was, err := k.unfitting(ctx, db, schema)
	if err != nil || len(found) == 0 {
		return err
	}
	return &TableError{
		coded.Say("doctor.key.tables", "mksync's tables name contacts by keys of type {was}, and column {column} of {table} is of type {type}", was, strconv.Quote(cfg.KeyColumn), cfg.Table, k.definition()),
		coded.Say("doctor.key.tables_do", "run `mksync migrate up`, which says what to do where it cannot change them"),
	}
}

// CheckKey is a *TableError where contacts cannot be named by their key, or mksync's tables
// in the schema name them by another type.
func CheckKey(ctx context.Context, conn *pgx.Conn, schema string, cfg ContactsConfig) error {
	found, err := tableColumns(ctx, conn, cfg.quoted())
	if err != nil {
		return err
	}
	key, err := keyOf(cfg, found)
	if err != nil {
		return err
	}
	return key.fits(ctx, conn, schema, cfg)
}

// quoted is the contacts table as SQL names it.
func (c ContactsConfig) quoted() string {
	return pgx.Identifier(strings.Split(c.Table, ".")).Sanitize()
}

// FitKeys gives the columns of mksync's tables in a schema that name contacts the type and the collation
// of the contacts' key. Where they hold rows, only a change that keeps each value is made.
// A contacts table that is not there is somebody else's finding.
// Errors: *TableError.
func FitKeys(ctx context.Context, conn *pgx.Conn, schema string, cfg ContactsConfig) error {
	found, err := tableColumns(ctx, conn, cfg.quoted())
	if err != nil || len(found) == 0 {
		return err
	}
	key, err := keyOf(cfg, found)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, statements{conn, &naming{schema: schema}}, func(tx pgx.Tx) error {
		other, was, err := key.unfitting(ctx, tx, schema)
		if err != nil || len(other) == 0 {
			return err
		}
		if err := key.mayTake(ctx, tx, cfg, was, other); err != nil {
			return err
		}
		return key.alter(ctx, tx, other)
	})
}

// mayTake refuses to change columns that hold values which would be others then.
func (k contactKey) mayTake(ctx context.Context, tx pgx.Tx, cfg ContactsConfig, was string, tables map[string][]string) error {
	from, _, _ := strings.Cut(was, " COLLATE ")
	if store.KeyType(from).Within(store.KeyType(k.typ)) {
		return nil
	}
	for table := range tables {
		var rows bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+table+")").Scan(&rows); err != nil {
			return fmt.Errorf("look into %s: %w", table, err)
		}
		if rows {
			return &TableError{
				coded.Say("doctor.key.other_rows", "table {own} names contacts by keys of type {was}, and column {column} of {table} is of type {type}: its rows are about other contacts", table, was, strconv.Quote(cfg.KeyColumn), cfg.Table, k.definition()),
				coded.Say("doctor.key.other_rows_do", "let MKSYNC_CONTACTS_TABLE and MKSYNC_CONTACTS_KEY name what they were made for, or begin anew: run `mksync migrate down` until nothing is left, and `mksync migrate up`"),
			}
		}
	}
	return nil
}

func (k contactKey) alter(ctx context.Context, tx pgx.Tx, tables map[string][]string) error {
	for table, columns := range tables {
		changes := make([]string, len(columns))
		for i, name := range columns {
			changes[i] = fmt.Sprintf("ALTER COLUMN %s TYPE %s USING %[1]s::text::%s", name, k.definition(), k.typ)
		}
		if _, err := tx.Exec(ctx, "ALTER TABLE "+table+" "+strings.Join(changes, ", ")); err != nil {
			return fmt.Errorf("let table %s name contacts by keys of type %s: %w", table, k.typ, err)
		}
	}
	return nil
}

// KeyType is the type of the contacts' key.
func (s *Store) KeyType() store.KeyType { return store.KeyType(s.table().key.typ) }

// newKeySQL is the SQL that a new row's key comes from: its identity's sequence, or its
// default; empty where it has neither.
const newKeySQL = `SELECT CASE WHEN a.attidentity <> '' THEN format('nextval(%L::regclass)', pg_get_serial_sequence($1, $2))
		ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), '') END
	FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attrelid = to_regclass($1) AND a.attname = $2`

// NewKey is the key of a contact that is to be made: as the table makes it, else a new uuid,
// which is a text as well. It is known before the row is written, so that nobody else works
// on the contact meanwhile. *store.ContactRefusedError: there is no way to a new number.
func (s *Store) NewKey(ctx context.Context) (key string, err error) {
	t := s.table()
	var expression string
	err = s.pool.QueryRow(ctx, newKeySQL, t.table, s.cfg.KeyColumn).Scan(&expression)
	switch {
	case err != nil:
	case expression != "":
		err = s.pool.QueryRow(ctx, "SELECT ("+expression+")::"+t.key.typ+"::text").Scan(&key)
	case store.KeyType(t.key.typ) == store.KeyUUID || t.key.isText():
		return uuid.NewString(), nil
	default:
		return "", &store.ContactRefusedError{Reason: coded.Say("note.refused.no_number", "column {column}, by which contacts are named, has no default that gives a new number", t.key)}
	}
	if err != nil {
		return "", s.stale(ctx, fmt.Errorf("make a new contact's key: %w", t.refusal(err)))
	}
	return key, nil
}
