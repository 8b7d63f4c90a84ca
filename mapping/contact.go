package mapping

import "slices"

// Field names one field of the canonical contact. Its text is the name used in
// configuration, in the database and in events.
type Field string

// The canonical fields.
const (
	FieldName        Field = "name"
	FieldCompanyName Field = "company_name"
	FieldEmail       Field = "email"
	FieldPhone       Field = "phone"
	FieldAddress     Field = "address"
	FieldCountry     Field = "country"
	FieldTaxNumber   Field = "tax_number"
	FieldNotes       Field = "notes"
	FieldWebsite     Field = "website"
)

// Fields lists every canonical field, always in the same order. The slice is
// the caller's own.
func Fields() []Field {
	return []Field{
		FieldName, FieldCompanyName, FieldEmail, FieldPhone, FieldAddress,
		FieldCountry, FieldTaxNumber, FieldNotes, FieldWebsite,
	}
}

// GoesByItsName reports whether the field's columns are the one of its own name, which a
// table may lack on purpose: a column by another name was named by somebody.
func (f Field) GoesByItsName(columns []string) bool {
	return slices.Equal(columns, []string{string(f)})
}

// Known reports whether f is one of Fields.
func (f Field) Known() bool {
	var c Contact
	return c.at(f) != nil
}

// Contact is a contact in the words of the CRM. Values are as a person wrote
// them, cleaned by Clean; "" is an empty value. Country is an ISO 3166-1
// alpha-2 code.
type Contact struct {
	Name        string `json:"name,omitempty"`
	CompanyName string `json:"company_name,omitempty"`
	Email       string `json:"email,omitempty"`
	Phone       string `json:"phone,omitempty"`
	Address     string `json:"address,omitempty"`
	Country     string `json:"country,omitempty"`
	TaxNumber   string `json:"tax_number,omitempty"`
	Notes       string `json:"notes,omitempty"`
	Website     string `json:"website,omitempty"`
}

// at points at the field's value; nil for an unknown field.
func (c *Contact) at(f Field) *string {
	switch f {
	case FieldName:
		return &c.Name
	case FieldCompanyName:
		return &c.CompanyName
	case FieldEmail:
		return &c.Email
	case FieldPhone:
		return &c.Phone
	case FieldAddress:
		return &c.Address
	case FieldCountry:
		return &c.Country
	case FieldTaxNumber:
		return &c.TaxNumber
	case FieldNotes:
		return &c.Notes
	case FieldWebsite:
		return &c.Website
	}

	return nil
}

// Get returns the field's value, "" for an unknown field.
func (c Contact) Get(f Field) string {
	if v := c.at(f); v != nil {
		return *v
	}
	return ""
}

// Set changes the field's value; an unknown field is ignored.
func (c *Contact) Set(f Field, v string) {
	if p := c.at(f); p != nil {
		*p = v
	}
}

// Clean returns the contact with every value trimmed, in Unicode NFC and free
// of control characters, and a country that is known by name as its code.
func (c Contact) Clean() Contact {
	for _, f := range Fields() {
		c.Set(f, clean(f, c.Get(f)))
	}
	return c
}

// Named returns the contact with its company's name for a name where it has
// none: a partner that is a company needs no contact person, a contact in the
// CRM cannot be without a name.
func (c Contact) Named() Contact {
	if c.Name == "" {
		c.Name = c.CompanyName
	}
	return c
}

// Located returns the cleaned contact with the country that its address ends in
// where it has none of its own: "…, 80331 München, Deutschland" is in Germany.
func (c Contact) Located() Contact {
	if c.Country == "" {
		c.Country = readAddress(c.Address).code
	}
	return c
}

// Diff lists the fields in which a and b differ, formatting aside.
func Diff(a, b Contact) []Field {
	var out []Field
	for _, f := range Fields() {
		if !Equal(f, a.Get(f), b.Get(f)) {
			out = append(out, f)
		}
	}
	return out
}
