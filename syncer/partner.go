package syncer

import (
	"strconv"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// reading is a partner that was read once: as it came, what of it is ours, and that as a
// contact. Whose number is whose is read as the link has it.
type reading struct {
	metakocka.Partner
	ours       mapping.Partner
	contact    mapping.Contact
	unreadable mapping.FieldErrors // empty in the contact
}

// read reads a partner; the base, and else the contact's number, tell which number is
// the contact's.
func read(p metakocka.Partner, b mapping.Base, number string) reading {
	r := reading{Partner: p, ours: view(p).Linked(b, number)}
	r.contact, r.unreadable = mapping.FromPartner(r.ours)
	return r
}

// readLinked reads a partner as its link does.
func readLinked(p metakocka.Partner, l store.Link, contact *mapping.Contact) reading {
	base, number := *l.BaseOr(mapping.Base{}), ""
	if contact != nil {
		number = contact.Phone
	}
	if base.Phone.In == "" && l.Intent != nil { // the first number of all is on its way
		base.Phone.In = l.Intent.Sent.PhoneIn
	}
	return read(p, base, number)
}

// reads reads the linked partner.
func (k *task) reads(p metakocka.Partner) reading { return readLinked(p, k.link, k.st.Contact) }

// asItIs is what of the partner is ours, whichever number is whose.
func (r reading) asItIs() mapping.Partner {
	p := r.ours
	p.PhoneIn = ""
	return p
}

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

// alike reports whether two partners are the same in what is ours.
func alike(a, b metakocka.Partner) bool { return view(a) == view(b) }

// ContactOf reads a partner that nobody is linked with as a contact; what cannot be read
// is empty.
func ContactOf(p metakocka.Partner) mapping.Contact { return read(p, mapping.Base{}, "").contact }

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
	c.Name = want.ContactName
	c.Email = want.Email
	c.GSM = want.GSM
	c.Phone = want.Phone
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
	a.Street = want.Street
	a.City = want.City
	a.PostNumber = want.PostNumber
	a.Country = want.Country
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
	return read(p, mapping.Base{}, "").observed()
}

func (r reading) observed() (*store.ObservedPartner, error) {
	data, err := r.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return &store.ObservedPartner{
		MetaKockaID: r.MKID, Hash: r.Hash(), Name: r.ours.Customer, Data: data,
		TaxNumber: mapping.Canonical(mapping.FieldTaxNumber, r.ours.TaxID),
		Email:     mapping.Canonical(mapping.FieldEmail, r.ours.Email),
		Keys:      match.Keys(r.party()),
	}, nil
}
