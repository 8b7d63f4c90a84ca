package proposal

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
)

// Candidate is a table that may be the contacts'.
type Candidate struct {
	Table Table
	Key   Column
	Score int
	is    columns
}

// Candidates are the tables that mksync can take for the contacts, the likeliest first.
func (d Database) Candidates() []Candidate {
	var all []Candidate
	for _, t := range d.Tables {
		c := d.candidate(t)
		if c.Score > 0 && c.unfit() == "" {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b Candidate) int { return cmp.Compare(b.Score, a.Score) })
	return all
}

// Named is the table of that name, be it likely or not; the error says why mksync cannot
// work on it. Without a schema it is the first of its name.
func (d Database) Named(name string) (Candidate, error) {
	for _, t := range d.Tables {
		if t.FullName() != name && t.Name != name {
			continue
		}
		c := d.candidate(t)
		if reason := c.unfit(); reason != "" {
			return c, fmt.Errorf("%s cannot be the contacts' table: %s", t.FullName(), reason)
		}
		return c, nil
	}
	return Candidate{}, fmt.Errorf("there is no table %s, or role %q may not see it", name, d.Role)
}

// Alike are those among the candidates of which the best might be the wrong one.
func Alike(candidates []Candidate) []Candidate {
	const close = 12
	n := 0
	for n < len(candidates) && candidates[n].Score >= candidates[0].Score-close {
		n++
	}
	return candidates[:n]
}

// candidate scores a table; 0: it is none.
func (d Database) candidate(t Table) Candidate {
	c := Candidate{Table: t}
	var has bool
	if c.Key, has = t.key(); has {
		c.is = taken(t, c.Key.Name)
	} else {
		c.is = taken(t)
	}
	c.Score = c.score()
	return c
}

// worth is how much it says of a table that it has a column of the role.
var worth = map[role]int{
	roleEmail: 20, rolePhone: 15, roleTax: 12, roleCompany: 6, roleAddress: 8, roleStreet: 8, roleCity: 4, rolePostal: 4, roleCountry: 2, roleWebsite: 2,
}

// score: a name that says nothing takes columns that say it all.
func (c Candidate) score() int {
	named := tableLikeness(c.Table.Name)
	columns := 0
	for r, points := range worth {
		if _, has := c.is.of[r]; has {
			columns += points
		}
	}
	if slices.ContainsFunc(c.Table.Columns, Column.password) {
		named -= 30 // whoever logs in is seldom a customer
	}
	if c.Table.own() || named+columns < 35 || columns < 8 && named < 50 {
		return 0
	}
	if c.Table.Schema == "public" {
		named += 3
	}
	return named + columns
}

func (c Column) password() bool {
	parts := fold(c.Name)
	return slices.ContainsFunc(words("password passwd pwd geslo passwordhash"), func(w string) bool { return slices.Contains(parts, w) })
}

// unfit says why mksync cannot work on the table; empty: it can.
func (c Candidate) unfit() string {
	t := c.Table
	_, whole := c.is.of[roleWhole]
	_, parts := c.is.of[roleGiven]
	switch {
	case t.View:
		return "a view: mksync needs the table below it"
	case t.Unlogged:
		return "Postgres's log does not tell of its changes: it is unlogged, or foreign"
	case c.Key.Name == "":
		return "no column of it can be the key: a primary key, or one that is unique and not null, of type uuid, text, varchar, smallint, integer or bigint"
	case !whole && !parts:
		return "no column of it looks like a name"
	case !nameable.MatchString(t.FullName()):
		return "its name holds a dot, a quote or a space"
	}
	return ""
}

// nameable are names of tables that the configuration takes.
var nameable = regexp.MustCompile(`^[^."\s]{1,63}\.[^."\s]{1,63}$`)

// keyTypes are those that name a contact.
var keyTypes = []string{"uuid", "text", "character varying", "smallint", "integer", "bigint"}

// key is the column that names a row: the primary key, else another that cannot change
// its meaning, such as an e-mail.
func (t Table) key() (Column, bool) {
	for _, c := range t.Columns {
		if c.Primary && c.canBeKey() {
			return c, true
		}
	}
	for _, c := range t.Columns {
		if c.canBeKey() && keyLike(c.Name) {
			return c, true
		}
	}
	return Column{}, false
}

func (c Column) canBeKey() bool {
	return c.Unique && c.NotNull && slices.Contains(keyTypes, c.Base)
}

// keyLike are names of columns that name a row.
func keyLike(name string) bool {
	parts := fold(name)
	if len(parts) == 0 {
		return false
	}
	return slices.Contains(words("id uuid guid key code sifra kljuc"), parts[len(parts)-1]) || parts[0] == "id"
}

// Unsuited says what there is that looks like contacts and is none that mksync can work
// on, and why.
func (d Database) Unsuited() []string {
	var lines []string
	for _, t := range d.Tables {
		c := d.candidate(t)
		if reason := c.unfit(); reason != "" && (c.Score > 0 || tableLikeness(t.Name) >= 35) && !t.own() {
			lines = append(lines, t.FullName()+" ("+reason+")")
		}
	}
	return lines
}
