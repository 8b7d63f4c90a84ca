package mapping

import "slices"

// Part names what one of several columns holds of a field.
type Part string

// The parts of a name and of an address.
const (
	PartGiven      Part = "given"
	PartFamily     Part = "family"
	PartStreet     Part = "street"
	PartCity       Part = "city"
	PartPostalCode Part = "postal_code"
)

// PartsOf lists the parts that a field can be kept in, as they are written one after
// another; nil: it is always in one column.
func PartsOf(f Field) []Part {
	switch f {
	case FieldName:
		return []Part{PartGiven, PartFamily}
	case FieldAddress:
		return []Part{PartStreet, PartCity, PartPostalCode}
	case FieldCompanyName, FieldEmail, FieldPhone, FieldCountry, FieldTaxNumber, FieldNotes, FieldWebsite:
	}
	return nil
}

// Parted is a field's value in parts. Its keys are the parts that there are columns for.
type Parted map[Part]string

// Join is the value as one column would hold it: "given family", "street, city,
// postal_code", without what is empty.
func Join(f Field, p Parted) string {
	if f == FieldName {
		return collapse(p[PartGiven] + " " + p[PartFamily])
	}
	return p.address().String()
}

// Split is a contact's name or address in the parts of had, which its columns hold now. A
// part that the new value still has stays in its column as it is, so that only the parts
// that differ are written; Split of what Join made of had is had.
func Split(f Field, c Contact, had Parted) Parted {
	if f == FieldName {
		return splitName(c, had)
	}
	return splitAddress(c.Address, had)
}

func (p Parted) address() Address {
	return Address{Street: p[PartStreet], City: p[PartCity], PostNumber: p[PartPostalCode]}
}

// has reports whether there is a column for the part.
func (p Parted) has(part Part) bool {
	_, there := p[part]
	return there
}

// with has the parts of an address in place of p's. What there is no column for goes with
// the part before it, or else with the one behind it: nothing of a value is lost.
func (p Parted) with(a Address) Parted {
	values := []string{a.Street, a.City, a.PostNumber}
	if !p.has(PartStreet) && p.has(PartPostalCode) && postAlone.MatchString(a.String()) {
		values = []string{"", "", a.String()} // a postal code alone reads as a street
	}

	got, before, early := Parted{}, Part(""), []string(nil)
	for i, part := range PartsOf(FieldAddress) {
		switch {
		case p.has(part):
			got[part] = joinFilled(append(early, values[i]))
			before, early = part, nil
		case before != "":
			got[before] = joinFilled([]string{got[before], values[i]})
		default:
			early = append(early, values[i])
		}
	}
	return got
}

func joinFilled(parts []string) string {
	return join(slices.DeleteFunc(parts, func(v string) bool { return v == "" }))
}

// splitAddress leaves a part as it is written while it says the same.
func splitAddress(v string, had Parted) Parted {
	if Equal(FieldAddress, v, Join(FieldAddress, had)) {
		return had
	}

	old := had.address()
	a, found := sameEnd(addressParts(clean(FieldAddress, v)), old)
	if !found {
		a = ParseAddress(v)
	}

	kept := a
	if collapse(old.Street) == a.Street {
		kept.Street = old.Street
	}
	if collapse(old.City) == a.City {
		kept.City = old.City
	}
	if plainPost(collapse(old.PostNumber)) == plainPost(a.PostNumber) {
		kept.PostNumber = old.PostNumber
	}

	// Put together, parts may read as something else than they are.
	for _, parted := range []Parted{had.with(kept), had.with(a)} {
		if Equal(FieldAddress, v, Join(FieldAddress, parted)) {
			return parted
		}
	}
	return had.with(ParseAddress(v))
}

// heldOf is as much of a partner's value as the CRM has columns for: of an address whose
// city has no column, the street and the postal code. No parts: one column holds it all.
func heldOf(f Field, parts []Part, v string) string {
	if f != FieldAddress || len(parts) == 0 || len(parts) == len(PartsOf(f)) {
		return v
	}
	a := ParseAddress(v)
	p := Parted{PartStreet: a.Street, PartCity: a.City, PartPostalCode: a.PostNumber}
	for part := range p {
		if !slices.Contains(parts, part) {
			delete(p, part)
		}
	}
	return Join(f, p)
}

// Held is a contact that a partner's values make, with as much of them as the CRM has
// columns for.
func (p Policy) Held(c Contact) Contact {
	for _, f := range Fields() {
		c.Set(f, heldOf(f, p.For(f).Parts, c.Get(f)))
	}
	return c
}
