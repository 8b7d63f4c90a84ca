package mapping

// Likeness is what two contacts have in common besides the keys they are matched
// by. It is symmetric, and formatting does not matter.
type Likeness struct {
	Name                float64 // of the names, from 0 to 1
	Company             bool    // both are of a company of the same name
	Phone, Street, City bool    // known, and the same
	OtherCity           bool    // known, and another one
}

// Alike reports whether something beside a key says that the two are one.
func (l Likeness) Alike() bool { return l.Name >= similarName || l.Phone || l.Street && l.City }

// Liken compares two contacts.
func Liken(one, other Contact) Likeness {
	a, b := traitsOf(one), traitsOf(other)
	return Likeness{
		Name: a.nameLike(b), Company: same(a.company.text, b.company.text),
		Phone: same(a.phone, b.phone), Street: same(a.street, b.street), City: same(a.city, b.city),
		OtherCity: a.city != "" && b.city != "" && a.city != b.city,
	}
}

// nameKeys are the names by which somebody may be proposed as the same: without
// case, accents, order of words and legal forms.
func nameKeys(c Contact) []string {
	c = c.Clean()
	var keys []string
	for _, v := range []string{c.CompanyName, c.Name} {
		if key := foldedName(v); key != "" && (len(keys) == 0 || keys[0] != key) {
			keys = append(keys, key)
		}
	}
	return keys
}
