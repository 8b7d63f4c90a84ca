package metakocka

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
)

// Query says which partners to find; attributes that are set must all match.
type Query struct {
	ID        string // mk_id
	Name      string // substring, any case
	TaxNumber string // as written in the ERP: ask for both forms, with and without SI
	Email     string
	Phone     string

	// All allows a query that names nothing, and EmptyName one whose name is empty.
	// Live companies list every partner then, by the page; it is not documented.
	All       bool
	EmptyName bool

	// Limit bounds an answer, and Offset is how many partners are before it; 0: not
	// said. Whether a company heeds them is not documented.
	Limit, Offset int

	// Memory, when set, spares reading partners that came as they are there before.
	Memory *Memory
}

func (q Query) arguments() map[string]any {
	m := map[string]any{}
	for key, value := range map[string]string{
		"partner_id":           q.ID,
		"partner_name":         q.Name,
		"partner_tax_number":   q.TaxNumber,
		"partner_email":        q.Email,
		"partner_phone_number": q.Phone,
	} {
		if value != "" {
			m[key] = value
		}
	}
	if q.EmptyName {
		m["partner_name"] = ""
	}
	if q.Limit > 0 && (len(m) > 0 || q.All) {
		m["limit"], m["offset"] = q.Limit, q.Offset
	}
	return m
}

// Found is the answer to a Query. Partners come oldest first. Count is what the
// answer says, 0 where it says nothing; what it says when an answer is capped is
// not documented.
type Found struct {
	Partners []Partner
	Count    int
	Seen     []Seen // one for each of Partners, where a Memory was given
}

// NewPartner is what Add sends. The address is the billing address. Customer,
// Street, PostNumber, Place and Country are always sent, also when empty,
// because MetaKocka asks for them.
type NewPartner struct {
	Customer           string
	TaxIDNumber        string
	RegistrationNumber string

	BusinessEntity bool
	Taxpayer       bool
	ForeignCounty  bool
	Buyer          bool
	Supplier       bool

	Street     string
	PostNumber string
	Place      string
	Province   string
	Country    string

	Notes   string // not documented; may not be kept
	Website string // not documented; may not be kept

	Contact  *Contact // nil: none
	Delivery *Address // nil: none
}

func (n NewPartner) arguments() map[string]any {
	m := map[string]any{
		"business_entity": strconv.FormatBool(n.BusinessEntity),
		"taxpayer":        strconv.FormatBool(n.Taxpayer),
		"foreign_county":  strconv.FormatBool(n.ForeignCounty),
		"buyer":           strconv.FormatBool(n.Buyer),
		"supplier":        strconv.FormatBool(n.Supplier),
	}

	// Empty texts are left out of these, and written in those below, which MetaKocka requires.
	putTexts(m, map[string]string{
		"tax_id_number": n.TaxIDNumber, "registration_number": n.RegistrationNumber,
		"province": n.Province, "notes": n.Notes, "website": n.Website,
	})
	maps.Copy(m, map[string]any{
		"customer": n.Customer, "street": n.Street, "post_number": n.PostNumber,
		"place": n.Place, "country": n.Country,
	})

	if n.Contact != nil {
		m["partner_contact"] = *n.Contact
	}
	if n.Delivery != nil {
		m["partner_delivery_address"] = *n.Delivery
	}
	return map[string]any{"partner": m}
}

// Added is the answer to Add. Addresses hold their MKID and Street.
type Added struct {
	MKID      string
	ContactID string
	Addresses []Address
}

// Update is what to change of the partner MKID. What is not in Set stays; an
// empty value asks MetaKocka to empty the attribute, and the answer shows
// whether it did.
//
// An entry with an MKID updates that entry, and is sent whole: its own
// attributes even when empty, and everything in Extra. An entry without one is
// added, so such an Update sent twice adds two.
type Update struct {
	MKID    string
	Set     map[string]string
	Contact *Contact
	Address *Address
}

func (u Update) validate() error {
	if u.MKID == "" {
		return errors.New("update partner: no mk_id")
	}
	for _, key := range []string{keyMKID, keyContacts, keyAddresses, keySecret, keyCompany} {
		if _, ok := u.Set[key]; ok {
			return fmt.Errorf("update partner: %s is not an attribute to set", key)
		}
	}
	return nil
}

func (u Update) arguments() map[string]any {
	m := map[string]any{keyMKID: u.MKID}
	for key, value := range u.Set {
		m[key] = value
	}
	if u.Contact != nil {
		m[keyContacts] = []any{u.Contact.outgoing()}
	}
	if u.Address != nil {
		m[keyAddresses] = []any{u.Address.outgoing()}
	}
	return map[string]any{"partner": m}
}

// outgoing is the entry as an update sends it: an existing entry names the
// attributes that can be emptied even when they are empty.
func (c *Contact) outgoing() map[string]any {
	return outgoing(c.Extra, c.textTargets(), c.MKID != "", "name", "gsm", "phone", "email")
}

func (a *Address) outgoing() map[string]any {
	return outgoing(a.Extra, a.textTargets(), a.MKID != "", "street", "post_number", "city", "country")
}

func outgoing(extra map[string]json.RawMessage, targets map[string]*string, exists bool, always ...string) map[string]any {
	m := extraObject(extra)
	putTexts(m, texts(targets))
	if exists {
		for _, key := range always {
			m[key] = *targets[key]
		}
	}
	return m
}
