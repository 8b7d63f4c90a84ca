package cdc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crmmind/mksync/coded"
)

// requirement is one thing the listener needs; problem is nil when it is there.
type requirement struct {
	name    string
	problem func(Config, facts) *SetupError
	detail  func(Config, facts) coded.Text
}

// requirements are in the order in which a person would put them right.
var requirements = []requirement{
	{"server", serverProblem, func(_ Config, f facts) coded.Text {
		return coded.Say("doctor.server.version", "version {version}", f.server.version/10000)
	}},
	{"wal_level", walLevelProblem, func(_ Config, f facts) coded.Text { return verbatim(f.server.walLevel) }},
	{"synchronous_standby_names", synchronousProblem, func(Config, facts) coded.Text { return coded.Text{} }},
	{"table", tableProblem, func(c Config, _ facts) coded.Text { return verbatim(c.Table) }},
	{"replica identity", identityProblem, identityDetail},
	{"partitions", partitionsProblem, partitionsDetail},
	{"publication", publicationProblem, publicationDetail},
	{"slot", slotProblem, slotDetail},
	{"synchronized_standby_slots", awayProblem, func(Config, facts) coded.Text { return coded.Text{} }},
	{"max_replication_slots", slotsProblem, func(_ Config, f facts) coded.Text {
		return coded.Say("doctor.slots.used", "{used} of {most} in use", f.server.slotsUsed, f.server.slotsMax)
	}},
}

// firstProblem is the first requirement that is not met, as an error.
func firstProblem(cfg Config, f facts) error {
	for _, r := range requirements {
		if p := r.problem(cfg, f); p != nil {
			return p
		}
	}
	return nil
}

// refusal is the first problem with which the listener does not begin. A flawed
// partition is none any more once the table is published: all others go on, and
// what can be done about it is told. A standby that is away comes back.
func refusal(cfg Config, f facts) error {
	f.server.away = ""
	if f.pub.hasTable {
		f.table.partFlaw = ""
	}
	return firstProblem(cfg, f)
}

func serverProblem(_ Config, f facts) *SetupError {
	switch {
	case f.server.standby:
		return &SetupError{
			What: coded.Say("doctor.server.standby", "the server is a standby, which accepts no publication"),
			Do:   coded.Say("doctor.server.standby_do", "let the database URL name the primary"),
		}
	case f.server.version < minVersion:
		return &SetupError{
			What: coded.Say("doctor.server.old", "Postgres {version} is too old", f.server.version/10000),
			Do:   coded.Say("doctor.server.old_do", "use version {version} or newer", minVersion/10000),
		}
	}
	return nil
}

func walLevelProblem(_ Config, f facts) *SetupError {
	if f.server.walLevel == "logical" {
		return nil
	}
	return &SetupError{
		What: coded.Say("doctor.wal_level.other", "wal_level is \"{level}\" instead of \"logical\"", f.server.walLevel),
		Do:   coded.Say("doctor.wal_level.other_do", "run as a superuser: ALTER SYSTEM SET wal_level = 'logical', then restart Postgres"),
	}
}

func tableProblem(cfg Config, f facts) *SetupError {
	switch {
	case !f.table.found:
		return &SetupError{
			What: coded.Say("doctor.table.none", "table {table} does not exist in database \"{database}\"", cfg.Table, f.server.database),
			Do:   coded.Say("doctor.table.none_do", "correct the table's name or the database URL"),
		}
	case kindProblem(cfg, f) != nil:
		return kindProblem(cfg, f)
	case f.table.keyType == 0:
		return &SetupError{
			What: coded.Say("doctor.table.no_key", "table {table} has no column \"{column}\"", cfg.Table, cfg.KeyColumn),
			Do:   coded.Say("doctor.table.no_key_do", "correct the name of the key column"),
		}
	case !f.table.selectable:
		return &SetupError{
			What: coded.Say("doctor.table.closed", "role \"{role}\" may not read {table}", f.server.role, cfg.Table),
			Do: asOwner(fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s",
				quoteIdent(cfg.schema()), quoteIdent(f.server.role), cfg.quotedTable(), quoteIdent(f.server.role))),
		}
	}

	return nil
}

// kindProblem keeps out what Postgres lets somebody read and change, but whose
// changes it does not log, or not under this name.
func kindProblem(cfg Config, f facts) *SetupError {
	switch {
	case f.table.kind == "v" || f.table.kind == "m":
		return &SetupError{
			What: coded.Say("doctor.table.view", "{table} is a view: Postgres does not log the changes of a view's rows", cfg.Table),
			Do:   coded.Say("doctor.table.view_do", "name the table behind it"),
		}
	case f.table.kind == "f":
		return &SetupError{
			What: coded.Say("doctor.table.foreign", "{table} is a foreign table: its rows are in another server's log", cfg.Table),
			Do:   coded.Say("doctor.table.foreign_do", "let the database URL name that server"),
		}
	case f.table.persistence == "t":
		return &SetupError{
			What: coded.Say("doctor.table.temporary", "{table} is a temporary table: Postgres does not log its changes", cfg.Table),
			Do:   coded.Say("doctor.table.temporary_do", "name the table that keeps the rows"),
		}
	case f.table.persistence == "u":
		return &SetupError{
			What: coded.Say("doctor.table.unlogged", "table {table} is unlogged: Postgres does not log its changes, and empties it after a crash", cfg.Table),
			Do:   asOwner(fmt.Sprintf("ALTER TABLE %s SET LOGGED", cfg.quotedTable())),
		}
	case f.table.children:
		return &SetupError{
			What: coded.Say("doctor.table.children", "other tables inherit from {table}: reading it shows their rows, but Postgres logs their changes under their own names", cfg.Table),
			Do:   coded.Say("doctor.table.children_do", "end the inheritance (ALTER TABLE child NO INHERIT), or make them partitions"),
		}
	}

	return nil
}

// identityProblem keeps a table out whose updates Postgres would refuse, or whose
// deletes would not tell the key, once it is published.
func identityProblem(cfg Config, f facts) *SetupError {
	if f.table.flaw == "" {
		return nil
	}
	p := flawOf(cfg, cfg.Table, cfg.quotedTable(), f.table.flaw)
	if f.table.flaw == flawIdentity || f.table.flaw == flawKey {
		p.Do = coded.Say("doctor.flaw.identity_do", "run as its owner: ALTER TABLE {table} ADD PRIMARY KEY ({column}) (or ALTER TABLE {table} REPLICA IDENTITY FULL)",
			cfg.quotedTable(), quoteIdent(cfg.KeyColumn))
	}
	return p
}

// partitionsProblem looks at the partitions: each has a replica identity of its own,
// whatever the table's is.
func partitionsProblem(cfg Config, f facts) *SetupError {
	if f.table.partFlaw == "" {
		return nil
	}
	p := flawOf(cfg, "partition "+f.table.part, f.table.part, f.table.partFlaw)
	if n := f.table.flawed - 1; n > 0 {
		p.Do = coded.Say("doctor.flaw.more_do", "{cause}; {count} more partitions need the like", p.Do, n)
	}
	return p
}

// flawOf says what is wrong with a table or a partition, and what to do.
func flawOf(cfg Config, name, quoted, flaw string) *SetupError {
	full := "ALTER TABLE " + quoted + " REPLICA IDENTITY FULL"

	switch flaw {
	case flawForeign:
		return &SetupError{
			What: coded.Say("doctor.flaw.foreign", "{table} is a foreign table: its rows are in another server's log, and their changes would be missed", name),
			Do:   coded.Say("doctor.flaw.foreign_do", "run as the owner of {table}: ALTER TABLE {quoted} DETACH PARTITION {partition}", cfg.Table, cfg.quotedTable(), quoted),
		}
	case flawUnlogged:
		return &SetupError{
			What: coded.Say("doctor.flaw.unlogged", "{table} is unlogged: its changes are not in the log and would be missed", name),
			Do:   asOwner("ALTER TABLE " + quoted + " SET LOGGED"),
		}
	case flawDeferrable:
		return &SetupError{
			What: coded.Say("doctor.flaw.deferrable", "the key of {table} is DEFERRABLE, so Postgres does not take it for a replica identity and refuses every UPDATE and DELETE of its rows while it is published", name),
			Do:   coded.Say("doctor.flaw.deferrable_do", "run as its owner: {statement} (or make the key anew, not deferrable)", full),
		}
	case flawIdentity:
		return &SetupError{
			What: coded.Say("doctor.flaw.no_identity", "column \"{column}\" is not part of the primary key or replica identity of {table}: there is none, so Postgres refuses every UPDATE and DELETE of its rows while it is published", cfg.KeyColumn, name),
			Do:   asOwner(full),
		}
	}

	return &SetupError{
		What: coded.Say("doctor.flaw.key", "column \"{column}\" is not part of the primary key or replica identity of {table}: its deletes would not say which row is gone", cfg.KeyColumn, name),
		Do:   asOwner(full),
	}
}

func identityDetail(_ Config, f facts) coded.Text {
	return map[string]coded.Text{
		"f": coded.Say("doctor.replica.full", "full"), "i": coded.Say("doctor.replica.index", "index"), "d": coded.Say("doctor.replica.key", "primary key"),
	}[f.table.replident]
}

// partitionsDetail is empty where the table has none: there is nothing to say.
func partitionsDetail(_ Config, f facts) coded.Text {
	if !f.table.partitioned() {
		return coded.Text{}
	}
	return coded.Say("doctor.partitions.fit", "{count}, each with a replica identity", f.table.parts)
}

// createPublication is the statement that makes the publication.
func createPublication(cfg Config) string {
	return fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)",
		quoteIdent(cfg.Publication), cfg.quotedTable())
}

func publicationProblem(cfg Config, f facts) *SetupError {
	name := quoteIdent(cfg.Publication)

	switch {
	case !f.pub.found && (!f.table.owned || !f.server.mayPublish):
		return &SetupError{
			What: coded.Say("doctor.publication.none", "publication {publication} does not exist and role \"{role}\" may not make it", name, f.server.role),
			Do:   coded.Say("doctor.publication.none_do", "run as the table's owner or a superuser: {statement}", createPublication(cfg)),
		}
	case f.pub.found && f.table.partitioned() && !f.pub.viaRoot:
		return &SetupError{
			What: coded.Say("doctor.publication.partitions", "publication {publication} publishes the partitions of {table} under their own names", name, cfg.Table),
			Do:   asOwner(fmt.Sprintf("ALTER PUBLICATION %s SET (publish_via_partition_root = true)", name)),
		}
	case f.pub.found && !f.pub.hasTable && !f.pub.lostIt:
		return &SetupError{
			What: coded.Say("doctor.publication.lacks", "publication {publication} does not hold table {table}", name, cfg.Table),
			Do:   asOwner(fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s", name, cfg.quotedTable())),
		}
	case f.pub.found && !f.pub.complete:
		return &SetupError{
			What: coded.Say("doctor.publication.operations", "publication {publication} leaves out some operations", name),
			Do:   asOwner(fmt.Sprintf("ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')", name)),
		}
	case f.pub.filtered:
		return &SetupError{
			What: coded.Say("doctor.publication.filtered", "publication {publication} has a row filter for {table}: what it leaves out is never synced, and a row that leaves it looks deleted", name, cfg.Table),
			Do:   coded.Say("doctor.publication.filtered_do", "to sync some contacts only, set `filter` of mksync's configuration; run as its owner: {statement}", putAnew(cfg, f.pub.columns)),
		}
	}

	return columnsProblem(cfg, f)
}

// columnsProblem: of the columns that a publication lists, the key alone is needed
// (a contact is read from the table, not from its events), but Postgres refuses the
// changes of a table whose replica identity the list does not hold.
func columnsProblem(cfg Config, f facts) *SetupError {
	if f.pub.columns == nil {
		return nil
	}

	if slices.Contains(f.table.identity, wholeRow) {
		return &SetupError{
			What: coded.Say("doctor.publication.columns_full", "publication {publication} has a list of columns for {table}, whose replica identity is FULL: Postgres refuses every UPDATE and DELETE of its rows", quoteIdent(cfg.Publication), cfg.Table),
			Do:   asOwner(putAnew(cfg, nil)),
		}
	}

	// The key itself and what identifies a row: without one of them Postgres refuses the change.
	var lacking []string
	for _, column := range append([]string{cfg.KeyColumn}, f.table.identity...) {
		if !slices.Contains(f.pub.columns, column) && !slices.Contains(lacking, column) {
			lacking = append(lacking, column)
		}
	}
	if lacking == nil {
		return nil
	}

	return &SetupError{
		What: coded.Say("doctor.publication.columns", "the list of columns of publication {publication} leaves out {columns}, which belongs to the key of {table}: Postgres refuses every UPDATE and DELETE of its rows",
			quoteIdent(cfg.Publication), strings.Join(lacking, ", "), cfg.Table),
		Do: asOwner(putAnew(cfg, append(lacking, f.pub.columns...))),
	}
}

// putAnew are the statements that put the table into the publication again, with
// these columns, or all. SET TABLE would take all other tables out.
func putAnew(cfg Config, columns []string) string {
	list := ""
	if columns != nil {
		quoted := make([]string, len(columns))
		for i, c := range columns {
			quoted[i] = quoteIdent(c)
		}
		list = " (" + strings.Join(quoted, ", ") + ")"
	}
	alter := "ALTER PUBLICATION " + quoteIdent(cfg.Publication)
	return fmt.Sprintf("%s DROP TABLE %s; %[1]s ADD TABLE %[2]s%[3]s", alter, cfg.quotedTable(), list)
}

func publicationDetail(cfg Config, f facts) coded.Text {
	switch {
	case !f.pub.found:
		return coded.Say("doctor.publication.later", "{publication} will be made at the first start", quoteIdent(cfg.Publication))
	case f.pub.columns != nil:
		return coded.Say("doctor.publication.some", "{publication}, with the columns {columns} alone", quoteIdent(cfg.Publication), strings.Join(f.pub.columns, ", "))
	}
	return verbatim(quoteIdent(cfg.Publication))
}

func slotProblem(cfg Config, f facts) *SetupError {
	switch {
	case !f.slot.found:
		return nil
	case f.slot.plugin != "pgoutput":
		return &SetupError{
			What: coded.Say("doctor.slot.foreign", "slot \"{slot}\" is in use for something else ({plugin})", cfg.Slot, f.slot.plugin),
			Do:   coded.Say("doctor.slot.foreign_do", "give mksync's slot a name that is free (MKSYNC_SLOT)"),
		}
	case f.slot.database != f.server.database:
		return &SetupError{
			What: coded.Say("doctor.slot.database", "slot \"{slot}\" belongs to database \"{other}\", and this is database \"{database}\"", cfg.Slot, f.slot.database, f.server.database),
			Do: coded.Say("doctor.slot.database_do", "correct the database URL; is this one a copy, do not run mksync on it with the same MetaKocka company: "+
				"both would write to the same partners (with a company of its own it needs a slot of its own, MKSYNC_SLOT)"),
		}
	}
	if w := f.slot.waits; w != nil {
		return &SetupError{What: coded.Say("doctor.slot.waits", "slot \"{slot}\" is being made and waits for {cause}", cfg.Slot, w.who), Do: w.do}
	}
	return nil
}

func slotDetail(cfg Config, f facts) coded.Text {
	switch {
	case !f.slot.found:
		return coded.Say("doctor.slot.later", "\"{slot}\" will be made at the first start", cfg.Slot)
	case f.slot.lost:
		return coded.Say("doctor.slot.lost", "\"{slot}\" was invalidated and will be made anew, with a snapshot", cfg.Slot)
	case f.slot.active:
		return coded.Say("doctor.slot.used", "\"{slot}\" is in use", cfg.Slot)
	}
	return coded.Say("doctor.slot.free", "\"{slot}\" is free", cfg.Slot)
}

func slotsProblem(_ Config, f facts) *SetupError {
	if f.slot.found || f.server.slotsUsed < f.server.slotsMax {
		return nil
	}
	return allSlotsUsed(nil)
}

func allSlotsUsed(err error) *SetupError {
	return &SetupError{
		What: coded.Say("doctor.slot.none_free", "all replication slots of the server are in use"),
		Do:   coded.Say("doctor.slot.none_free_do", "drop one that is no longer needed (see pg_replication_slots), or raise max_replication_slots and restart Postgres"),
		Err:  err,
	}
}

// asOwner is a statement that the owner of what it is about has to run.
func asOwner(statement string) coded.Text {
	return coded.Say("doctor.do.owner", "run as its owner: {statement}", statement)
}

// verbatim is what needs no words of a language: names, settings.
func verbatim(values string) coded.Text { return coded.Say("doctor.verbatim", "{values}", values) }
