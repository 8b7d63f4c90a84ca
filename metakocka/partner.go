package metakocka

import (
	"encoding/json"
	"maps"
	"slices"
)

// RemoveValue empties a text attribute where an empty value changes nothing.
// Documented for products; for partners it is the second thing to try.
const RemoveValue = "$REMOVE_STRING_VALUE$"

// AddressBilling is the address_type of a partner's billing address.
const AddressBilling = "Račun"

// Partner is one business partner as the ERP shows it. The ERP gives it neither
// a version nor a modification time. Attributes that are not listed here are in
// Extra as they came. In JSON it has the shape of the API.
type Partner struct {
	MKID      string // the key
	CountCode string // the partner's number, "684/2026"; not a key

	Customer           string
	TaxIDNumber        string
	RegistrationNumber string
	Notes              string
	Website            string

	BusinessEntity bool
	Taxpayer       bool
	ForeignCounty  bool  // spelled as in the API
	Buyer          *bool // nil: not shown
	Supplier       *bool // nil: not shown

	Contacts  []Contact
	Addresses []Address

	Extra map[string]json.RawMessage
}

// Contact is an entry of a partner's contact list. Extra is what else the ERP
// holds for it; an update sends it back, because what happens to attributes that
// are left out of an entry is not documented.
type Contact struct {
	MKID      string
	AddressID string

	Name  string
	GSM   string
	Phone string
	Email string
	Fax   string

	Extra map[string]json.RawMessage
}

// Address is an entry of a partner's address list. Extra as for Contact.
type Address struct {
	MKID string
	Type string // AddressBilling, "Dobava", "Poslovna enota"

	Street     string
	PostNumber string
	City       string
	Country    string
	Province   string

	Extra map[string]json.RawMessage
}

// Billing is the first billing address.
func (p Partner) Billing() (Address, bool) {
	for _, a := range p.Addresses {
		if a.Type == AddressBilling {
			return a, true
		}
	}
	return Address{}, false
}

// PrimaryContact is the first contact entry.
func (p Partner) PrimaryContact() (Contact, bool) {
	if len(p.Contacts) == 0 {
		return Contact{}, false
	}
	return p.Contacts[0], true
}

// Clone is a copy that shares no slice, map or pointer with p.
func (p Partner) Clone() Partner {
	p.Buyer = cloneFlag(p.Buyer)
	p.Supplier = cloneFlag(p.Supplier)
	p.Contacts = slices.Clone(p.Contacts)
	p.Addresses = slices.Clone(p.Addresses)
	for i := range p.Contacts {
		p.Contacts[i].Extra = maps.Clone(p.Contacts[i].Extra)
	}
	for i := range p.Addresses {
		p.Addresses[i].Extra = maps.Clone(p.Addresses[i].Extra)
	}
	p.Extra = maps.Clone(p.Extra)
	return p
}

func cloneFlag(v *bool) *bool {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}
