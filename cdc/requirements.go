package cdc

import (
	"fmt"
	"slices"
	"strings"
)

// requirement is one thing the listener needs; problem is nil when it is there.
type requirement struct {
	name    string
	problem func(Config, facts) *SetupError
	detail  func(Config, facts) string
}

// requirements are in the order in which a person would put them right.
var requirements = []requirement{
	{"server", serverProblem, func(_ Config, f facts) string { return fmt.Sprintf("version %d", f.server.version/10000) }},
	{"wal_level", walLevelProblem, func(_ Config, f facts) string { return f.server.walLevel }},
	{"synchronous_standby_names", synchronousProblem, func(Config, facts) string { return "" }},
	{"table", tableProblem, func(c Config, _ facts) string { return c.Table }},
	{"replica identity", identityProblem, identityDetail},
	{"partitions", partitionsProblem, partitionsDetail},
	{"publication", publicationProblem, publicationDetail},
	{"slot", slotProblem, slotDetail},
	{"max_replication_slots", slotsProblem, func(_ Config, f facts) string {
		return fmt.Sprintf("%d of %d in use", f.server.slotsUsed, f.server.slotsMax)
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
// what can be done about it is told.
func refusal(cfg Config, f facts) error {
	if f.pub.hasTable {
		f.table.partFlaw = ""
	}
	return firstProblem(cfg, f)
}

func serverProblem(_ Config, f facts) *SetupError {
	switch {
	case f.server.standby:
		return &SetupError{
			What: "the server is a standby, which accepts no publication",
			Do:   "let the database URL name the primary",
		}
	case f.server.version < minVersion:
		return &SetupError{
			What: fmt.Sprintf("Postgres %d is too old", f.server.version/10000),
			Do:   fmt.Sprintf("use version %d or newer", minVersion/10000),
		}
	}
	return nil
}

func walLevelProblem(_ Config, f facts) *SetupError {
	if f.server.walLevel == "logical" {
		return nil
	}
	return &SetupError{
		What: fmt.Sprintf("wal_level is %q instead of \"logical\"", f.server.walLevel),
		Do:   "run as a superuser: ALTER SYSTEM SET wal_level = 'logical', then restart Postgres",
	}
}

func tableProblem(cfg Config, f facts) *SetupError {
	switch {
	case !f.table.found:
		return &SetupError{
			What: fmt.Sprintf("table %s does not exist in database %q", cfg.Table, f.server.database),
			Do:   "correct the table's name or the database URL",
		}
	case kindProblem(cfg, f) != nil:
		return kindProblem(cfg, f)
	case f.table.keyType == 0:
		return &SetupError{
			What: fmt.Sprintf("table %s has no column %q", cfg.Table, cfg.KeyColumn),
			Do:   "correct the name of the key column",
		}
	case !f.table.selectable:
		return &SetupError{
			What: fmt.Sprintf("role %q may not read %s", f.server.role, cfg.Table),
			Do: fmt.Sprintf("run as its owner: GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON %s TO %s",
				quoteIdent(cfg.schema()), quoteIdent(f.server.role), cfg.quotedTable(), quoteIdent(f.server.role)),
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
			What: fmt.Sprintf("%s is a view: Postgres does not log the changes of a view's rows", cfg.Table),
			Do:   "name the table behind it",
		}
	case f.table.kind == "f":
		return &SetupError{
			What: fmt.Sprintf("%s is a foreign table: its rows are in another server's log", cfg.Table),
			Do:   "let the database URL name that server",
		}
	case f.table.persistence == "t":
		return &SetupError{
			What: fmt.Sprintf("%s is a temporary table: Postgres does not log its changes", cfg.Table),
			Do:   "name the table that keeps the rows",
		}
	case f.table.persistence == "u":
		return &SetupError{
			What: fmt.Sprintf("table %s is unlogged: Postgres does not log its changes, and empties it after a crash", cfg.Table),
			Do:   fmt.Sprintf("run as its owner: ALTER TABLE %s SET LOGGED", cfg.quotedTable()),
		}
	case f.table.children:
		return &SetupError{
			What: fmt.Sprintf("other tables inherit from %s: reading it shows their rows, but Postgres logs their changes under their own names", cfg.Table),
			Do:   "end the inheritance (ALTER TABLE child NO INHERIT), or make them partitions",
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
		p.Do = fmt.Sprintf("run as its owner: ALTER TABLE %s ADD PRIMARY KEY (%s) (or ALTER TABLE %[1]s REPLICA IDENTITY FULL)",
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
		p.Do += fmt.Sprintf("; %d more partitions need the like", n)
	}
	return p
}

// flawOf says what is wrong with a table or a partition, and what to do.
func flawOf(cfg Config, name, quoted, flaw string) *SetupError {
	full := "run as its owner: ALTER TABLE " + quoted + " REPLICA IDENTITY FULL"

	switch flaw {
	case flawForeign:
		return &SetupError{
			What: name + " is a foreign table: its rows are in another server's log, and their changes would be missed",
			Do:   fmt.Sprintf("run as the owner of %s: ALTER TABLE %s DETACH PARTITION %s", cfg.Table, cfg.quotedTable(), quoted),
		}
	case flawUnlogged:
		return &SetupError{
			What: name + " is unlogged: its changes are not in the log and would be missed",
			Do:   "run as its owner: ALTER TABLE " + quoted + " SET LOGGED",
		}
	case flawDeferrable:
		return &SetupError{
			What: fmt.Sprintf("the key of %s is DEFERRABLE, so Postgres does not take it for a replica identity and refuses every UPDATE and DELETE of its rows while it is published", name),
			Do:   full + " (or make the key anew, not deferrable)",
		}
	case flawIdentity:
		return &SetupError{
			What: fmt.Sprintf("column %q is not part of the primary key or replica identity of %s: there is none, so Postgres refuses every UPDATE and DELETE of its rows while it is published", cfg.KeyColumn, name),
			Do:   full,
		}
	}

	return &SetupError{
		What: fmt.Sprintf("column %q is not part of the primary key or replica identity of %s: its deletes would not say which row is gone", cfg.KeyColumn, name),
		Do:   full,
	}
}

func identityDetail(_ Config, f facts) string {
	return map[string]string{"f": "full", "i": "index", "d": "primary key"}[f.table.replident]
}

// partitionsDetail is empty where the table has none: there is nothing to say.
func partitionsDetail(_ Config, f facts) string {
	if !f.table.partitioned() {
		return ""
	}
	return fmt.Sprintf("%d, each with a replica identity", f.table.parts)
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
			What: fmt.Sprintf("publication %s does not exist and role %q may not make it", name, f.server.role),
			Do:   "run as the table's owner or a superuser: " + createPublication(cfg),
		}
	case f.pub.found && f.table.partitioned() && !f.pub.viaRoot:
		return &SetupError{
			What: fmt.Sprintf("publication %s publishes the partitions of %s under their own names", name, cfg.Table),
			Do:   fmt.Sprintf("run as its owner: ALTER PUBLICATION %s SET (publish_via_partition_root = true)", name),
		}
	case f.pub.found && !f.pub.hasTable && !f.pub.lostIt:
		return &SetupError{
			What: fmt.Sprintf("publication %s does not hold table %s", name, cfg.Table),
			Do:   fmt.Sprintf("run as its owner: ALTER PUBLICATION %s ADD TABLE %s", name, cfg.quotedTable()),
		}
	case f.pub.found && !f.pub.complete:
		return &SetupError{
			What: fmt.Sprintf("publication %s leaves out some operations", name),
			Do:   fmt.Sprintf("run as its owner: ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')", name),
		}
	case f.pub.filtered:
		return &SetupError{
			What: fmt.Sprintf("publication %s has a row filter for %s: what it leaves out is never synced, and a row that leaves it looks deleted", name, cfg.Table),
			Do:   "to sync some contacts only, set `filter` of mksync's configuration; run as its owner: " + putAnew(cfg, f.pub.columns),
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
			What: fmt.Sprintf("publication %s has a list of columns for %s, whose replica identity is FULL: Postgres refuses every UPDATE and DELETE of its rows", quoteIdent(cfg.Publication), cfg.Table),
			Do:   "run as its owner: " + putAnew(cfg, nil),
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
		What: fmt.Sprintf("the list of columns of publication %s leaves out %s, which belongs to the key of %s: Postgres refuses every UPDATE and DELETE of its rows",
			quoteIdent(cfg.Publication), strings.Join(lacking, ", "), cfg.Table),
		Do: "run as its owner: " + putAnew(cfg, append(lacking, f.pub.columns...)),
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

func publicationDetail(cfg Config, f facts) string {
	switch {
	case !f.pub.found:
		return quoteIdent(cfg.Publication) + " will be made at the first start"
	case f.pub.columns != nil:
		return fmt.Sprintf("%s, with the columns %s alone", quoteIdent(cfg.Publication), strings.Join(f.pub.columns, ", "))
	}
	return quoteIdent(cfg.Publication)
}

func slotProblem(cfg Config, f facts) *SetupError {
	switch {
	case !f.slot.found:
		return nil
	case f.slot.plugin != "pgoutput":
		return &SetupError{
			What: fmt.Sprintf("slot %q is in use for something else (%s)", cfg.Slot, f.slot.plugin),
			Do:   "give mksync's slot a name that is free (MKSYNC_SLOT)",
		}
	case f.slot.database != f.server.database:
		return &SetupError{
			What: fmt.Sprintf("slot %q belongs to database %q, and this is database %q", cfg.Slot, f.slot.database, f.server.database),
			Do: "correct the database URL; is this one a copy, do not run mksync on it with the same MetaKocka company: " +
				"both would write to the same partners (with a company of its own it needs a slot of its own, MKSYNC_SLOT)",
		}
	}
	if w := f.slot.waits; w != nil {
		return &SetupError{What: fmt.Sprintf("slot %q is being made and waits for %s", cfg.Slot, w.who), Do: w.do}
	}
	return nil
}

func slotDetail(cfg Config, f facts) string {
	switch {
	case !f.slot.found:
		return fmt.Sprintf("%q will be made at the first start", cfg.Slot)
	case f.slot.lost:
		return fmt.Sprintf("%q was invalidated and will be made anew, with a snapshot", cfg.Slot)
	case f.slot.active:
		return fmt.Sprintf("%q is in use", cfg.Slot)
	}
	return fmt.Sprintf("%q is free", cfg.Slot)
}

func slotsProblem(_ Config, f facts) *SetupError {
	if f.slot.found || f.server.slotsUsed < f.server.slotsMax {
		return nil
	}
	return allSlotsUsed(nil)
}

func allSlotsUsed(err error) *SetupError {
	return &SetupError{
		What: "all replication slots of the server are in use",
		Do:   "drop one that is no longer needed (see pg_replication_slots), or raise max_replication_slots and restart Postgres",
		Err:  err,
	}
}
