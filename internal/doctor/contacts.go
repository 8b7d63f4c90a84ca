package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/pgsession"
)

// contacts is the contacts table as it is, and as it is configured.
type contacts struct {
	cfg      Database
	role     string
	deletes  bool // the role may delete rows
	security bool // row level security applies to the role
	fills    bool // a trigger may give a new row values
	key      keyFacts
	columns  []column
}

type column struct {
	name      string
	typ       string
	base      string // the type, of a domain the one below
	category  string // of the type: pg_type.typcategory
	required  bool   // NOT NULL without a default
	generated bool   // cannot be written
	updates   bool   // the role may update it
	inserts   bool   // the role may insert it
}

const contactsQuery = `
SELECT current_user, has_table_privilege(c.oid, 'DELETE'), row_security_active(c.oid),
       EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 7 = 7), -- before insert, each row
       a.attname, format_type(a.atttypid, a.atttypmod),
       beneath.type::regtype::text, t.typcategory::text,
       (a.attnotnull OR beneath.filled) AND t.typdefault IS NULL AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = '',
       a.attgenerated <> '' OR a.attidentity = 'a',
       has_column_privilege(c.oid, a.attnum, 'UPDATE'), has_column_privilege(c.oid, a.attnum, 'INSERT')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
` + pgsession.Beneath + `
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')
ORDER BY a.attnum`

// checkContacts looks at the columns and rights of the contacts table. A table
// that is not there is the listener's finding, and nothing here.
func checkContacts(ctx context.Context, conn *pgx.Conn, cfg Database) ([]Finding, error) {
	t := contacts{cfg: cfg}
	schema, table, qualified := strings.Cut(cfg.Table, ".")
	if !qualified {
		schema, table = "public", cfg.Table
	}

	rows, err := conn.Query(ctx, contactsQuery, schema, table)
	if err != nil {
		return nil, err
	}
	var c column
	_, err = pgx.ForEachRow(rows, []any{
		&t.role, &t.deletes, &t.security, &t.fills, &c.name, &c.typ, &c.base, &c.category, &c.required, &c.generated, &c.updates, &c.inserts,
	}, func() error {
		t.columns = append(t.columns, c)
		return nil
	})
	if err != nil || len(t.columns) == 0 {
		return nil, err
	}

	if t.key, err = lookAtKey(ctx, conn, cfg, schema, table); err != nil {
		return nil, err
	}
	return t.findings(), nil
}

// keyFacts are about the column that names contacts.
type keyFacts struct {
	refused                       *pgstore.TableError // why contacts cannot be named by it; nil: they can
	unique, nullable, partitioned bool
	closed                        string // sequences that give new contacts their keys, and that the role may not use
}

const keyQuery = `
SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
       NOT a.attnotnull, c.relkind = 'p',
       coalesce((SELECT string_agg(s.oid::regclass::text, ', ') FROM pg_class s
                 WHERE CASE s.relkind WHEN 'S' THEN NOT has_sequence_privilege(s.oid, 'USAGE, UPDATE') END AND (
                       EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype = 'i'
                               AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum)
                    OR EXISTS (SELECT FROM pg_attrdef f JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refobjid = s.oid
                               WHERE f.adrelid = c.oid AND f.adnum = a.attnum))), '')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $3 AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = $1 AND c.relname = $2`

// lookAtKey tells nothing of a key that is not there: that is the listener's finding.
func lookAtKey(ctx context.Context, conn *pgx.Conn, cfg Database, schema, table string) (k keyFacts, err error) {
	err = conn.QueryRow(ctx, keyQuery, schema, table, cfg.KeyColumn).Scan(&k.unique, &k.nullable, &k.partitioned, &k.closed)
	if errors.Is(err, pgx.ErrNoRows) {
		return k, nil
	}
	if err != nil {
		return k, err
	}
	err = pgstore.CheckKey(ctx, conn, cfg.Installation.Schema, pgstore.ContactsConfig{Table: schema + "." + table, KeyColumn: cfg.KeyColumn})
	if errors.As(err, &k.refused) {
		return k, nil
	}
	return k, err
}

func (t contacts) findings() []Finding {
	var found []Finding
	for _, check := range []func() (Finding, bool){
		t.checkKey, t.checkFields, t.checkTypes, t.checkFilter, t.checkRights, t.checkSecurity, t.checkSequence, t.checkNew, t.checkUpdatedAt,
	} {
		if f, say := check(); say {
			found = append(found, f)
		}
	}
	return found
}

func (t contacts) column(name string) (column, bool) {
	i := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name })
	if i < 0 {
		return column{}, false
	}
	return t.columns[i], true
}

// checkKey: a key column that is missing is the listener's finding.
func (t contacts) checkKey() (Finding, bool) {
	key, exists := t.column(t.cfg.KeyColumn)
	if !exists {
		return Finding{}, false
	}
	add := fmt.Sprintf("ALTER TABLE %s ADD UNIQUE (%s)", t.cfg.Table, pgx.Identifier{key.name}.Sanitize())
	switch k := t.key; {
	case k.refused != nil:
		return fail(nameKey, k.refused.What, k.refused.Do), true
	case k.nullable:
		return fail(nameKey, coded.Say("doctor.key.nullable", "column \"{column}\" of {table} may be empty, and names no contact then", key.name, t.cfg.Table),
			coded.Say("doctor.key.nullable_do", "let contacts_key name a column that is unique and not null")), true
	case !k.unique && k.partitioned: // which cannot have such an index, unless it is partitioned by the key
		return note(nameKey, coded.Say("doctor.key.partitioned", "column \"{column}\" of {table} is unique in each partition at most: two rows with one key are one contact", key.name, t.cfg.Table),
			coded.Say("doctor.key.partitioned_do", "see that the CRM never gives one key twice")), true
	case !k.unique:
		return fail(nameKey, coded.Say("doctor.key.not_unique", "column \"{column}\" of {table} is not unique: two rows with one key are one contact", key.name, t.cfg.Table),
			coded.Say("doctor.key.not_unique_do", "run as its owner: {statement}, or let contacts_key name another column", add)), true
	}
	return ok(nameKey, verbatim(key.name+" "+key.typ)), true
}

// checkFields: a field without a column of its own name is not synced, which may be meant
// so; a column that the configuration names, and the name, cannot be missing.
func (t contacts) checkFields() (Finding, bool) {
	var absent, gone, stuck []string
	synced := 0
	for _, field := range mapping.Fields() {
		configured, wanted := t.cfg.Fields[field]
		if !wanted {
			continue
		}
		missing := t.missing(configured)
		switch {
		case len(missing) > 0 && field == mapping.FieldName:
			return fail(nameFields, coded.Say("doctor.fields.name", "{table} has no column \"{columns}\" for the contact's name", t.cfg.Table, strings.Join(missing, ", ")),
				coded.Say("doctor.fields.name_do", "name its column, or the columns of given and family name, in the configuration: fields.name")), true
		case len(missing) > 0 && !field.GoesByItsName(slices.Concat(configured.Read, configured.Also)):
			gone = append(gone, describe(field, missing))
			continue
		case len(missing) > 0:
			absent = append(absent, describe(field, missing))
			continue
		}
		if computed := t.computed(configured); len(computed) > 0 && configured.Written {
			stuck = append(stuck, describe(field, computed))
		}
		synced++
	}

	if len(gone) > 0 {
		return fail(nameFields, coded.Say("doctor.fields.gone", "the configuration names columns that {table} does not have, so these fields are not synced: {named}", t.cfg.Table, strings.Join(gone, ", ")),
			coded.Say("doctor.fields.gone_do", "correct their columns under fields in the configuration and restart mksync, or set the direction of these fields to off")), true
	}

	if len(stuck) > 0 {
		return note(nameFields, coded.Say("doctor.fields.computed", "Postgres computes the column of {named}: it is read and never written, so edits made in MetaKocka do not arrive in it", strings.Join(stuck, ", ")),
			coded.Say("doctor.fields.computed_do", "set the direction of these fields to to_metakocka, or leave it so")), true
	}

	if len(absent) > 0 {
		return note(nameFields, coded.Say("doctor.fields.absent", "{count} synced; not synced, for the table has no such column: {named}", synced, strings.Join(absent, ", ")),
			coded.Say("doctor.fields.absent_do", "name their columns under fields in the configuration, or leave it so")), true
	}

	return ok(nameFields, coded.Say("doctor.fields.synced", "{count} synced", synced)), true
}

// missing are the columns of a field that the table lacks.
func (t contacts) missing(f Columns) []string {
	return slices.DeleteFunc(slices.Concat(f.Read, f.Also), func(name string) bool {
		_, exists := t.column(name)
		return exists
	})
}

// computed are the columns of a field that cannot be written.
func (t contacts) computed(f Columns) []string {
	return slices.DeleteFunc(slices.Concat(f.Read, f.Also), func(name string) bool {
		c, _ := t.column(name)
		return !c.generated
	})
}

// describe is a field, with its columns where they have another name.
func describe(field mapping.Field, columns []string) string {
	switch {
	case len(columns) == 1 && string(field) == columns[0]:
		return columns[0]
	case len(columns) == 1:
		return fmt.Sprintf("%s (column %s)", field, columns[0])
	}
	return fmt.Sprintf("%s (columns %s)", field, strings.Join(columns, ", "))
}

// checkTypes: a column takes a partner's texts where it is of a type of texts, or one of
// words; numbers can be tax numbers and postal codes.
func (t contacts) checkTypes() (Finding, bool) {
	var unfit []string
	for _, field := range mapping.Fields() {
		configured := t.cfg.Fields[field]
		for _, name := range slices.Concat(configured.Read, configured.Also) {
			c, exists := t.column(name)
			numbers := field == mapping.FieldTaxNumber || field == mapping.FieldAddress
			fits := c.category == "S" || c.category == "E" || c.category == "N" && numbers
			if exists && configured.Written && !c.generated && !fits {
				unfit = append(unfit, fmt.Sprintf("%s (column %s, %s)", field, name, c.typ))
			}
		}
	}
	return fail(nameFields, coded.Say("doctor.fields.unfit", "texts cannot be written into the column of {named}", strings.Join(unfit, ", ")),
		coded.Say("doctor.fields.unfit_do", "name other columns for these fields, or set their direction to to_metakocka or off")), len(unfit) > 0
}

func (t contacts) checkFilter() (Finding, bool) {
	var absent []string
	for _, name := range t.cfg.Filter {
		if _, exists := t.column(name); !exists {
			absent = append(absent, name)
		}
	}
	if len(absent) > 0 {
		return fail(nameFilter, coded.Say("doctor.filter.absent", "{table} has no column {columns}", t.cfg.Table, strings.Join(absent, ", ")),
			coded.Say("doctor.filter.absent_do", "correct filter in the configuration")), true
	}
	return ok(nameFilter, coded.Say("doctor.filter.there", "its columns are there: {columns}", strings.Join(t.cfg.Filter, ", "))), len(t.cfg.Filter) > 0
}

// written are the columns mksync writes; with the key for a new contact.
func (t contacts) written() []column {
	var list []column
	for _, field := range mapping.Fields() {
		configured := t.cfg.Fields[field]
		for _, name := range slices.Concat(configured.Read, configured.Also) {
			if c, exists := t.column(name); exists && configured.Written && !c.generated {
				list = append(list, c)
			}
		}
	}
	if c, exists := t.column(t.cfg.UpdatedAt); exists && c.holdsTime() {
		list = append(list, c)
	}
	return list
}

// checkRights: the right to read is the listener's finding.
func (t contacts) checkRights() (Finding, bool) {
	var updates, inserts []string
	denied := coded.Text{}
	for _, c := range t.written() {
		if !c.updates {
			updates = append(updates, c.name)
		}
		if !c.inserts && c.name != t.cfg.UpdatedAt {
			inserts = append(inserts, c.name)
		}
	}

	if len(updates) > 0 {
		denied = denied.And(coded.Say("doctor.rights.update", "update {columns}", strings.Join(updates, ", ")))
	}
	for _, name := range append(slices.Clone(t.cfg.Insert), t.cfg.KeyColumn) {
		if c, exists := t.column(name); exists && !c.inserts {
			inserts = append(inserts, name)
		}
	}
	if len(inserts) > 0 {
		denied = denied.And(coded.Say("doctor.rights.insert", "insert rows"))
	}

	rights := "INSERT, UPDATE"
	if t.cfg.Deletes {
		rights += ", DELETE"
		if !t.deletes {
			denied = denied.And(coded.Say("doctor.rights.delete", "delete rows (remote_delete_policy is delete)"))
		}
	}

	if !denied.IsZero() {
		return fail(nameRights, coded.Say("doctor.rights.denied", "role \"{role}\" lacks rights on {table}: {cause}", t.role, t.cfg.Table, denied),
			asOwner(fmt.Sprintf("GRANT SELECT, %s ON %s TO %s", rights, t.cfg.Table, pgx.Identifier{t.role}.Sanitize()))), true
	}
	return ok(nameRights, coded.Say("doctor.rights.granted", "role \"{role}\" may read and write", t.role)), true
}

// The types of a column that holds a time.
const (
	typeZoned   = "timestamp with time zone"
	typeUnzoned = "timestamp without time zone"
)

func (c column) holdsTime() bool { return c.base == typeZoned || c.base == typeUnzoned }

// checkUpdatedAt: a column that holds no time, or one in a zone that only the CRM knows.
func (t contacts) checkUpdatedAt() (Finding, bool) {
	c, exists := t.column(t.cfg.UpdatedAt)
	switch {
	case exists && !c.holdsTime():
		return note(nameUpdatedAt, coded.Say("doctor.updated_at.no_time", "column {column} is of type {type} and holds no time: it is neither read nor set", c.name, c.typ),
			coded.Say("doctor.updated_at.no_time_do", "name another in contacts_updated_at, or leave it so")), true
	case exists && c.base == typeUnzoned:
		return note(nameUpdatedAt, coded.Say("doctor.updated_at.no_zone", "column {column} has no time zone; mksync reads and sets it in {zone}", c.name, t.cfg.Zone),
			coded.Say("doctor.updated_at.no_zone_do", "set contacts_updated_at_zone if the CRM means another")), true
	}
	return Finding{}, false
}

func (t contacts) checkSecurity() (Finding, bool) {
	return fail(nameSecurity, coded.Say("doctor.security.applies", "row level security of {table} applies to role \"{role}\", so contacts can be hidden from it", t.cfg.Table, t.role),
		coded.Say("doctor.security.applies_do", "run as a superuser: {statement}, or use the table's owner", "ALTER ROLE "+pgx.Identifier{t.role}.Sanitize()+" BYPASSRLS")), t.security
}

// checkSequence: mksync asks for a new contact's key before it writes the row, also where an
// identity would give it by itself.
func (t contacts) checkSequence() (Finding, bool) {
	f := note(nameNew, coded.Say("doctor.new.sequence", "partners cannot be imported as new contacts: role \"{role}\" may not use the sequence {sequence}, which gives them their keys", t.role, t.key.closed),
		asOwner(fmt.Sprintf("GRANT USAGE ON SEQUENCE %s TO %s", t.key.closed, pgx.Identifier{t.role}.Sanitize())))
	if t.cfg.Imports {
		f.Status = Fail
	}
	return f, t.key.closed != ""
}

// checkNew: what a new contact needs and nobody gives keeps partners from being
// imported. A trigger may give it after all.
func (t contacts) checkNew() (Finding, bool) {
	given := append(slices.Concat(t.cfg.Insert, t.cfg.Filter), t.cfg.UpdatedAt)
	if key, _ := t.column(t.cfg.KeyColumn); key.base == "uuid" || key.base == "text" || key.base == "character varying" {
		given = append(given, key.name) // a new uuid, where nothing else gives one
	}
	for _, c := range t.written() {
		given = append(given, c.name)
	}
	var lacking []string
	for _, c := range t.columns {
		if c.required && !slices.Contains(given, c.name) {
			lacking = append(lacking, c.name)
		}
	}

	columns := strings.Join(lacking, ", ")
	lacks := coded.Say("doctor.new.lacks", "partners cannot be imported as new contacts: a row needs {columns}, which nobody fills", columns)
	do := coded.Say("doctor.new.lacks_do", "give these columns a value under insert in the configuration, or a default in the table")
	switch {
	case t.fills:
		perhaps := coded.Say("doctor.new.perhaps", "a new contact needs {columns}: without a trigger of the table that fills it, partners cannot be imported", columns)
		return note(nameNew, perhaps, do), len(lacking) > 0
	case t.cfg.Imports:
		return fail(nameNew, lacks, do), len(lacking) > 0
	}
	return note(nameNew, lacks, do), len(lacking) > 0
}

// asOwner is a statement that the owner of what it is about has to run.
func asOwner(statement string) coded.Text {
	return coded.Say("doctor.do.owner", "run as its owner: {statement}", statement)
}
