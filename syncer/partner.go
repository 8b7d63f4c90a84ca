package syncer

import (
	"strconv"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/metakocka"
)

// view takes from a partner what is ours: its own attributes, its first contact
// entry and its billing address.
func view(p metakocka.Partner) mapping.Partner {
	contact, _ := p.PrimaryContact()
	billing, _ := p.Billing()
	return mapping.Partner{
		Customer: p.Customer, BusinessEntity: p.BusinessEntity, Taxpayer: p.Taxpayer, Foreign: p.ForeignCounty,
		TaxID: p.TaxIDNumber, ContactName: contact.Name, Email: contact.Email, GSM: contact.GSM, Phone: contact.Phone,
		Street: billing.Street, City: billing.City, PostNumber: billing.PostNumber, Country: billing.Country,
		Notes: p.Notes, Website: p.Website,
	}
}

// ContactOf reads a partner as a contact; what cannot be read is empty.
func ContactOf(p metakocka.Partner) mapping.Contact {
	c, _ := mapping.FromPartner(view(p))
	return c
}

// newPartner is what add_partner sends for p: a buyer.
func newPartner(p mapping.Partner) metakocka.NewPartner {
	return metakocka.NewPartner{
		Customer: p.Customer, TaxIDNumber: p.TaxID, BusinessEntity: p.BusinessEntity, Taxpayer: p.Taxpayer,
		ForeignCounty: p.Foreign, Buyer: true,
		Street: p.Street, PostNumber: p.PostNumber, Place: p.City, Country: p.Country,
		Notes: p.Notes, Website: p.Website,
		Contact: &metakocka.Contact{Name: p.ContactName, GSM: p.GSM, Phone: p.Phone, Email: p.Email},
	}
}

// partnerUpdate is the update that turns p into want: what differs, nested
// entries whole with everything in them that is not ours. ok is false when
// nothing differs.
func partnerUpdate(p metakocka.Partner, want mapping.Partner) (u metakocka.Update, ok bool) {
	have := view(p)
	u = metakocka.Update{MKID: p.MKID, Set: map[string]string{}}
	set := func(key, have, want string) {
		if have != want {
			u.Set[key] = want
		}
	}
	set("customer", have.Customer, want.Customer)
	set("tax_id_number", have.TaxID, want.TaxID)
	set("notes", have.Notes, want.Notes)
	set("website", have.Website, want.Website)
	set("business_entity", strconv.FormatBool(have.BusinessEntity), strconv.FormatBool(want.BusinessEntity))
	set("taxpayer", strconv.FormatBool(have.Taxpayer), strconv.FormatBool(want.Taxpayer))
	set("foreign_county", strconv.FormatBool(have.Foreign), strconv.FormatBool(want.Foreign))
	u.Contact = contactEntry(p, have, want)
	u.Address = addressEntry(p, have, want)
	return u, len(u.Set) > 0 || u.Contact != nil || u.Address != nil
}

func contactEntry(p metakocka.Partner, have, want mapping.Partner) *metakocka.Contact {
	if have.ContactName == want.ContactName && have.Email == want.Email && have.GSM == want.GSM && have.Phone == want.Phone {
		return nil
	}
	c, exists := p.Clone().PrimaryContact()
	if !exists {
		if billing, ok := p.Billing(); ok {
			c.AddressID = billing.MKID // a new entry names the address it belongs to
		}
		if want.ContactName == "" {
			want.ContactName = want.Customer
		}
	}
	c.Name, c.Email, c.GSM, c.Phone = want.ContactName, want.Email, want.GSM, want.Phone
	return &c
}

func addressEntry(p metakocka.Partner, have, want mapping.Partner) *metakocka.Address {
	if have.Street == want.Street && have.City == want.City && have.PostNumber == want.PostNumber && have.Country == want.Country {
		return nil
	}
	a, exists := p.Clone().Billing()
	if !exists {
		a.Type = metakocka.AddressBilling
	}
	a.Street, a.City, a.PostNumber, a.Country = want.Street, want.City, want.PostNumber, want.Country
	return &a
}

// withMarkers is u with the marker in place of every empty text it sends that
// still stands in got: the second way to empty a value. ok is false when
// nothing stands.
func withMarkers(u metakocka.Update, got metakocka.Partner) (again metakocka.Update, ok bool) {
	again = metakocka.Update{MKID: u.MKID, Set: map[string]string{}}
	now := view(got)
	for key, value := range map[string]string{"tax_id_number": now.TaxID, "notes": now.Notes, "website": now.Website} {
		if sent, is := u.Set[key]; is && sent == "" && value != "" {
			again.Set[key] = metakocka.RemoveValue
			ok = true
		}
	}
	if c, is := got.Clone().PrimaryContact(); is && u.Contact != nil {
		stands := mark(&c.Email, u.Contact.Email)
		stands = mark(&c.GSM, u.Contact.GSM) || stands
		stands = mark(&c.Phone, u.Contact.Phone) || stands
		if stands {
			again.Contact, ok = &c, true
		}
	}
	if a, is := got.Clone().Billing(); is && u.Address != nil {
		stands := mark(&a.Street, u.Address.Street)
		stands = mark(&a.City, u.Address.City) || stands
		stands = mark(&a.PostNumber, u.Address.PostNumber) || stands
		stands = mark(&a.Country, u.Address.Country) || stands
		if stands {
			again.Address, ok = &a, true
		}
	}
	return again, ok
}

// mark puts the marker into a value that was sent empty and still stands.
func mark(value *string, sent string) bool {
	if sent != "" || *value == "" {
		return false
	}
	*value = metakocka.RemoveValue
	return true
}

// observed is the partner as it is stored as last seen.
func observed(p metakocka.Partner) (*mapping.ObservedPartner, error) {
	data, err := p.MarshalJSON()
	if err != nil {
		return nil, err
	}
	v := view(p)
	return &mapping.ObservedPartner{
		MetaKockaID: p.MKID, Hash: p.Hash(), Name: v.Customer, Data: data,
		TaxNumber: mapping.Canonical(mapping.FieldTaxNumber, v.TaxID),
		Email:     mapping.Canonical(mapping.FieldEmail, v.Email),
	}, nil
}
