package mapping

// MatchKeys are what a contact and a partner find each other by: whoever has none
// in common with another is not compared with it.
type MatchKeys struct {
	Number  string   // digits of the tax number; a placeholder is none
	Emails  []string // canonical
	Persons []string // names, as nameKeys makes them
}

// Names are what contacts with the same keys wait for each other under. Names of
// people are not among them: they never link.
func (k MatchKeys) Names() []string {
	var names []string
	if k.Number != "" {
		names = append(names, "tax "+k.Number)
	}
	for _, e := range k.Emails {
		names = append(names, "email "+e)
	}
	return names
}

// ByName are the keys that propose.
func (k MatchKeys) ByName() []string {
	names := make([]string, len(k.Persons))
	for i, p := range k.Persons {
		names[i] = "name " + p
	}
	return names
}

// All are the keys as a partner is kept with; one may have none.
func (k MatchKeys) All() []string { return append(append([]string{}, k.Names()...), k.ByName()...) }

// Keys are what a contact and a partner are matched by.
func Keys(c Contact) MatchKeys {
	k := MatchKeys{Emails: Emails(c.Email), Persons: nameKeys(c)}
	if id := ReadTax(c.TaxNumber, c.Country); !id.Placeholder() {
		k.Number = id.Digits()
	}
	return k
}
