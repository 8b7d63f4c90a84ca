package proposal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
)

// single are the fields that are in one column.
var single = map[mapping.Field]role{
	mapping.FieldCompanyName: roleCompany,
	mapping.FieldEmail:       roleEmail,
	mapping.FieldPhone:       rolePhone,
	mapping.FieldCountry:     roleCountry,
	mapping.FieldTaxNumber:   roleTax,
	mapping.FieldNotes:       roleNotes,
	mapping.FieldWebsite:     roleWebsite,
}

func (p *proposer) fields() {
	p.say("", "How each field is synced: both ways, where nothing else is said.")
	p.line("fields:")
	for _, field := range mapping.Fields() {
		switch field {
		case mapping.FieldName:
			p.name()
		case mapping.FieldAddress:
			p.address()
		default:
			p.field(field, single[field])
		}
	}
}

// field is one that is in a column of its own, or nowhere.
func (p *proposer) field(field mapping.Field, r role) {
	c, has := p.is.of[r]
	if !has {
		p.line(fmt.Sprintf("  %s: {direction: off}  # %s", field, p.absent(r)))
		return
	}
	p.say("  ", byName(c, r), p.about(c), p.or(r))
	p.line(fmt.Sprintf("  %s: {column: %s%s}", field, scalar(c.Name), direction(c)))
	p.used = append(p.used, c.Name)
}

// byName says that the name alone tells; nothing where it is a usual one.
func byName(c Column, r role) string {
	if slices.Contains(vocabulary[r][:2], strings.Join(fold(c.Name), "")) {
		return ""
	}
	return fmt.Sprintf("%s looks like the %s by its name.", c.Name, r)
}

// absent says that no column has the role, and which one has its name all the same.
func (p *proposer) absent(r role) string {
	for _, c := range p.Table.Columns {
		if likeness(c.Name, r) > 0 && !c.holds(r) {
			return printable(fmt.Sprintf("%s (%s) cannot hold it as a text", c.Name, c.Type))
		}
	}
	return "no column looks like it"
}

// direction keeps what Postgres computes from being written.
func direction(c Column) string {
	if c.Computed {
		return ", direction: to_metakocka"
	}
	return ""
}

// about is what there is to know of a field's column.
func (p *proposer) about(c Column) string {
	var notes []string
	if c.Computed {
		notes = append(notes, "Postgres computes it: it is read and never written.")
	}
	if c.Unique {
		notes = append(notes, fmt.Sprintf("%s is unique: a partner's value that another contact has already makes its contact an error, in words.", c.Name))
	}
	if c.Unique && c.NotNull {
		notes = append(notes, "It is not null as well: of partners without one, only one can be a contact.")
	}
	if c.Category == "E" {
		notes = append(notes, fmt.Sprintf("%s takes %s only.", c.Name, orList(c.Labels)))
	}
	if c.Category == "N" {
		notes = append(notes, fmt.Sprintf("%s is of type %s: a value with letters does not fit.", c.Name, c.Type))
	}
	if filler := p.Table.filler(c.Name); filler != "" && !c.Computed {
		notes = append(notes, fmt.Sprintf("The trigger %s changes it; what comes of it counts.", filler))
	}
	return strings.Join(notes, " ")
}

// name is in one column, or in two.
func (p *proposer) name() {
	given, parts := p.is.of[roleGiven]
	whole, one := p.is.of[roleWhole]
	if !parts {
		p.say("  ", byName(whole, roleWhole), p.about(whole), p.or(roleWhole))
		p.line(fmt.Sprintf("  name: {column: %s%s}", scalar(whole.Name), direction(whole)))
		p.used = append(p.used, whole.Name)
		return
	}

	family := p.is.of[roleFamily]
	p.used = append(p.used, given.Name, family.Name)
	also, why := "", ""
	if one {
		also, why = p.also(whole)
	}
	p.say("  ", "Given names and family name, in this order, by the columns' names.", p.about(given), p.about(family), why)
	p.line("  name:")
	p.line(fmt.Sprintf("    columns: [%s, %s]", scalar(given.Name), scalar(family.Name)))
	if also != "" {
		p.line(fmt.Sprintf("    also: [%s]", scalar(also)))
	}
}

// also is the column with the whole name that is to be kept in step with its parts.
func (p *proposer) also(whole Column) (column, why string) {
	filler := p.Table.filler(whole.Name)
	folded := strings.Join(fold(whole.Name), "")
	switch {
	case whole.Computed:
		p.used = append(p.used, whole.Name)
		return "", fmt.Sprintf("Postgres computes %s from them.", whole.Name)
	case filler != "":
		p.used = append(p.used, whole.Name)
		return whole.Name, fmt.Sprintf("The trigger %s fills %s; what it leaves as it was, mksync keeps in step.", filler, whole.Name)
	case folded == "name" || strings.HasPrefix(folded, "naziv"):
		return "", fmt.Sprintf("%s is left alone: it may be the whole name (also: [%s]), or somebody else's.", whole.Name, scalar(whole.Name))
	}
	p.used = append(p.used, whole.Name)
	return whole.Name, fmt.Sprintf("%s is taken for the whole name, and kept in step.", whole.Name)
}

// address is in one column, or in several.
func (p *proposer) address() {
	if whole, one := p.is.of[roleAddress]; one {
		p.say("  ", "The whole address in one column: street, city, postal code.", byName(whole, roleAddress), p.about(whole))
		p.line(fmt.Sprintf("  address: {column: %s%s}", scalar(whole.Name), direction(whole)))
		p.used = append(p.used, whole.Name)
		return
	}

	var parts, notes []string
	for _, part := range []struct {
		key string
		of  role
	}{{"street", roleStreet}, {"city", roleCity}, {"postal_code", rolePostal}} {
		if c, has := p.is.of[part.of]; has {
			parts = append(parts, part.key+": "+scalar(c.Name))
			notes = append(notes, byName(c, part.of), p.about(c), p.or(part.of))
			p.used = append(p.used, c.Name)
		}
	}

	if len(parts) == 0 {
		p.line("  address: {direction: off}  # " + p.absent(roleAddress))
		return
	}
	p.say("  ", notes...)
	p.line("  address:")
	p.line("    columns: {" + strings.Join(parts, ", ") + "}")
}
