package sim

import (
	"encoding/json"
	"strings"

	"github.com/crmmind/mksync/metakocka"
)

var errNothingFound = &refusal{code: "2", text: "No partner with such properties."}

// getPartner finds the partners that match every argument, oldest first.
func (s *Server) getPartner(args map[string]json.RawMessage) (answer, *refusal) {
	a := &attributes{server: s, object: args, where: "request", length: func(string) int { return 0 }}
	q := metakocka.Query{
		ID: a.id("partner_id"), Name: a.text("partner_name"), TaxNumber: a.text("partner_tax_number"),
		Email: a.text("partner_email"), Phone: a.text("partner_phone_number"),
	}
	q.Limit = a.whole("limit")
	q.Offset = a.whole("offset")
	a.flag("show_partner_discount", false)

	if a.refused != nil {
		return nil, a.refused
	}

	if q.ID+q.Name+q.TaxNumber+q.Email+q.Phone == "" {
		lists := s.opts.ListAll
		if a.has("partner_name") {
			lists = s.opts.EmptyName
		}
		switch lists {
		case ListsNothing:
			return nil, s.nothingFound()
		case Refused:
			return nil, refuse("At least one search parameter is required.")
		}
	}

	found := s.search(q)
	shown := s.page(found, q)
	if len(shown) == 0 {
		return nil, s.nothingFound()
	}
	return s.listAnswer(shown, len(found)), nil
}

func (s *Server) nothingFound() *refusal {
	if s.opts.Slovenian {
		return &refusal{code: codeInput, text: "Partner s temi podatki ne obstaja."}
	}
	return errNothingFound
}

// page is the part of what was found that limit and offset ask for.
func (s *Server) page(found []*record, q metakocka.Query) []*record {
	if q.Limit <= 0 || s.opts.Paging == PagesIgnored {
		return found
	}
	switch s.opts.Paging {
	case OffsetIgnored:
		q.Offset = 0
	case OffsetIsPage:
		q.Offset *= q.Limit
	}
	limit := q.Limit
	if s.opts.AnswerCap > 0 {
		limit = min(limit, s.opts.AnswerCap)
	}
	from := min(q.Offset, len(found))
	return found[from:min(from+limit, len(found))]
}

func (s *Server) search(q metakocka.Query) []*record {
	if q.ID != "" {
		if r := s.store.byID[q.ID]; r != nil && s.matches(r, q) {
			return []*record{r}
		}
		return nil
	}
	q.Name = strings.ToLower(q.Name)
	var found []*record
	for _, r := range s.store.partners {
		if s.matches(r, q) {
			found = append(found, r)
		}
	}
	return found
}

func (s *Server) matches(r *record, q metakocka.Query) bool {
	return (q.Name == "" || strings.Contains(r.name, strings.ToLower(q.Name))) &&
		(q.TaxNumber == "" || s.sameTax(r.partner.TaxIDNumber, q.TaxNumber)) &&
		(q.Email == "" || s.anyContact(r, func(c metakocka.Contact) bool { return s.sameEmail(c.Email, q.Email) })) &&
		(q.Phone == "" || s.anyContact(r, func(c metakocka.Contact) bool { return c.GSM == q.Phone || c.Phone == q.Phone }))
}

func (s *Server) sameTax(have, want string) bool {
	if s.opts.LooseTaxSearch {
		have, want = strings.TrimPrefix(have, "SI"), strings.TrimPrefix(want, "SI")
	}
	return have == want
}

func (s *Server) sameEmail(have, want string) bool {
	if s.opts.LooseEmailSearch {
		return strings.Contains(strings.ToLower(have), strings.ToLower(want))
	}
	return have == want || (!s.opts.EmailHeedsCase && strings.EqualFold(have, want))
}

func (s *Server) anyContact(r *record, match func(metakocka.Contact) bool) bool {
	return indexOf(r.partner.Contacts, match) >= 0
}

// addPartner makes a new partner, whatever partners there are.
func (s *Server) addPartner(args map[string]json.RawMessage) (answer, *refusal) {
	a := s.read(args["partner"], "partner")
	if a.refused != nil {
		return nil, a.refused
	}

	a.require()
	yes, no := true, false
	p := metakocka.Partner{Buyer: &yes, Supplier: &no}

	s.topLevel(a, &p)
	p.Addresses = []metakocka.Address{s.billing(a, metakocka.Address{
		Type:  metakocka.AddressBilling,
		Extra: map[string]json.RawMessage{"payment_due_days": rawText("15"), "language": rawText("Slovenski"), "currency": rawText("EUR")},
	})}
	s.firstEntries(a, &p)

	if a.refused != nil {
		return nil, a.refused
	}

	stored, err := s.store.insert(p, s.opts.Now().Year())
	if err != nil {
		return nil, refuse("%v", err)
	}
	return s.addedAnswer(stored), nil
}

// firstEntries reads the one contact and the one address of add_partner.
func (s *Server) firstEntries(a *attributes, p *metakocka.Partner) {
	if a.has("partner_contact") {
		entry := s.readContact(a.object["partner_contact"], "partner_contact")
		contact := s.contact(entry, metakocka.Contact{})
		if entry.text("useCustomerAsContact") == "true" {
			contact.Name = p.Customer
		}
		contact.AddressID = "" // the billing address, which has no id yet
		a.fail(entry.refused)
		p.Contacts = []metakocka.Contact{contact}
	}
	if a.has("partner_delivery_address") {
		entry := s.read(a.object["partner_delivery_address"], "partner_delivery_address")
		p.Addresses = append(p.Addresses, s.address(entry, metakocka.Address{Type: "Dobava"}))
		a.fail(entry.refused)
	}
}

// updatePartner changes what is given of a partner, or nothing at all.
func (s *Server) updatePartner(args map[string]json.RawMessage) (answer, *refusal) {
	a := s.read(args["partner"], "partner")
	if a.refused != nil {
		return nil, a.refused
	}
	r := s.store.find(a.id("mk_id"), a.text("count_code"))
	if r == nil {
		return nil, refuse("%s", s.opts.UnknownPartnerText)
	}

	p := r.partner.Clone()
	s.topLevel(a, &p)
	if strings.TrimSpace(p.Customer) == "" {
		a.fail(refuse("Attribute customer is empty."))
	}

	s.updateAddresses(a, &p)
	s.updateContacts(a, &p)
	if a.refused != nil {
		return nil, a.refused
	}

	s.store.number(&p)
	r.set(p)
	return s.updatedAnswer(r), nil
}

// topLevel reads the attributes that add_partner and update_partner share.
func (s *Server) topLevel(a *attributes, p *metakocka.Partner) {
	p.Customer = a.update("customer", p.Customer, false)
	p.TaxIDNumber = a.update("tax_id_number", p.TaxIDNumber, false)
	p.RegistrationNumber = a.update("registration_number", p.RegistrationNumber, false)
	p.Notes = a.optional("notes", s.opts.Notes, p.Notes)
	p.Website = a.optional("website", s.opts.Website, p.Website)
	p.BusinessEntity = a.flag("business_entity", p.BusinessEntity)
	p.Taxpayer = a.flag("taxpayer", p.Taxpayer)
	p.ForeignCounty = a.flag("foreign_county", p.ForeignCounty)
	*p.Buyer = a.flag("buyer", *p.Buyer)
	*p.Supplier = a.flag("supplier", *p.Supplier)
}

// billing reads the top-level address.
func (s *Server) billing(a *attributes, old metakocka.Address) metakocka.Address {
	old.Street = a.update("street", old.Street, false)
	old.PostNumber = a.update("post_number", old.PostNumber, false)
	old.City = a.update("place", old.City, false)
	old.Province = a.update("province", old.Province, false)
	old.Country = a.country(old.Country, false)
	return old
}

func (s *Server) updateAddresses(a *attributes, p *metakocka.Partner) {
	if first := indexOf(p.Addresses, isBilling); first >= 0 && s.opts.TopLevelAddress {
		p.Addresses[first] = s.billing(a, p.Addresses[first])
	}
	for i, raw := range a.entries("partner_delivery_address_list") {
		entry := s.read(raw, "partner_delivery_address_list["+itoa(i)+"]")
		id := entry.id("mk_id")
		at := indexOf(p.Addresses, func(have metakocka.Address) bool { return have.MKID == id })
		switch s.where(id, at, entry) {
		case Kept:
			p.Addresses[at] = s.address(entry, p.Addresses[at])
		case Added:
			p.Addresses = append(p.Addresses, s.address(entry, metakocka.Address{Type: "Dobava"}))
		}
		a.fail(entry.refused)
	}
}

func (s *Server) updateContacts(a *attributes, p *metakocka.Partner) {
	for i, raw := range a.entries("partner_contact_list") {
		entry := s.readContact(raw, "partner_contact_list["+itoa(i)+"]")
		id := entry.id("mk_id")
		at := indexOf(p.Contacts, func(have metakocka.Contact) bool { return have.MKID == id })
		switch s.where(id, at, entry) {
		case Kept:
			p.Contacts[at] = s.contact(entry, p.Contacts[at])
		case Added:
			p.Contacts = append(p.Contacts, s.contact(entry, metakocka.Contact{}))
			if id == "" && !entry.has("mk_address_id") {
				entry.fail(refuse("%s.mk_address_id is missing.", entry.where))
			}
		}
		s.checkAddressID(entry, p)
		a.fail(entry.refused)
	}
}

// where tells what a nested entry is for: Kept (the one at index at changes),
// Added, Ignored or Refused.
func (s *Server) where(id string, at int, entry *attributes) string {
	switch {
	case entry.refused != nil:
		return Refused
	case id == "":
		return Added
	case at >= 0:
		return Kept
	}
	if s.opts.UnknownEntry == Refused {
		entry.fail(refuse("%s.mk_id %s does not exist.", entry.where, id))
	}
	return s.opts.UnknownEntry
}

func (s *Server) checkAddressID(entry *attributes, p *metakocka.Partner) {
	id := entry.id("mk_address_id")
	if id != "" && indexOf(p.Addresses, func(have metakocka.Address) bool { return have.MKID == id }) < 0 {
		entry.fail(refuse("%s.mk_address_id %s does not exist.", entry.where, id))
	}
}

// contact reads a contact entry over old; attributes that are not known are dropped.
func (s *Server) contact(a *attributes, old metakocka.Contact) metakocka.Contact {
	name := choose(a.has("name") || !a.has("contact"), "name", "contact")
	old.Name = a.update(name, old.Name, true)
	old.GSM = a.update("gsm", old.GSM, true)
	old.Phone = a.update("phone", old.Phone, true)
	old.Email = a.update("email", old.Email, true)
	old.Fax = a.update("fax", old.Fax, true)
	if id := a.id("mk_address_id"); id != "" {
		old.AddressID = id
	}
	return old
}

// address reads an address entry over old; attributes that are not known are dropped.
func (s *Server) address(a *attributes, old metakocka.Address) metakocka.Address {
	if t := a.text("address_type"); t != "" {
		old.Type = t
	}
	if t := old.Type; t != metakocka.AddressBilling && t != "Dobava" && t != "Poslovna enota" {
		a.fail(refuse("%s.address_type %s does not exist.", a.where, t))
	}
	old.Street = a.update("street", old.Street, true)
	old.PostNumber = a.update("post_number", old.PostNumber, true)
	old.City = a.update("city", old.City, true)
	old.Province = a.update("province", old.Province, true)
	old.Country = a.country(old.Country, true)
	old.Extra = s.addressExtra(a, old.Extra)
	return old
}

func (s *Server) addressExtra(a *attributes, old map[string]json.RawMessage) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, key := range []string{"payment_due_days", "language", "currency"} {
		have, _ := textOf(old[key])
		if v := a.update(key, have, true); v != "" {
			out[key] = rawText(v)
		}
	}
	return out
}

func isBilling(a metakocka.Address) bool { return a.Type == metakocka.AddressBilling }
