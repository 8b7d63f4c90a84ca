package mapping

import "slices"

// Partner holds the attributes of a MetaKocka partner that are ours, as
// MetaKocka writes them: the partner's own, those of its first contact entry
// (ContactName, Email, GSM, Phone) and those of its billing address (Street,
// City, PostNumber, Country).
type Partner struct {
	Customer                          string
	BusinessEntity, Taxpayer, Foreign bool
	TaxID                             string
	ContactName, Email, GSM, Phone    string
	Street, City, PostNumber, Country string
	Notes, Website                    string
	// PhoneIn is the attribute whose number is the contact's (see Linked).
	PhoneIn string
}

// FromPartner reads a partner as a contact. A value that cannot be read (a
// country nobody knows) is empty in the contact and named in unreadable; the
// merge leaves such a field alone.
//
// A company (business_entity) has its customer as company name and its contact
// entry as name, which may be empty (see Contact.Named); a person's name is the
// customer. The phone is in the attribute that is ours, else in phone, else in gsm.
func FromPartner(p Partner) (c Contact, unreadable FieldErrors) {
	number, _ := p.numbers()

	c = Contact{
		Name:      first(p.Customer, p.ContactName),
		Email:     p.Email,
		Phone:     number,
		Address:   p.address().String(),
		Country:   p.Country,
		TaxNumber: p.TaxID,
		Notes:     p.Notes,
		Website:   p.Website,
	}

	if p.BusinessEntity {
		c.Name = p.ContactName
		c.CompanyName = p.Customer
	}
	c = c.Clean()

	if located := c.Located(); located.Country != c.Country {
		c = located
		c.Address = ParseAddress(c.Address).String()
	}

	if _, ok := ParseCountry(c.Country); c.Country != "" && !ok {
		unreadable = append(unreadable, FieldError{Field: FieldCountry, Reason: unknownCountry(c.Country)})
		c.Country = ""
	}
	return c, unreadable
}

func (p Partner) address() Address {
	return Address{Street: p.Street, City: p.City, PostNumber: p.PostNumber}
}

// ToPartner returns old with the changed fields as target has them; attributes
// of other fields stay as they are. target is everything the partner is to hold.
//
// A number goes into the attribute that is ours. A partner's taxpayer flag follows a new
// tax number and a change between person and company, its foreign flag follows a new
// country; else both are the ERP user's. A country that only the partner's address said
// goes into its own attribute where the address is written anew, and from the address
// where it becomes another one: each where the policy lets that field be written.
func ToPartner(target Contact, old Partner, changed []Field, policy Policy) Partner {
	target = target.Clean()
	p := old
	has := func(f Field) bool { return slices.Contains(changed, f) }

	if has(FieldEmail) {
		p.Email = target.Email
	}
	if has(FieldPhone) {
		p.setPhone(target.Phone, target.Country)
	}
	if has(FieldAddress) {
		p.setAddress(parseLike(target.Address, old.address()))
	}
	if has(FieldNotes) {
		p.Notes = target.Notes
	}
	if has(FieldWebsite) {
		p.Website = target.Website
	}

	// An address may name its country, and must not contradict the attribute.
	switch told := readAddress(old.address().String()); {
	case has(FieldCountry):
		p.setCountry(target.Country)
		if told.code != "" && told.code != target.Country && !has(FieldAddress) && policy.writes(SideMetaKocka, FieldAddress) {
			p.setAddress(told.Address) // without the country that it said
		}
	case has(FieldAddress) && old.located() && policy.writes(SideMetaKocka, FieldCountry):
		p.setCountry(told.code)
	}

	if has(FieldTaxNumber) {
		p.TaxID = target.TaxNumber
	}
	p.setNames(target, has(FieldName), has(FieldCompanyName))

	// Only a company can be a taxpayer, so both decide.
	if has(FieldTaxNumber) || p.BusinessEntity != old.BusinessEntity {
		p.Taxpayer = p.BusinessEntity && hasVATPrefix(p.TaxID)
	}
	return p
}

// located reports whether only the partner's address says its country.
func (p Partner) located() bool {
	return clean(FieldCountry, p.Country) == "" && readAddress(p.address().String()).code != ""
}

// CountryGone takes out of the base a country that only the partner's address said and
// that went with it, for its direction does not let it be written elsewhere: old was
// written as ToPartner says, and got is what the partner then holds. It is nobody's edit.
func (b *Base) CountryGone(old Partner, changed []Field, got Contact, policy Policy) {
	if old.located() && slices.Contains(changed, FieldAddress) && !policy.writes(SideMetaKocka, FieldCountry) {
		b.Partner.Country = got.Country
	}
}

// setNames puts name and company name where a person or a company has them. A
// partner is never left without a customer.
func (p *Partner) setNames(target Contact, name, company bool) {
	wasCompany := p.BusinessEntity
	own := collapse(p.ContactName) == "" || Equal(FieldName, p.ContactName, p.Customer)
	if company {
		p.BusinessEntity = target.CompanyName != ""
	}
	switch {
	case p.BusinessEntity && company:
		p.Customer = target.CompanyName
	case !p.BusinessEntity && (name || wasCompany):
		p.Customer = first(target.Name, p.Customer)
	}
	// A person's partner may name somebody else for its contact entry.
	if name && (p.BusinessEntity || own) || p.BusinessEntity != wasCompany {
		p.ContactName = target.Name
	}
}

func (p *Partner) setAddress(a Address) {
	p.Street = a.Street
	p.City = a.City
	p.PostNumber = a.PostNumber
}

// setCountry writes the country's English name and whether it is abroad. A name
// that is no country's is written as it is: Validate has refused it before.
func (p *Partner) setCountry(v string) {
	p.Country = first(CountryName(v), v)
	p.Foreign = v != "" && v != homeRegion
}

// NewPartner returns the partner to create for a contact.
func NewPartner(c Contact) Partner {
	return ToPartner(c.Named(), Partner{}, Fields(), DefaultPolicy())
}

// first returns the first value that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if collapse(v) != "" {
			return v
		}
	}
	return ""
}
