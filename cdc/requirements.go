package cdc

import "fmt"

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
	{"table", tableProblem, func(c Config, _ facts) string { return c.Table }},
	{"replica identity", identityProblem, identityDetail},
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
	case !f.table.hasKey:
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

// identityProblem keeps a table out whose updates Postgres would refuse, or whose
// deletes would not tell the key, once it is published.
func identityProblem(cfg Config, f facts) *SetupError {
	if f.table.identity == "f" || f.table.keyInIdent {
		return nil
	}
	return &SetupError{
		What: fmt.Sprintf("column %q is not part of the primary key or replica identity of %s", cfg.KeyColumn, cfg.Table),
		Do: fmt.Sprintf("run as its owner: ALTER TABLE %s ADD PRIMARY KEY (%s) (or ALTER TABLE %s REPLICA IDENTITY FULL)",
			cfg.quotedTable(), quoteIdent(cfg.KeyColumn), cfg.quotedTable()),
	}
}

func identityDetail(_ Config, f facts) string {
	return map[string]string{"f": "full", "i": "index"}[f.table.identity] +
		map[bool]string{true: "primary key"}[f.table.identity == "d"]
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
	}
	return nil
}

func publicationDetail(cfg Config, f facts) string {
	if !f.pub.found {
		return quoteIdent(cfg.Publication) + " will be made at the first start"
	}
	return quoteIdent(cfg.Publication)
}

func slotProblem(cfg Config, f facts) *SetupError {
	if f.slot.found && (f.slot.plugin != "pgoutput" || f.slot.database != f.server.database) {
		return &SetupError{
			What: fmt.Sprintf("slot %q is in use for something else (%s, database %q)", cfg.Slot, f.slot.plugin, f.slot.database),
			Do:   "choose another slot name",
		}
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
