package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/crmmind/mksync/metakocka"
)

// firstID is where the ids begin; real ones are as long.
const firstID = 228000046627

// store is the ERP's partners in creation order. The Server's mutex guards it.
type store struct {
	partners []*record
	byID     map[string]*record
	nextID   int64
	count    int
}

// record is a partner, with what is compared in every search kept ready.
type record struct {
	partner metakocka.Partner
	name    string // customer in lower case
	shown   json.RawMessage
}

func newStore() *store { return &store{byID: map[string]*record{}, nextID: firstID} }

func (s *store) newID() string {
	id := strconv.FormatInt(s.nextID, 10)
	s.nextID++
	return id
}

func (s *store) newCountCode(year int) string {
	s.count++
	return fmt.Sprintf("%d/%d", s.count, year)
}

// insert gives the partner and its entries the ids they lack.
func (s *store) insert(p metakocka.Partner, year int) (metakocka.Partner, error) {
	p = p.Clone()
	if p.MKID == "" {
		p.MKID = s.newID()
	}

	if s.byID[p.MKID] != nil {
		return p, fmt.Errorf("partner %s is there already", p.MKID)
	}

	if p.CountCode == "" {
		p.CountCode = s.newCountCode(year)
	}
	no := false
	if p.Buyer == nil {
		p.Buyer = &no
	}
	if p.Supplier == nil {
		p.Supplier = &no
	}

	s.number(&p)
	r := &record{}
	r.set(p)
	s.partners = append(s.partners, r)
	s.byID[p.MKID] = r
	return p.Clone(), nil
}

// number gives ids to entries without one; a contact belongs to the first address.
func (s *store) number(p *metakocka.Partner) {
	for i := range p.Addresses {
		if p.Addresses[i].MKID == "" {
			p.Addresses[i].MKID = s.newID()
		}
		if p.Addresses[i].Type == "" {
			p.Addresses[i].Type = metakocka.AddressBilling
		}
	}
	for i := range p.Contacts {
		if p.Contacts[i].MKID == "" {
			p.Contacts[i].MKID = s.newID()
		}
		if p.Contacts[i].AddressID == "" && len(p.Addresses) > 0 {
			p.Contacts[i].AddressID = p.Addresses[0].MKID
		}
	}
}

func (r *record) set(p metakocka.Partner) {
	r.partner = p
	r.name = strings.ToLower(p.Customer)
	r.shown = nil
}

func (s *store) remove(id string) bool {
	r := s.byID[id]
	if r == nil {
		return false
	}
	delete(s.byID, id)
	s.partners = slices.DeleteFunc(s.partners, func(have *record) bool { return have == r })
	return true
}

// find is the record by id, else by count code.
func (s *store) find(id, countCode string) *record {
	if id != "" {
		return s.byID[id]
	}
	for _, r := range s.partners {
		if countCode != "" && r.partner.CountCode == countCode {
			return r
		}
	}
	return nil
}

func rawText(s string) json.RawMessage {
	raw, _ := json.Marshal(s)
	return raw
}
