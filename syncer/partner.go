package syncer

import (
	"strconv"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// view takes from a partner what is ours: its own attributes, its first contact
// entry and its billing address. See linkedView for one that is linked.
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

// linkedView is what of a partner is ours, as its link reads it.
func linkedView(p metakocka.Partner, l store.Link, contact *mapping.Contact) mapping.Partner {
	base, number := *l.BaseOr(mapping.Base{}), ""
	if contact != nil {
		number = contact.Phone
	}
	if base.Phone.In == "" && l.Intent != nil { // the first number of all is on its way
		base.Phone.In = l.Intent.Sent.PhoneIn
	}
	return view(p).Linked(base, number)
}

// shown is the linked partner as the link reads it.
func (k *task) shown(p metakocka.Partner) mapping.Partner {
	return linkedView(p, k.link, k.st.Contact)
}

// reads is the linked partner as a contact.
func (k *task) reads(p metakocka.Partner) (mapping.Contact, mapping.FieldErrors) {
	return mapping.FromPartner(k.shown(p))
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

// unread is a partner just made, as it was sent.
func unread(metakockaID string, p mapping.Partner) metakocka.Partner {
	return metakocka.Partner{
		MKID: metakockaID, Customer: p.Customer, TaxIDNumber: p.TaxID, BusinessEntity: p.BusinessEntity, Taxpayer: p.Taxpayer,
		ForeignCounty: p.Foreign, Notes: p.Notes, Website: p.Website,
		Contacts:  []metakocka.Contact{{Name: p.ContactName, GSM: p.GSM, Phone: p.Phone, Email: p.Email}},
		Addresses: []metakocka.Address{{Type: metakocka.AddressBilling, Street: p.Street, PostNumber: p.PostNumber, City: p.City, Country: p.Country}},
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
		c.AddressID = addressID(p) // a new entry names the address it belongs to
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

// addressID is the address a contact entry belongs to: the billing address, else
// the first.
func addressID(p metakocka.Partner) string {
	if a, ok := p.Billing(); ok {
		return a.MKID
	}
	if len(p.Addresses) > 0 {
		return p.Addresses[0].MKID
	}
	return ""
}

// Observed is the partner as it is stored as last seen.
func Observed(p metakocka.Partner) (*store.ObservedPartner, error) {
	data, err := p.MarshalJSON()
	if err != nil {
		return nil, err
	}
	v := view(p)
	return &store.ObservedPartner{
		MetaKockaID: p.MKID, Hash: p.Hash(), Name: v.Customer, Data: data,
		TaxNumber: mapping.Canonical(mapping.FieldTaxNumber, v.TaxID),
		Email:     mapping.Canonical(mapping.FieldEmail, v.Email),
		Keys:      match.Keys(partnerParty(p)),
	}, nil
}
