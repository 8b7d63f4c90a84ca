package proposal

import (
	"fmt"
	"slices"
	"strings"
)

// Proposal is a configuration file, and what a person has to decide about it.
type Proposal struct {
	Text   string
	Decide []string // one line each, the weightiest first
}

// proposer writes a proposal.
type proposer struct {
	Database
	Candidate
	page
	rivals []Candidate
	decide []string
	used   []string // columns that the file speaks of
}

// Propose is the configuration for the candidate; rivals are the other tables that might
// be meant.
func Propose(d Database, c Candidate, rivals []Candidate) Proposal {
	p := &proposer{Database: d, Candidate: c, rivals: rivals}
	p.head()
	p.title("mksync's own place")
	p.place()
	p.title("the contacts")
	p.table()
	p.key()
	p.lastChange()
	p.fields()
	p.title("which contacts, and new ones")
	p.filter()
	p.insert()
	p.remainder()
	p.takeOver()
	p.title("what a database does not tell")
	p.rest()
	return Proposal{Text: p.b.String(), Decide: p.decide}
}

func (p *proposer) head() {
	p.say("", fmt.Sprintf("Proposed by `mksync init` for the table %s of the database %s, as role %s sees it.", p.Table.FullName(), p.Name, p.Role),
		"What stands here was guessed from names, types, keys, triggers and policies; the comments say from what, and what else is possible.",
		"Correct it, then look with `mksync doctor --config` and this file.")
	p.line("#")
	p.say("", "No secret belongs in here. Give mksync in its environment:")
	p.line("#   MKSYNC_DATABASE_URL           the CRM's Postgres")
	p.line("#   MKSYNC_METAKOCKA_COMPANY_ID   the company's id in MetaKocka")
	p.line("#   MKSYNC_METAKOCKA_SECRET_KEY   its key, or MKSYNC_METAKOCKA_SECRET_KEY_FILE")
}

// place is where mksync's own tables go, and how they are told from another's.
func (p *proposer) place() {
	if p.SlotOf != "" && p.ownSchema() == "" {
		name := instanceOf(p.Name)
		p.say("", fmt.Sprintf("The database %s of this server has a replication slot called mksync: another installation is there.", p.SlotOf),
			fmt.Sprintf("With a name of its own this one keeps out of its way: slot, publication and schema become mksync_%s.", name),
			"Where no other is left, take this out.")
		p.line("instance: " + scalar(name))
		return
	}
	schema, why := p.schema()
	p.say("", why)
	p.line("schema: " + scalar(schema))
}

// ownSchema is where mksync's tables are already; empty: nowhere.
func (p *proposer) ownSchema() string {
	for _, t := range p.Tables {
		if t.Name == "mksync_migrations" {
			return t.Schema
		}
	}
	return ""
}

func (p *proposer) schema() (name, why string) {
	const created = "`mksync migrate up` makes it; the role needs CREATE on the database, or the schema's USAGE and CREATE."
	if own := p.ownSchema(); own != "" {
		return own, "mksync's tables are there already."
	}
	stranger := slices.ContainsFunc(p.Tables, func(t Table) bool { return t.Schema == "public" && t.Name == mappingsTable && !t.own() })
	switch {
	case len(p.Public) > 0:
		return "mksync", fmt.Sprintf("A schema for mksync's tables alone: the roles %s are Supabase's, whose API serves what is in public. %s", list(p.Public), created)
	case stranger:
		return "mksync", fmt.Sprintf("A schema for mksync's tables alone: public has a table %s of another integration. %s", mappingsTable, created)
	}
	return "public", "Where mksync's own tables go. A schema of their own, such as mksync, is possible as well."
}

// instanceOf makes a name of an installation from a database's.
func instanceOf(database string) string {
	name := strings.Join(fold(database), "_")
	name = strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, name)
	name = strings.Trim(name[:min(len(name), 24)], "_")
	switch {
	case name == "":
		return "second"
	case slices.Contains(words("crm metakocka mksync"), name):
		return name + "_db"
	}
	return name
}

func (p *proposer) table() {
	other := ""
	if others := p.likely(); len(others) > 0 {
		other = fmt.Sprintf("It could be %s as well (`mksync init --table %s`).", orList(others), others[0])
	}
	if not := p.Unsuited(); len(not) > 0 {
		other += " Not possible: " + strings.Join(not, "; ") + "."
	}
	if alike := Alike(append([]Candidate{p.Candidate}, p.rivals...)); len(alike) > 1 && p.Score > 0 {
		p.decide = append(p.decide, fmt.Sprintf("whether the contacts are in %s; %s looks much the same (--table)", p.Table.FullName(), alike[1].Table.FullName()))
	}

	hidden := ""
	if p.Table.Hidden {
		hidden = fmt.Sprintf("Row level security hides rows of it from role %s, so what they hold was not looked at.", p.Role)
	}
	companies := ""
	if name := tableWord(p.Table.Name); slices.Contains(words("companies company podjetja podjetje accounts account organizations"), name) {
		companies = "Its name is that of a table of companies: mksync takes a contact without a company_name for a person."
	}
	p.say("", fmt.Sprintf("It has columns for %s.", list(p.evidence())), other, hidden, companies)
	p.line("contacts_table: " + scalar(p.Table.FullName()))
	p.line("")
}

// likely are the rivals that are worth a thought.
func (p *proposer) likely() []string {
	const far, most = 45, 5
	var names []string
	for _, r := range p.rivals {
		if r.Score >= p.Score-far && len(names) < most {
			names = append(names, r.Table.FullName())
		}
	}
	return names
}

func tableWord(name string) string {
	parts := fold(name)
	if len(parts) == 0 {
		return ""
	}
	return parts[len(parts)-1]
}

// evidence is what the table has columns for.
func (p *proposer) evidence() []string {
	seen := []string{"a name"}
	for _, r := range []role{roleCompany, roleEmail, rolePhone, roleAddress, roleStreet, roleCity, rolePostal, roleCountry, roleTax} {
		if _, has := p.is.of[r]; has {
			seen = append(seen, string(r))
		}
	}
	return seen
}

func (p *proposer) key() {
	k := p.Key
	which, besides := "The primary key", ""
	if !k.Primary {
		which = "Unique and not null, and the table has no primary key of one column that can name a contact"
		besides = "The replica identity has to hold it; the doctor says what to run where it does not."
	}
	p.say("", fmt.Sprintf("%s (%s).", which, k.Type), besides, p.newKey())
	p.line("contacts_key: " + scalar(k.Name))
	p.line("")
	p.used = append(p.used, k.Name)
}

// newKey is where a new contact's key comes from.
func (p *proposer) newKey() string {
	k := p.Key
	filler := p.Table.filler(k.Name)
	switch {
	case k.Identity:
		return "Postgres numbers new contacts."
	case k.HasDefault:
		return "New contacts get it by its default."
	case filler != "":
		return fmt.Sprintf("New contacts get it from the trigger %s.", filler)
	case k.Base == "uuid" || k.Base == "text" || k.Type == "character varying":
		return "It has no default: mksync gives new contacts a uuid."
	}
	return "It has no default, so partners cannot be made contacts of (auto_import, `mksync import`) until it has one."
}

func (p *proposer) lastChange() {
	c, has := p.is.of[roleUpdated]
	if !has {
		p.say("", "No column looks like the time of the last change. mksync can do without: changes are read from Postgres's log, and their times with them.")
		p.line("# contacts_updated_at: updated_at")
		p.line("")
		return
	}

	set := "mksync sets it with what it writes."
	if filler := p.Table.filler(c.Name); filler != "" {
		set = fmt.Sprintf("The trigger %s sets it, for mksync's writes as well.", filler)
	}
	p.say("", fmt.Sprintf("The time of the last change (%s).", c.Type), set, p.or(roleUpdated))
	p.line("contacts_updated_at: " + scalar(c.Name))
	if c.Base == typeUnzoned {
		p.say("", "It has no time zone: that of the database's sessions is supposed. A CRM that writes times itself may mean another.")
		p.line("contacts_updated_at_zone: " + scalar(p.Zone))
	}
	p.line("")
	p.used = append(p.used, c.Name)
}

// or names what else could have the role.
func (p *proposer) or(r role) string {
	if others := p.is.others[r]; len(others) > 0 {
		return "Or: " + orList(others) + "."
	}
	return ""
}

func orList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// remainder names the columns that nothing was said of.
func (p *proposer) remainder() {
	var left []string
	for _, c := range p.Table.Columns {
		if !slices.Contains(p.used, c.Name) {
			left = append(left, c.Name)
		}
	}
	if len(left) > 0 {
		p.say("", "Columns that mksync leaves alone: "+strings.Join(left, ", ")+".")
	}
}

// rest are settings that follow from nothing in the database.
func (p *proposer) rest() {
	p.say("", "These are the defaults. All settings: `mksync.example.yaml`, docs/configuration.md.")
	for _, setting := range []entry{
		{say: "Whether first matches go on by themselves (auto), or wait for a person's approval before anything is written (review).", line: "first_sync: auto"},
		{say: "Whether partners that no contact is linked with become contacts.", line: "auto_import: false"},
		{say: "What a contact's deletion does to its partner: unlink (nothing), deactivate, anonymize.", line: "delete_policy: unlink"},
		{say: "What a partner's disappearance does to its contact: unlink (nothing), delete.", line: "remote_delete_policy: unlink"},
		{say: "Who wins where both sides changed a field: newest, crm, metakocka, or manual (a person decides).", line: "conflict_rule: newest"},
	} {
		p.line("")
		p.say("", setting.say)
		p.line(setting.line)
	}
}
