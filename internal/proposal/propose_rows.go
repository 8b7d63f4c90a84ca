package proposal

import (
	"fmt"
	"slices"
	"strings"
)

// toSample: what the column holds decides something.
func (c Candidate) toSample(column Column) bool {
	if column.Name == c.Key.Name {
		return false
	}
	return column.Policy || slices.Contains([]string{c.is.of[roleTenant].Name, c.is.of[roleDeleted].Name}, column.Name)
}

// filter is which contacts are synced.
func (p *proposer) filter() {
	var entries []entry
	if c, has := p.is.of[roleDeleted]; has {
		entries = append(entries, p.notDeleted(c))
	}
	if c, has := p.is.of[roleArchived]; has {
		p.used = append(p.used, c.Name)
		line, _ := absence(c)
		entries = append(entries, entry{say: fmt.Sprintf("%s looks like a mark of contacts that are put away; without it they are synced as well.", c.Name), line: line, off: true})
	}
	if c, has := p.is.of[roleTenant]; has {
		entries = append(entries, p.tenant(c)...)
	}

	p.say("", "Contacts for which every line holds are synced; one that falls out keeps its partner and is left alone.")
	if len(entries) == 0 {
		p.say("", "Nothing asks for a filter. To begin with a few contacts:")
		entries = []entry{{line: "- email: not null", off: true}}
	}
	p.block("filter", entries)
	p.line("")
}

// absence is the line of the filter that says that a mark is not set; not ok: the mark
// may be without a value, which one line cannot say as well.
func absence(c Column) (line string, ok bool) {
	switch c.Category {
	case "D":
		return fmt.Sprintf("- %s: null", scalar(c.Name)), true
	case "B":
		return fmt.Sprintf("- %s: 'false'", scalar(c.Name)), c.alwaysThere()
	}
	return fmt.Sprintf("- %s: '0'", scalar(c.Name)), c.alwaysThere()
}

// alwaysThere: the column has a value in each row, and new ones get one.
func (c Column) alwaysThere() bool {
	return c.NotNull || c.Held != nil && c.Held.Whole && !c.Held.Null
}

func (p *proposer) notDeleted(c Column) entry {
	p.used = append(p.used, c.Name)
	line, ok := absence(c)
	if ok {
		return entry{say: fmt.Sprintf("%s looks like the CRM's mark of a deleted contact.", c.Name), line: line}
	}
	p.decide = append(p.decide, fmt.Sprintf("whether contacts are marked as deleted in %s: rows may be without a value there, and a line of the filter leaves these out (filter)", c.Name))
	return entry{
		say:  fmt.Sprintf("%s looks like the CRM's mark of a deleted contact, but rows may be without a value in it, and this line would leave them out. Give these rows a value, then take the line.", c.Name),
		line: line, off: true,
	}
}

// tenant is for whom the contacts are: mksync serves one company, so where they belong
// to several it is for a person to say whose are meant.
func (p *proposer) tenant(c Column) []entry {
	p.used = append(p.used, c.Name)
	policy := ""
	if c.Policy {
		policy = " Row level security goes by it."
	}
	value, one := c.Held.only()
	switch {
	case one && c.Held.Whole:
		return []entry{{
			say:  fmt.Sprintf("All contacts belong to this one.%s Those of others stay out if there should ever be some, and contacts that mksync makes get it as well.", policy),
			line: fmt.Sprintf("- %s: %s", scalar(c.Name), scalar(value)),
		}}
	case c.Held == nil || len(c.Held.Values) == 0:
		return []entry{{
			say:  fmt.Sprintf("%s looks like whom a contact belongs to.%s No value of it was seen. Name the one that is MetaKocka's company, where there are several; contacts that mksync makes get it as well.", c.Name, policy),
			line: fmt.Sprintf("- %s: …", scalar(c.Name)), off: true,
		}}
	}
	return p.tenants(c, policy)
}

// tenants are the lines for those among whom a person has to choose.
func (p *proposer) tenants(c Column, policy string) []entry {
	p.decide = append(p.decide, fmt.Sprintf("whose contacts are synced: %s tells them apart, and without a choice all go to one company of MetaKocka (filter)", c.Name))
	var entries []entry
	more := ""
	if !c.Held.Whole || len(c.Held.Values) == few {
		more = " (there may be more)"
	}
	say := fmt.Sprintf("%s says whom a contact belongs to.%s Name the one that is MetaKocka's company: without a line the contacts of all are synced. Contacts that mksync makes get it as well. Seen%s:", c.Name, policy, more)
	for _, value := range c.Held.Values {
		entries = append(entries, entry{say: say, line: fmt.Sprintf("- %s: %s", scalar(c.Name), scalar(value)), off: true})
		say = ""
	}
	return entries
}

// insert is what a contact that mksync makes has besides.
func (p *proposer) insert() {
	var entries []entry
	for _, c := range p.Table.Columns {
		if slices.Contains(p.used, c.Name) || c.Computed {
			continue
		}
		required := p.Table.required(c)
		if required || c.Policy {
			p.used = append(p.used, c.Name)
			entries = append(entries, p.inserted(c, required))
		}
	}
	if len(entries) == 0 {
		return
	}
	p.say("", "What contacts that mksync makes have besides (auto_import, `mksync import`).")
	p.block("insert", entries)
	p.line("")
}

func (p *proposer) inserted(c Column, required bool) entry {
	var say []string
	if required {
		say = append(say, fmt.Sprintf("%s (%s) needs a value and has no default: without this line no partner can become a contact.", c.Name, c.Type))
	}
	if c.Policy {
		say = append(say, fmt.Sprintf("Row level security goes by %s: without it a contact that mksync makes may be seen by nobody.", c.Name))
	}
	if c.Refers != "" {
		say = append(say, fmt.Sprintf("It refers to %s.", c.Refers))
	}
	if len(c.Labels) > 0 {
		say = append(say, "It takes "+orList(c.Labels)+".")
	}
	say = append(say, c.Checks...)

	value, one := c.Held.only()
	if one && c.Held.Whole {
		say = append(say, "All contacts have this one.")
		return entry{say: strings.Join(say, " "), line: scalar(c.Name) + ": " + scalar(value)}
	}
	if c.Held != nil && len(c.Held.Values) > 1 {
		say = append(say, "Seen: "+list(c.Held.Values)+".")
	}
	return entry{say: strings.Join(say, " "), line: scalar(c.Name) + ": …", off: true}
}

// takeOver names pairs that another integration has linked already.
func (p *proposer) takeOver() {
	for _, pairs := range p.pairs() {
		command := "mksync mappings import --from-table " + pairs.table
		command += " --contact-column " + pairs.contact + " --partner-column " + pairs.partner
		p.line("")
		p.say("", fmt.Sprintf("%s has pairs of contacts (%s) and partners (%s) that were linked before. Take them over before the first start:", pairs.table, pairs.contact, pairs.partner))
		p.line("#   " + printable(command) + " --dry-run")
		p.decide = append(p.decide, "whether to take over the pairs in "+pairs.table+": "+command+" --dry-run")
	}
}

// pairs are a table's columns that say which contact is which partner.
type pairs struct{ table, contact, partner string }

// pairs are those of all tables that are not mksync's own.
func (p *proposer) pairs() []pairs {
	var found []pairs
	for _, t := range p.Tables {
		if t.own() || t.View {
			continue
		}
		for _, c := range t.Columns {
			if likeness(c.Name, rolePartner) == 0 || !c.holds(rolePartner) {
				continue
			}
			if contact := p.contactColumn(t); contact != "" {
				found = append(found, pairs{t.FullName(), contact, c.Name})
			}
			break
		}
	}
	return found
}

// contactColumn is the table's column with a contact's key; empty: none.
func (p *proposer) contactColumn(t Table) string {
	if t.FullName() == p.Table.FullName() {
		return p.Key.Name
	}
	for _, c := range t.Columns {
		// As it is written in SQL, with its schema or without.
		if to := strings.ReplaceAll(c.Refers, `"`, ""); to == p.Table.Name || to == p.Table.FullName() {
			return c.Name
		}
	}
	i := slices.IndexFunc(t.Columns, func(c Column) bool {
		return slices.Contains(words("contactid crmcontactid customerid personid strankaid kontaktid idstranke"), strings.Join(fold(c.Name), ""))
	})
	if i < 0 {
		return ""
	}
	return t.Columns[i].Name
}
