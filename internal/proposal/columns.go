package proposal

import (
	"slices"
	"strings"
)

// columns are what a table's columns are taken for.
type columns struct {
	of     map[role]Column
	others map[role][]string // columns that could be it as well
	left   []Column          // columns that nobody has taken
}

// order is the one in which the roles choose, of those that the same name can mean: a
// postal code before the city that is called after the post office.
var order = []role{
	roleUpdated, roleDeleted, roleArchived, roleTenant, rolePartner, roleGiven, roleFamily, roleWhole, roleCompany, roleEmail, rolePhone,
	roleTax, rolePostal, roleCity, roleCountry, roleAddress, roleStreet, roleWebsite, roleNotes,
}

// taken finds out what the columns are for. Those of the names in without are taken
// already.
func taken(t Table, without ...string) columns {
	c := columns{of: map[role]Column{}, others: map[role][]string{}, left: slices.Clone(t.Columns)}
	c.drop(without...)
	for _, r := range order {
		c.choose(r)
	}
	c.settleName()
	c.settleAddress()
	return c
}

// choose gives a role the column that is likest to it.
func (c *columns) choose(r role) {
	fits := c.like(r)
	if len(fits) == 0 {
		return
	}
	c.of[r] = fits[0]
	for _, other := range fits[1:] {
		c.others[r] = append(c.others[r], other.Name)
	}
	// The address and its street have names in common; settleAddress decides.
	if r != roleAddress {
		c.drop(fits[0].Name)
	}
}

// like are the columns left that could have the role, the likest first.
func (c *columns) like(r role) []Column {
	var fits []Column
	for _, column := range c.left {
		if likeness(column.Name, r) > 0 && column.holds(r) {
			fits = append(fits, column)
		}
	}
	slices.SortStableFunc(fits, func(a, b Column) int { return likeness(b.Name, r) - likeness(a.Name, r) })
	return fits
}

func (c *columns) drop(names ...string) {
	c.left = slices.DeleteFunc(c.left, func(column Column) bool { return slices.Contains(names, column.Name) })
}

// giveUp takes a role's column back.
func (c *columns) giveUp(r role) {
	if column, has := c.of[r]; has {
		delete(c.of, r)
		c.left = append(c.left, column)
	}
}

// holds: the column's type can be of that role.
func (c Column) holds(r role) bool {
	switch r {
	case roleUpdated:
		return c.Base == typeZoned || c.Base == typeUnzoned
	case roleDeleted, roleArchived:
		return c.Category == "D" || c.Category == "B" || c.Base == "smallint" || c.Base == "integer"
	case roleTenant, rolePartner:
		return c.Category != "A" && c.Category != "B"
	case roleTax, rolePostal:
		return c.text() || c.Category == "N" && c.Refers == ""
	}
	return c.text()
}

func (c Column) text() bool { return (c.Category == "S" || c.Category == "E") && c.Refers == "" }

// The types of a column that holds a time.
const (
	typeZoned   = "timestamp with time zone"
	typeUnzoned = "timestamp without time zone"
)

// settleName: a name in two columns needs both of them, else it is in one. Beside two
// columns a `naziv` is the company's.
func (c *columns) settleName() {
	_, given := c.of[roleGiven]
	_, family := c.of[roleFamily]
	switch {
	case given && family:
		whole, has := c.of[roleWhole]
		if _, company := c.of[roleCompany]; has && !company && strings.HasPrefix(strings.Join(fold(whole.Name), ""), "naziv") {
			delete(c.of, roleWhole)
			c.of[roleCompany] = whole
		}
		return
	case !given && !family:
		return
	}

	one := roleGiven
	if family {
		one = roleFamily
	}
	if _, has := c.of[roleWhole]; has {
		c.giveUp(one)
		return
	}
	c.of[roleWhole] = c.of[one]
	delete(c.of, one)
}

// settleAddress: with a city or a postal code beside it, an address is the street.
func (c *columns) settleAddress() {
	_, street := c.of[roleStreet]
	_, city := c.of[roleCity]
	_, postal := c.of[rolePostal]
	whole, has := c.of[roleAddress]
	switch {
	case city || postal:
		delete(c.of, roleAddress)
	case street && (!has || c.of[roleStreet].Name == whole.Name):
		c.of[roleAddress] = c.of[roleStreet]
		delete(c.of, roleStreet)
	case has:
		c.giveUp(roleStreet)
		c.drop(whole.Name)
	}
}
