// Package proposal looks at a CRM's database and proposes the configuration of mksync
// for it.
//
// Look and Sample read the catalog and a few columns, and nothing else; Candidates and
// Propose judge what they found and are pure. Every guess is a comment in the file that
// comes out, so that whoever reads it can tell what was seen from what was supposed.
package proposal

import (
	"regexp"
	"slices"
	"strings"
)

// Database is what a proposal follows from.
type Database struct {
	Name string
	Role string // whose eyes it was seen with
	Zone string // the time zone of its sessions
	// Public are roles that whoever finds the database's API has: Supabase's.
	Public []string
	// SlotOf is another database of the server whose slot has mksync's usual name.
	SlotOf string
	Tables []Table
}

// Table is one table or view.
type Table struct {
	Schema, Name string
	View         bool
	Unlogged     bool // or foreign: nothing that logical replication tells of
	Hidden       bool // row level security hides rows of it from the role
	Columns      []Column
	Triggers     []Trigger // those that run before a row is written
}

// Column is one column as the catalog has it.
type Column struct {
	Name       string
	Type       string // as it is declared
	Base       string // of a domain the type below, without a length
	Category   string // Postgres's: S text, N number, E enum, D time, B boolean, U others
	NotNull    bool
	HasDefault bool
	Computed   bool // generated, or always an identity: Postgres takes no value for it
	Identity   bool
	Primary    bool // the whole primary key
	Unique     bool // by itself
	Policy     bool // row level security goes by it
	Refers     string
	Checks     []string // constraints on it alone
	Labels     []string // of an enum
	Held       *Held    // nil: nobody looked
}

// Held is what a column holds in the rows that were looked at.
type Held struct {
	Values []string // a few at most
	Null   bool     // in a row at least
	Whole  bool     // these were all rows
}

// only is the one value that all rows have.
func (h *Held) only() (string, bool) {
	if h == nil || h.Null || len(h.Values) != 1 {
		return "", false
	}
	return h.Values[0], true
}

// Trigger runs before a row is written.
type Trigger struct {
	Name       string
	Definition string
	Source     string // of its function
}

// FullName is the table as the configuration names it.
func (t Table) FullName() string { return t.Schema + "." + t.Name }

// Column is the column of that name.
func (t Table) Column(name string) (Column, bool) {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return Column{}, false
	}
	return t.Columns[i], true
}

// filler is the trigger that gives the column a value; empty: none does, as far as its
// text tells.
func (t Table) filler(column string) string {
	for _, g := range t.Triggers {
		if g.fills(column) {
			return g.Name
		}
	}
	return ""
}

// assignment is where PL/pgSQL gives a column of the new row a value. An = elsewhere
// compares.
var assignment = regexp.MustCompile(`(?i)(?:^|;|\b(?:then|else|begin|loop|into)\b)\s*new\.("[^"]+"|\w+)\s*(:=|=|;|,|from\b)`)

// comments of SQL, which may stand before a statement.
var remarks = regexp.MustCompile(`(?m)--.*$`)

// fills: the function's text assigns the column, or the trigger hands it its name, as
// those of the extension moddatetime do.
func (g Trigger) fills(column string) bool {
	for _, found := range assignment.FindAllStringSubmatch(remarks.ReplaceAllString(g.Source, ""), -1) {
		name := found[1]
		quoted, isQuoted := strings.CutPrefix(name, `"`)
		if isQuoted && strings.TrimSuffix(quoted, `"`) == column || !isQuoted && strings.ToLower(name) == column {
			return true
		}
	}
	_, arguments, _ := strings.Cut(g.Definition, " EXECUTE ")
	return strings.Contains(arguments, "'"+column+"'")
}

// required: a row cannot be made without a value for it.
func (t Table) required(c Column) bool {
	return c.NotNull && !c.HasDefault && !c.Identity && !c.Computed && t.filler(c.Name) == ""
}

// own is a table of mksync's, not of another integration that uses the name.
func (t Table) own() bool {
	if t.Name == mappingsTable {
		_, ours := t.Column("base_assumed")
		return ours
	}
	return strings.HasPrefix(t.Name, "mksync_")
}

// mappingsTable is the name of mksync's table of links.
const mappingsTable = "metakocka_contact_mappings"
