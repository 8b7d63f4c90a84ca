package metakocka

import (
	"encoding/json"
	"strconv"
)

// Names of attributes in the API's JSON.
const (
	keyMKID      = "mk_id"
	keyPartners  = "partner_list"
	keyContacts  = "partner_contact_list"
	keyAddresses = "partner_delivery_address_list"
	keySecret    = "secret_key"
	keyCompany   = "company_id"
)

// MarshalJSON writes the partner in the shape of the API: texts as strings,
// empty texts left out, flags as "true" and "false", keys in a fixed order.
func (p Partner) MarshalJSON() ([]byte, error) {
	m := extraObject(p.Extra)
	putTexts(m, p.texts())
	m["business_entity"] = strconv.FormatBool(p.BusinessEntity)
	m["taxpayer"] = strconv.FormatBool(p.Taxpayer)
	m["foreign_county"] = strconv.FormatBool(p.ForeignCounty)
	putFlag(m, "buyer", p.Buyer)
	putFlag(m, "supplier", p.Supplier)
	if len(p.Contacts) > 0 {
		m[keyContacts] = p.Contacts
	}
	if len(p.Addresses) > 0 {
		m[keyAddresses] = p.Addresses
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON wrote and everything the API sends for a
// partner: strings or numbers, missing attributes, a bare element for a list.
func (p *Partner) UnmarshalJSON(data []byte) error {
	r, err := newReader(data)
	if err != nil {
		return err
	}
	var out Partner
	for key, target := range out.textTargets() {
		*target = r.text(key)
	}

	out.BusinessEntity = r.flag("business_entity")
	out.Taxpayer = r.flag("taxpayer")
	out.ForeignCounty = r.flag("foreign_county")
	out.Buyer = r.optionalFlag("buyer")
	out.Supplier = r.optionalFlag("supplier")
	out.Contacts = readList[Contact](r, keyContacts)
	out.Addresses = readList[Address](r, keyAddresses)
	out.Extra = r.rest()

	if r.err != nil {
		return r.err
	}
	*p = out
	return nil
}

// MarshalJSON writes the entry in the shape of the API.
func (c Contact) MarshalJSON() ([]byte, error) {
	m := extraObject(c.Extra)
	putTexts(m, texts(c.textTargets()))
	return json.Marshal(m)
}

// UnmarshalJSON reads an entry as the API sends it.
func (c *Contact) UnmarshalJSON(data []byte) error {
	var out Contact
	extra, err := readEntry(data, out.textTargets())
	if err != nil {
		return err
	}
	out.Extra = extra
	*c = out
	return nil
}

// MarshalJSON writes the entry in the shape of the API.
func (a Address) MarshalJSON() ([]byte, error) {
	m := extraObject(a.Extra)
	putTexts(m, texts(a.textTargets()))
	return json.Marshal(m)
}

// UnmarshalJSON reads an entry as the API sends it.
func (a *Address) UnmarshalJSON(data []byte) error {
	var out Address
	var misspelt string // as live companies send the province
	targets := out.textTargets()
	targets["provice"] = &misspelt
	extra, err := readEntry(data, targets)
	if err != nil {
		return err
	}
	out.Province = or(out.Province, misspelt)
	out.Extra = extra
	*a = out
	return nil
}

func (p *Partner) textTargets() map[string]*string {
	return map[string]*string{
		keyMKID:               &p.MKID,
		"count_code":          &p.CountCode,
		"customer":            &p.Customer,
		"tax_id_number":       &p.TaxIDNumber,
		"registration_number": &p.RegistrationNumber,
		"notes":               &p.Notes,
		"website":             &p.Website,
	}
}

func (p *Partner) texts() map[string]string { return texts(p.textTargets()) }

func (c *Contact) textTargets() map[string]*string {
	return map[string]*string{
		keyMKID: &c.MKID, "mk_address_id": &c.AddressID,
		"name": &c.Name, "gsm": &c.GSM, "phone": &c.Phone, "email": &c.Email, "fax": &c.Fax,
	}
}

func (a *Address) textTargets() map[string]*string {
	return map[string]*string{
		keyMKID: &a.MKID, "address_type": &a.Type,
		"street": &a.Street, "post_number": &a.PostNumber, "city": &a.City,
		"country": &a.Country, "province": &a.Province,
	}
}

func texts(targets map[string]*string) map[string]string {
	out := make(map[string]string, len(targets))
	for key, target := range targets {
		out[key] = *target
	}
	return out
}

func extraObject(extra map[string]json.RawMessage) map[string]any {
	m := make(map[string]any, len(extra)+16)
	for key, raw := range extra {
		m[key] = raw
	}
	return m
}

// putTexts sets the texts that are not empty. A text attribute always wins over
// an attribute of the same name in Extra.
func putTexts(m map[string]any, values map[string]string) {
	for key, value := range values {
		delete(m, key)
		if value != "" {
			m[key] = value
		}
	}
}

func putFlag(m map[string]any, key string, v *bool) {
	delete(m, key)
	if v != nil {
		m[key] = strconv.FormatBool(*v)
	}
}

func readEntry(data []byte, targets map[string]*string) (map[string]json.RawMessage, error) {
	r, err := newReader(data)
	if err != nil {
		return nil, err
	}
	for key, target := range targets {
		*target = r.text(key)
	}
	extra := r.rest()
	return extra, r.err
}

// readList reads a list's elements. They are read by their own UnmarshalJSON at
// once, because encoding/json would scan each of them once more before it.
func readList[T any, P interface {
	*T
	json.Unmarshaler
}](r *reader, key string) []T {
	elements := r.list(key)
	if len(elements) == 0 {
		return nil
	}
	out := make([]T, len(elements))
	for i, raw := range elements {
		if err := P(&out[i]).UnmarshalJSON(raw); err != nil {
			r.failAt(key, i, err)
			return nil
		}
	}
	return out
}
