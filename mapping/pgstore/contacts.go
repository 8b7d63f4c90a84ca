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
	"github.com/crmmind/mksync/pgsession"
)

// Condition is one term of the filter: the column holds one of Values, or with
// Null none and with NotNull any value at all. Conditions are joined by AND.
type Condition struct {
	Column  string
	Values  []string
	Null    bool
	NotNull bool
}

// ContactsConfig describes the CRM's table.
type ContactsConfig struct {
	Table     string // schema.table
	KeyColumn string // of one of store.KeyTypes
	Fields    map[mapping.Field]Place
	// UpdatedAt is set on our writes where there is such a column of a type that
	// holds a time. Zone is the time zone that one without means; empty: UTC.
	UpdatedAt, Zone string
	Filter          []Condition
	Insert          map[string]string // values of other columns of new contacts
}

type column struct {
	plain     string // its name
	name      string // quoted
	number    int16  // another one in its place has another
	typ       string // as format_type gives it
	base      string // its type, of a domain the one below, without a modifier
	nullable  bool
	defaulted bool   // the table gives it a value
	text      bool   // of a type of texts, which has an empty one
	limit     int    // in characters; 0: none
	generated bool   // the database computes it
	computed  bool   // it is generated, or an identity: it cannot be written
	collation string // quoted; empty: it has none, or the database's own
	vague     bool   // different texts are equal in it
}

// contacts holds the SQL for the contacts table as it is now. It is rebuilt
// when the table's columns change under us.
type contacts struct {
	table  string // quoted
	key    contactKey
	fields []mapping.Field
	places map[mapping.Field]place
	read   []column          // those of the fields, one after another
	all    map[string]column // by name
	// constraints are the names of the columns that each is about.
	constraints map[string][]string
	updatedAt   string    // quoted; empty: no such column, or of a type that holds no time
	zone        string    // quoted: of an updatedAt without a time zone; else empty
	width       int16     // how many columns the table has ever had
	configured  string    // the configured filter, SQL over alias c
	filter      string    // which contacts are synced: configured, and no person leaves them out
	args        []any     // of the filter, from $2
	demands     []setting // for a new contact: what the filter asks by equality, and is configured
}

// readContacts looks the table up. A configured column that does not exist is
// a field that is not synced; key and name must exist.
func readContacts(ctx context.Context, pool ownPool, cfg ContactsConfig) (*contacts, error) {
	ident := pgx.Identifier(strings.Split(cfg.Table, "."))
	c := &contacts{table: ident.Sanitize(), places: map[mapping.Field]place{}}
	if err := pool.QueryRow(ctx, "SELECT coalesce("+c.widthSQL()+", 0)").Scan(&c.width); err != nil {
		return nil, fmt.Errorf("look up table %s: %w", cfg.Table, err)
	}

	found, err := tableColumns(ctx, pool, ident.Sanitize())
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &TableError{coded.Say("doctor.table.unseen", "table {table} does not exist or may not be read", cfg.Table), coded.Say("doctor.table.unseen_do", "check MKSYNC_CONTACTS_TABLE and the role's rights")}
	}

	if c.key, err = keyOf(cfg, found); err != nil {
		return nil, err
	}
	if err := c.key.fits(ctx, pool, pool.schema, cfg); err != nil {
		return nil, err
	}
	c.all = found
	if c.constraints, err = readConstraints(ctx, pool, c.table); err != nil {
		return nil, err
	}

	for _, f := range mapping.Fields() {
		switch at, missing := cfg.Fields[f].find(f, found); {
		case len(missing) == 0:
			at.first = len(c.read)
			c.fields = append(c.fields, f)
			c.places[f] = at
			c.read = append(c.read, at.columns...)
		case f == mapping.FieldName:
			return nil, &TableError{coded.Say("doctor.table.nameless", "table {table} has no column {column} for the contact's name", cfg.Table, strconv.Quote(strings.Join(missing, ", "))), coded.Say("doctor.table.nameless_do", "set fields.name")}
		}
	}

	if err := c.setUpdatedAt(ctx, pool, cfg, found[cfg.UpdatedAt]); err != nil {
		return nil, err
	}
	if err := c.setFilter(cfg, found); err != nil {
		return nil, err
	}
	return c, c.setInsert(cfg, found)
}

// setUpdatedAt uses the column of the last change where its type allows that.
func (c *contacts) setUpdatedAt(ctx context.Context, pool ownPool, cfg ContactsConfig, col column) error {
	switch col.base {
	case "timestamp with time zone":
		c.updatedAt = col.name
	case "timestamp without time zone":
		zone := cfg.Zone
		if zone == "" {
			zone = "UTC"
		}
		_, err := pool.Exec(ctx, "SELECT now() AT TIME ZONE $1::text", zone)
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "22023" {
			return &TableError{coded.Say("doctor.table.zone", "the database knows no time zone {zone}", strconv.Quote(zone)), coded.Say("doctor.table.zone_do", "correct MKSYNC_CONTACTS_UPDATED_AT_ZONE")}
		}
		if err != nil {
			return fmt.Errorf("look up time zone: %w", err)
		}
		c.updatedAt = col.name
		c.zone = "'" + strings.ReplaceAll(zone, "'", "''") + "'"
	}
	return nil
}

// changedSQL reads when the contact was last changed; null where that says nothing.
func (c *contacts) changedSQL() string {
	switch {
	case c.updatedAt == "":
		return "NULL::timestamptz"
	case c.zone == "":
		return fmt.Sprintf("CASE WHEN isfinite(c.%[1]s) THEN c.%[1]s END", c.updatedAt)
	}
	return fmt.Sprintf("CASE WHEN isfinite(c.%[1]s) THEN c.%[1]s AT TIME ZONE %[2]s END", c.updatedAt, c.zone)
}

// widthSQL counts the columns that the table has ever had: with a column that
// is added it grows.
func (c *contacts) widthSQL() string {
	return "(SELECT relnatts FROM pg_class WHERE oid = to_regclass('" + strings.ReplaceAll(c.table, "'", "''") + "'))"
}

// ownCollation is that of a column with collation o, quoted, where it is not the database's.
const ownCollation = "CASE WHEN o.collname <> 'default' THEN format('%I.%I', o.collnamespace::regnamespace, o.collname) ELSE '' END"

func tableColumns(ctx context.Context, db querier, table string) (map[string]column, error) {
	rows, err := db.Query(ctx, `
		SELECT attname, attnum, format_type(atttypid, atttypmod), beneath.type::regtype::text, NOT (attnotnull OR beneath.filled),
			CASE WHEN beneath.type IN ('varchar'::regtype, 'bpchar'::regtype) THEN greatest(atttypmod, beneath.typmod, 4) - 4 ELSE 0 END,
			attgenerated <> '', attgenerated <> '' OR attidentity = 'a', atthasdef OR attidentity <> '' OR t.typdefault IS NOT NULL, typcategory = 'S',
			`+ownCollation+`, NOT coalesce(o.collisdeterministic, true)
		FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid `+pgsession.Beneath+`
		LEFT JOIN pg_collation o ON o.oid = a.attcollation
		WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`, table)
	if err != nil {
		return nil, fmt.Errorf("read columns of contacts: %w", err)
	}

	found := map[string]column{}
	var c column
	_, err = pgx.ForEachRow(rows, []any{
		&c.plain, &c.number, &c.typ, &c.base, &c.nullable, &c.limit, &c.generated, &c.computed, &c.defaulted, &c.text, &c.collation, &c.vague,
	}, func() error {
		c.name = pgx.Identifier{c.plain}.Sanitize()
		found[c.plain] = c
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read columns of contacts: %w", err)
	}
	return found, nil
}

func (c *contacts) setFilter(cfg ContactsConfig, found map[string]column) error {
	terms := []string{c.key.named()}

	for _, cond := range cfg.Filter {
		col, ok := found[cond.Column]
		if !ok {
			return &TableError{What: coded.Say("doctor.table.filter", "filter: table {table} has no column {column}", cfg.Table, strconv.Quote(cond.Column))}
		}
		switch {
		case cond.NotNull:
			terms = append(terms, "c."+col.name+" IS NOT NULL")
			continue
		case cond.Null:
			terms = append(terms, "c."+col.name+" IS NULL")
			continue
		}

		c.args = append(c.args, cond.Values)
		if len(cond.Values) == 1 && !col.computed {
			c.demands = append(c.demands, setting{col, cond.Values[0]})
		}
		terms = append(terms, fmt.Sprintf("coalesce(c.%s::text = ANY($%d), false)", col.name, len(c.args)+1))
	}

	c.configured = strings.Join(terms, " AND ")
	c.filter = c.configured + " AND NOT " + leftOutSQL("c."+c.key.name)
	return nil
}

// setInsert takes over the values of other columns of new contacts.
func (c *contacts) setInsert(cfg ContactsConfig, found map[string]column) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Insert)) {
		col, ok := found[name]
		if !ok {
			return &TableError{What: coded.Say("doctor.table.insert", "insert: table {table} has no column {column}", cfg.Table, strconv.Quote(name))}
		}
		c.demands = append(c.demands, setting{col, cfg.Insert[name]})
	}
	return nil
}

// selectList reads every synced column as text, in the order of c.read.
func (c *contacts) selectList() string {
	list := make([]string, len(c.read))
	for i, col := range c.read {
		list[i] = "c." + col.name + "::text"
	}
	return strings.Join(list, ", ")
}

// updateSQL writes values when the row still holds what was read. Arguments: key, the new
// values, the values read for c.read.
func (c *contacts) updateSQL(settings []setting) string {
	set := make([]string, 0, len(settings)+1)
	for i, s := range settings {
		set = append(set, fmt.Sprintf("%s = CAST($%d::text AS %s)", s.column.name, i+2, s.column.typ))
	}
	switch {
	case c.zone != "":
		set = append(set, c.updatedAt+" = now() AT TIME ZONE "+c.zone)
	case c.updatedAt != "":
		set = append(set, c.updatedAt+" = now()")
	}
	return fmt.Sprintf("UPDATE %s AS c SET %s WHERE %s RETURNING %s",
		c.table, strings.Join(set, ", "), c.unchangedSQL(len(settings)+2), c.selectList())
}

// deleteSQL removes the row when it still holds what was read. Arguments: key,
// the values read for c.read.
func (c *contacts) deleteSQL() string {
	return fmt.Sprintf("DELETE FROM %s AS c WHERE %s", c.table, c.unchangedSQL(2))
}

// unchangedSQL is true of the row $1 while it holds the values read for c.read,
// which are the arguments from first on.
func (c *contacts) unchangedSQL(first int) string {
	where := []string{"c." + c.key.name + " = $1"}
	for i, col := range c.read {
		where = append(where, fmt.Sprintf("c.%s::text IS NOT DISTINCT FROM $%d::text", col.name, i+first))
	}
	return strings.Join(where, " AND ")
}

// insertSQL adds a contact with the given values, of two for a column with the first, and
// tells its key and whether the configured filter takes it. Arguments: key, the filter's, the values.
func (c *contacts) insertSQL(settings []setting) (sql string, args []any) {
	args = append([]any{nil}, c.args...)
	names, casts := []string{c.key.name}, []string{"$1"}
	for _, s := range settings {
		if slices.Contains(names, s.column.name) {
			continue
		}
		args = append(args, s.value)
		names = append(names, s.column.name)
		casts = append(casts, fmt.Sprintf("CAST($%d::text AS %s)", len(args), s.column.typ))
	}
	return fmt.Sprintf("INSERT INTO %s AS c (%s) OVERRIDING SYSTEM VALUE VALUES (%s) RETURNING %s, c.%s::text, %s",
		c.table, strings.Join(names, ", "), strings.Join(casts, ", "), c.selectList(), c.key.name, c.configured), args
}

// matchSQL finds contacts that may be a partner's, as matchColumns: by the digits of its
// tax number, its e-mails (in canonical form), or as one that waits with these keys or with
// its name; those with the number first, those with the name last. A living link keeps from
// that, but where the contact is left out. What is found is compared afterwards.
func (c *contacts) matchSQL(metakockaID string, keys mapping.MatchKeys) (sql string, args []any) {
	args = append([]any{keys.Number}, c.args...) // the filter's are from $2
	next := len(args) + 1
	args = append(args, keys.Emails, keys.Names(), metakockaID, keys.ByName())

	digits := fmt.Sprintf("regexp_replace(%s, '[^0-9]', '', 'g')", c.textOf(mapping.FieldTaxNumber))
	byNumber := fmt.Sprintf("($1::text <> '' AND (%[1]s = $1 OR length(%[1]s) = 11 AND left(%[1]s, 8) = $1))", digits)
	byEmail := fmt.Sprintf("EXISTS (SELECT FROM unnest($%d::text[]) AS e WHERE position(e IN lower(%s)) > 0)", next, c.textOf(mapping.FieldEmail))
	waits := fmt.Sprintf("m.held_keys && $%d::text[]", next+1)
	return fmt.Sprintf(`SELECT %[1]s FROM %[2]s
		WHERE (m.metakocka_id IS NULL OR m.`+tombstone+` OR NOT (%[3]s)) AND (%[4]s OR %[5]s OR %[6]s OR m.held_keys && $%[7]d::text[])
			AND NOT EXISTS (SELECT FROM mksync_answers a WHERE a.contact_id = c.%[8]s AND a.metakocka_id = $%[9]d)
		ORDER BY coalesce(%[4]s, false) DESC, coalesce(%[5]s OR %[6]s, false) DESC, c.%[8]s LIMIT 20`,
		c.matchColumns(), c.matchTables(), c.filter, byNumber, byEmail, waits, next+3, c.key.name, next+2), args
}

// matchColumns and matchTables are what collectMatch reads.
func (c *contacts) matchColumns() string {
	return fmt.Sprintf(`c.%[1]s::text, coalesce(m.metakocka_id, ''), coalesce(m.sync_status, ''), m.intent IS NOT NULL, NOT (%[2]s),
		ARRAY(SELECT metakocka_id FROM mksync_answers a WHERE a.contact_id = c.%[1]s), %[3]s`, c.key.name, c.filter, c.selectList())
}

func (c *contacts) matchTables() string {
	return fmt.Sprintf("%s AS c LEFT JOIN metakocka_contact_mappings m ON m.contact_id = c.%s", c.table, c.key.name)
}

func (c *contacts) collectMatch(rows pgx.Rows) ([]store.MatchContact, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.MatchContact, error) {
		var m store.MatchContact
		raw := make([]*string, len(c.read))
		err := row.Scan(append([]any{&m.ID, &m.MetaKockaID, &m.Status, &m.Unresolved, &m.LeftOut, &m.Not}, scanTargets(raw)...)...)
		m.Contact = c.contact(raw)
		return m, err
	})
}

// textOf is the value in a row c, as text, of a field that is always in one column; null
// where the table has no column for it.
func (c *contacts) textOf(f mapping.Field) string {
	if p, ok := c.places[f]; ok {
		return "c." + p.columns[0].name + "::text"
	}
	return "NULL::text"
}

// contact makes a Contact of the text values read for c.read.
func (c *contacts) contact(raw []*string) mapping.Contact { return c.written(raw).Located() }

func (c *contacts) known(fields []mapping.Field) []mapping.Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f mapping.Field) bool {
		_, ok := c.places[f]
		return !ok
	})
}

func scanTargets(raw []*string) []any {
	targets := make([]any, len(raw))
	for i := range raw {
		targets[i] = &raw[i]
	}
	return targets
}
