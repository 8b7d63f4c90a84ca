package mapping

// The attributes of a contact entry that hold a number.
const (
	inPhone = "phone"
	inGSM   = "gsm"
)

// PhonePlace says which of a partner's two numbers is the contact's.
type PhonePlace struct {
	// In is the attribute that is ours: phone, gsm, or "" while none is.
	In string `json:"in,omitempty"`
	// Other is what the other attribute held, the ERP's own number.
	Other string `json:"other,omitempty"`
}

// Linked is the partner as a link reads it. The attribute that the base names is
// ours, until both are empty; the other one is the ERP's own. Where none is named,
// it is the one that holds the base's number, else the contact's, else phone, else
// gsm. A number that the ERP moved is found in the other one: ours is empty, and
// the other is no longer what it was.
func (p Partner) Linked(b Base, number string) Partner {
	phone, gsm := clean(FieldPhone, p.Phone), clean(FieldPhone, p.GSM)
	p.PhoneIn = b.Phone.In

	switch {
	case phone == "" && gsm == "":
		p.PhoneIn = ""
	case p.PhoneIn != "":
		ours, other := p.numbers()
		if clean(FieldPhone, ours) == "" && b.Partner.Phone != "" && !Equal(FieldPhone, other, b.Phone.Other) {
			p.PhoneIn = map[string]string{inPhone: inGSM, inGSM: inPhone}[p.PhoneIn]
		}
	case phone == "", gsm == "":
		p.PhoneIn = p.phoneAttribute("", "")
	default:
		p.PhoneIn = inPhone
		for _, n := range []string{b.Partner.Phone, number} {
			if n != "" && (Equal(FieldPhone, n, phone) || Equal(FieldPhone, n, gsm)) {
				if !Equal(FieldPhone, n, phone) {
					p.PhoneIn = inGSM
				}
				break
			}
		}
	}
	return p
}

// PhonePlace is what a base keeps of where the partner's numbers are.
func (p Partner) PhonePlace() PhonePlace {
	if p.PhoneIn == "" {
		return PhonePlace{}
	}
	_, other := p.numbers()
	return PhonePlace{In: p.PhoneIn, Other: clean(FieldPhone, other)}
}

// numbers are the partner's number that is ours, and the other one. Of a partner
// that nobody is linked with, it is phone, else gsm.
func (p Partner) numbers() (ours, other string) {
	if p.phoneAttribute("", "") == inGSM {
		return p.GSM, p.Phone
	}
	return p.Phone, p.GSM
}

// phoneAttribute is the attribute for a number: ours; where none is, the one that
// holds a number; of an entry without one, gsm for a mobile number of the country.
func (p Partner) phoneAttribute(v, country string) string {
	switch {
	case p.PhoneIn != "":
		return p.PhoneIn
	case clean(FieldPhone, p.Phone) != "":
		return inPhone
	case clean(FieldPhone, p.GSM) != "" || isMobile(v, country):
		return inGSM
	}
	return inPhone
}

// setPhone writes the number into the attribute that is ours.
func (p *Partner) setPhone(v, country string) {
	p.PhoneIn = p.phoneAttribute(v, country)
	if p.PhoneIn == inGSM {
		p.GSM = v
	} else {
		p.Phone = v
	}
	if clean(FieldPhone, p.Phone) == "" && clean(FieldPhone, p.GSM) == "" {
		p.PhoneIn = ""
	}
}
