package sim

import (
	"encoding/json"
	"strconv"

	"github.com/crmmind/mksync/metakocka"
)

// listAnswer shows what was found, of which count match.
func (s *Server) listAnswer(found []*record, count int) answer {
	if limit := s.opts.AnswerCap; limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	if s.opts.CountCapped == CountsReturned {
		count = len(found)
	}
	list := make([]any, len(found))
	for i, r := range found {
		list[i] = s.shown(r)
	}
	return answer{"partner_list_count": s.number(itoa(count)), "partner_list": s.list(list)}
}

func (s *Server) updatedAnswer(r *record) answer {
	switch s.opts.UpdateAnswer {
	case AnswerPartner:
		return s.render(r.partner)
	case AnswerCode:
		return answer{"opr_code": "0", "mk_id": s.number(r.partner.MKID)}
	}
	return s.listAnswer([]*record{r}, 1)
}

func (s *Server) addedAnswer(p metakocka.Partner) answer {
	addresses := make([]any, len(p.Addresses))
	for i, a := range p.Addresses {
		addresses[i] = answer{"mk_id": s.number(a.MKID), "street": a.Street}
	}
	a := answer{"mk_id": s.number(p.MKID), "mk_address_id_list": s.list(addresses)}
	if len(p.Contacts) > 0 {
		a["mk_contact_id"] = s.number(p.Contacts[0].MKID)
	}
	return a
}

// shown is the partner as JSON, written once for each content: a sweep of the
// names asks for the same partners over and over.
func (s *Server) shown(r *record) json.RawMessage {
	if r.shown == nil {
		r.shown, _ = json.Marshal(s.render(r.partner))
	}
	return r.shown
}

// render is the partner as the API shows it.
func (s *Server) render(p metakocka.Partner) answer {
	shown := p
	if !s.opts.ShowBuyer {
		shown.Buyer = nil
		shown.Supplier = nil
	}
	if !s.opts.ShowRegistration {
		shown.RegistrationNumber = ""
	}
	shown.Contacts = nil
	shown.Addresses = nil
	out := s.attributes(shown, "customer", "count_code", "tax_id_number")
	if list := s.contacts(p); len(list) > 0 {
		out["partner_contact_list"] = s.list(list)
	}
	if list := s.addresses(p); len(list) > 0 {
		out["partner_delivery_address_list"] = s.list(list)
	}
	return out
}

func (s *Server) contacts(p metakocka.Partner) []any {
	list := make([]any, len(p.Contacts))
	for i, c := range p.Contacts {
		entry := s.attributes(c, "name", "gsm", "phone", "email")
		at := indexOf(p.Addresses, func(a metakocka.Address) bool { return a.MKID == c.AddressID })
		if at >= 0 && p.Addresses[at].Street != "" {
			entry["contact_address"] = p.Addresses[at].Street
		}
		list[i] = entry
	}
	return list
}

func (s *Server) addresses(p metakocka.Partner) []any {
	list := make([]any, len(p.Addresses))
	for i, a := range p.Addresses {
		list[i] = s.misspelt(s.attributes(a, "street", "post_number", "city", "country"))
	}
	return list
}

func (s *Server) misspelt(a answer) answer {
	if province, ok := a["province"]; ok && s.opts.Provice {
		a["provice"] = province
		delete(a, "province")
	}
	return a
}

// attributes writes v as the options say; shown are sent even when empty with ShowEmpty.
func (s *Server) attributes(v json.Marshaler, shown ...string) answer {
	data, _ := v.MarshalJSON()
	out := answer{}
	_ = json.Unmarshal(data, &out)
	for _, key := range []string{"mk_id", "mk_address_id"} {
		if id, ok := out[key].(string); ok {
			out[key] = s.number(id)
		}
	}
	for _, key := range shown {
		if _, ok := out[key]; !ok && s.opts.ShowEmpty {
			out[key] = ""
		}
	}
	return out
}

func (s *Server) number(digits string) any {
	if _, err := strconv.ParseInt(digits, 10, 64); s.opts.Numbers && err == nil {
		return json.Number(digits)
	}
	return digits
}

func (s *Server) list(list []any) any {
	if s.opts.BareLists && len(list) == 1 {
		return list[0]
	}
	return list
}
