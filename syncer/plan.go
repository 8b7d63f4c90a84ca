package syncer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crmmind/mksync/mapping"
)

// The first match of many contacts is one computation over both sides, so that
// it does not depend on the order in which the contacts are worked off. A
// contact claims the only partner with its tax number, else the only one with
// its e-mail; a partner takes the only contact that claims it, by tax number
// before e-mail. Whatever is not the only one on both sides waits for a person
// (invariant 4). Of contacts with one key and no partner the one with the
// lowest id gets a partner; the others wait.

// Verdict is what the first match makes of a contact.
type Verdict string

// The verdicts of the first match.
const (
	VerdictLinked    Verdict = "linked"    // it has a partner already
	VerdictLink      Verdict = "link"      // one partner and one contact match
	VerdictCreate    Verdict = "create"    // no partner matches: one is made
	VerdictAmbiguous Verdict = "ambiguous" // a person must decide
	VerdictInvalid   Verdict = "invalid"   // its values cannot be brought over
	VerdictUnlinked  Verdict = "unlinked"  // its partner is gone; nothing is done unasked
)

// Verdicts are all verdicts, as a report lists them.
func Verdicts() []Verdict {
	return []Verdict{VerdictLinked, VerdictLink, VerdictCreate, VerdictAmbiguous, VerdictInvalid, VerdictUnlinked}
}

// Decision is the first match of one contact.
type Decision struct {
	ContactID   string  `json:"contactId"`
	Name        string  `json:"name"`
	Verdict     Verdict `json:"verdict"`
	MetaKockaID string  `json:"metakockaId,omitempty"` // linked, link
	Partner     string  `json:"partner,omitempty"`     // its name, for link
	Reason      string  `json:"reason,omitempty"`

	keys       mapping.MatchKeys
	candidates []string // the partners with one of its keys as their own, by id
}

// keysOf are the keys by which a contact is matched.
func keysOf(c mapping.Contact) mapping.MatchKeys { return mapping.Keys(c) }

// Plan is the first match of all contacts with all partners as they were when
// it was made.
type Plan struct {
	decisions []Decision     // by contact id
	byContact map[string]int // index of the contact's decision
	partners  []mapping.MatchPartner
	claims    map[string][]claim // of unlinked contacts, by partner
	contested map[string]int     // by partner: the decision on a contact that it matches with others
	aside     map[string][]aside // by partner: contacts with its keys that claim nothing
}

// aside is a contact that asks for no partner by itself, and keeps one with its
// keys from being imported as another contact.
type aside struct {
	contactID string
	leftOut   bool // by the filter; else its partner is gone
	several   bool // partners match it
}

// claim says that a partner is the only one with the contact's key.
type claim struct {
	decision int
	key      string // "tax number", "e-mail"
}

// Contact is the decision on a contact.
func (p *Plan) Contact(id string) (Decision, bool) {
	i, ok := p.byContact[id]
	if !ok {
		return Decision{}, false
	}
	return p.decisions[i], true
}

// Partner is the decision on a partner, from its own side: create makes its
// contact.
func (p *Plan) Partner(of mapping.MatchPartner) Decision {
	d := Decision{MetaKockaID: of.MetaKockaID, Partner: of.Name, Verdict: VerdictCreate}
	if of.Holder != "" {
		d.Verdict, d.ContactID = VerdictLinked, of.Holder
		return d
	}
	if of.Former {
		d.Verdict, d.Reason = VerdictUnlinked, "its contact was deleted or unlinked; mksync import with its id brings it back"
		return d
	}
	for _, c := range p.claims[of.MetaKockaID] {
		contact := p.decisions[c.decision]
		if contact.Verdict == VerdictLink {
			d.Verdict, d.ContactID, d.Name, d.Reason = VerdictLink, contact.ContactID, contact.Name, ""
			return d
		}
		d.Verdict, d.Reason = VerdictAmbiguous, fmt.Sprintf("contact %s: %s", contact.ContactID, contact.Reason)
	}
	if i, ok := p.contested[of.MetaKockaID]; ok && d.Verdict == VerdictCreate {
		d.Verdict, d.Reason = VerdictAmbiguous, fmt.Sprintf("contact %s: %s", p.decisions[i].ContactID, p.decisions[i].Reason)
	}
	if d.Verdict == VerdictCreate {
		p.besides(&d)
	}
	return d
}

// besides decides on a partner that only contacts match which claim nothing: one
// whose partner is gone takes it.
func (p *Plan) besides(d *Decision) {
	found := p.aside[d.MetaKockaID]
	if len(found) == 0 {
		return
	}
	first := found[0]
	d.Verdict = VerdictAmbiguous
	switch {
	case len(found) > 1:
		d.Reason = severalContacts(d.MetaKockaID, first.contactID, found[1].contactID)
	case first.leftOut:
		d.Reason = leftOut(d.MetaKockaID, first.contactID)
	case first.several:
		d.Reason = fmt.Sprintf("contact %s matches other partners too: which one is it?", first.contactID)
	default:
		d.Verdict, d.ContactID = VerdictLink, first.contactID
	}
}

// matching is a Plan under way.
type matching struct {
	*Plan
	byTax, byEmail map[string][]int // indexes of partners
}

// newPlan matches contacts, which are in the order of their ids, with partners.
func newPlan(contacts []mapping.MatchContact, partners []mapping.MatchPartner) *Plan {
	m := &matching{
		Plan: &Plan{
			decisions: make([]Decision, 0, len(contacts)), byContact: make(map[string]int, len(contacts)),
			partners: partners, claims: map[string][]claim{}, contested: map[string]int{}, aside: map[string][]aside{},
		},
		byTax: map[string][]int{}, byEmail: map[string][]int{},
	}
	for i := range partners {
		m.index(i)
	}
	for _, c := range contacts {
		d := Decision{ContactID: c.ID, Name: c.Contact.Name, MetaKockaID: c.MetaKockaID, keys: keysOf(c.Contact)}
		if c.LeftOut || c.Status == mapping.StatusUnlinked {
			m.setAside(c, d)
		}
		if c.LeftOut {
			continue
		}
		i := len(m.decisions)
		m.byContact[c.ID] = i
		m.decisions = append(m.decisions, m.claim(c, i, d))
	}
	m.settleClaims()
	m.settleRivals()
	return m.Plan
}

func (m *matching) index(i int) {
	p := m.partners[i]
	if p.TaxNumber != "" {
		m.byTax[p.TaxNumber] = append(m.byTax[p.TaxNumber], i)
	}
	for _, e := range append([]string{p.Email}, p.Emails...) {
		e = mapping.Canonical(mapping.FieldEmail, e)
		if found := m.byEmail[e]; e != "" && (len(found) == 0 || found[len(found)-1] != i) {
			m.byEmail[e] = append(found, i)
		}
	}
}

// claim decides what can be decided from the contact alone, and notes which
// partner it claims.
func (m *matching) claim(c mapping.MatchContact, i int, d Decision) Decision {
	switch {
	case c.Status == mapping.StatusUnlinked:
		d.Verdict, d.Reason = VerdictUnlinked, "its partner is gone from MetaKocka; mksync sync with its id makes it anew"
		return d
	case c.MetaKockaID != "" || c.Unresolved:
		d.Verdict = VerdictLinked
		return d
	}
	key, matches := m.matches(&d)
	invalid := mapping.Nameless(c.Contact)
	switch {
	case len(matches) == 1:
		id := m.partners[matches[0]].MetaKockaID
		m.claims[id] = append(m.claims[id], claim{i, key})
		d.MetaKockaID, d.Partner = id, m.partners[matches[0]].Name
		d.Verdict = VerdictLink
	case len(matches) > 1:
		d.Verdict, d.Reason = VerdictAmbiguous, severalPartners(key, m.idsOf(matches))
		for _, j := range matches {
			m.contested[m.partners[j].MetaKockaID] = i
		}
	default:
		d.Verdict = VerdictCreate
	}
	if invalid != nil {
		d.Verdict, d.Reason = VerdictInvalid, invalid.Error()
	}
	if d.Verdict == VerdictLink && key == "e-mail" && m.partners[matches[0]].Email != d.keys.Email {
		d.Verdict, d.Reason = VerdictAmbiguous, furtherPerson(d.MetaKockaID)
	}
	return d
}

// setAside notes the partners that a contact matches which claims none.
func (m *matching) setAside(c mapping.MatchContact, d Decision) {
	_, found := m.matches(&d)
	for _, j := range found {
		id := m.partners[j].MetaKockaID
		m.aside[id] = append(m.aside[id], aside{c.ID, c.LeftOut, len(found) > 1})
	}
}

// matches are the partners with the contact's tax number, else those with its
// e-mail and no other tax number.
func (m *matching) matches(d *Decision) (key string, found []int) {
	byTax, byEmail := m.byTax[d.keys.TaxNumber], m.byEmail[d.keys.Email]
	own := slices.Concat(byTax, filter(byEmail, func(i int) bool { return m.partners[i].Email == d.keys.Email }))
	slices.Sort(own)
	d.candidates = m.idsOf(slices.Compact(own))
	if len(byTax) > 0 {
		return "tax number", byTax
	}
	return "e-mail", filter(byEmail, func(i int) bool {
		return d.keys.TaxNumber == "" || m.partners[i].TaxNumber == ""
	})
}

// settleClaims gives every claimed partner to the only contact that claims it.
func (m *matching) settleClaims() {
	for _, p := range m.partners {
		claims := m.claims[p.MetaKockaID]
		first := filter(claims, func(c claim) bool { return c.key == "tax number" })
		if len(first) == 0 {
			first = claims
		}
		for _, c := range claims {
			d := &m.decisions[c.decision]
			switch {
			case d.Verdict != VerdictLink:
			case p.Holder != "":
				m.hold(d, taken(p.MetaKockaID, p.Holder))
			case len(first) > 1:
				m.hold(d, fmt.Sprintf("several contacts have the %s of partner %s (%s): merge them, or change the others", c.key, p.MetaKockaID, m.contactsOf(first)))
			case c != first[0]:
				m.hold(d, fmt.Sprintf("has the e-mail of partner %s, whose tax number contact %s has: merge the two contacts, or change the e-mail",
					p.MetaKockaID, m.decisions[first[0].decision].ContactID))
			}
		}
	}
}

func (*matching) hold(d *Decision, reason string) {
	d.Verdict, d.Reason, d.MetaKockaID, d.Partner = VerdictAmbiguous, reason, "", ""
}

// settleRivals lets only one of the contacts that share a key, and match no
// partner, get a partner of its own.
func (m *matching) settleRivals() {
	byKey := map[string][]int{}
	note := func(i int) {
		for _, key := range m.decisions[i].keys.Names() {
			byKey[key] = append(byKey[key], i)
		}
	}
	for i, d := range m.decisions {
		if d.Verdict == VerdictLinked || d.Verdict == VerdictLink {
			note(i)
		}
	}
	for i := range m.decisions {
		d := &m.decisions[i]
		if d.Verdict != VerdictCreate {
			continue
		}
		if other, key := m.rival(byKey, d); key != "" {
			m.hold(d, sameKey(other.ContactID, key))
			continue
		}
		note(i)
	}
}

func (m *matching) rival(byKey map[string][]int, d *Decision) (Decision, string) {
	for _, name := range d.keys.Names() {
		for _, i := range byKey[name] {
			if key := d.keys.Shared(m.decisions[i].keys); key != "" {
				return m.decisions[i], key
			}
		}
	}
	return Decision{}, ""
}

func (m *matching) idsOf(partners []int) []string {
	var found []string
	for _, i := range partners {
		found = append(found, m.partners[i].MetaKockaID)
	}
	return found
}

func (m *matching) contactsOf(claims []claim) string {
	var found []string
	for _, c := range claims {
		found = append(found, m.decisions[c.decision].ContactID)
	}
	return some(found)
}

// some lists ids, the first few of many.
func some(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}

func filter[T any](all []T, keep func(T) bool) []T {
	var kept []T
	for _, v := range all {
		if keep(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// Why a contact or a partner waits for a person.

func severalContacts(metakockaID, one, other string) string {
	return fmt.Sprintf("partner %s matches several contacts (%s, %s): merge them first", metakockaID, one, other)
}

func leftOut(metakockaID, contactID string) string {
	return fmt.Sprintf("partner %s matches contact %s, which is left out by the configured filter", metakockaID, contactID)
}

func severalPartners(key string, ids []string) string {
	return fmt.Sprintf("several partners have its %s (%s): which one is it?", key, some(ids))
}

func furtherPerson(metakockaID string) string {
	return fmt.Sprintf("its e-mail is that of a further contact person of partner %s: is it that partner?", metakockaID)
}

func taken(metakockaID, contactID string) string {
	return fmt.Sprintf("matches partner %s, which contact %s is linked with: merge the two contacts, or give them different tax numbers and e-mails", metakockaID, contactID)
}

func sameKey(contactID, key string) string {
	return fmt.Sprintf("contact %s has the same %s: merge the two contacts, or give them different tax numbers and e-mails", contactID, key)
}
