package match

import (
	"slices"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// The first match of many contacts is one computation over both sides, so that
// it does not depend on the order in which the contacts are worked off. A
// contact claims the partner that Choose gives it; a partner takes the only contact that claims it, by tax number
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
	// Said is the reason as a code with parameters.
	Said coded.Text `json:"said,omitzero"`

	party Party
	not   []string // partners that a person said are somebody else
	keyed []string // the partners that share a number or an e-mail with it, by id
	rival string   // a contact without a partner that it waits for; "": it waits for none

	leftOut bool // of a partner: only a contact matches it that is left out
}

// because sets the reason.
func (d *Decision) because(said coded.Text) {
	d.Reason = said.String()
	d.Said = said
}

// Rival is the contact for whose sake this one waits, where that had no partner itself:
// nothing but the plan knows of the two.
func (d Decision) Rival() string { return d.rival }

// LeftOut reports whether a partner is none of those that take part, but one that is left out.
func (d Decision) LeftOut() bool { return d.leftOut }

// Candidates are the partners that share a number or an e-mail with the contact.
func (d Decision) Candidates() []string { return d.keyed }

// IsOf reports whether the contact has the keys that the decision was made by.
func (d Decision) IsOf(now mapping.Contact) bool {
	return slices.Equal(mapping.Keys(now).All(), mapping.Keys(d.party.Is).All())
}

// Holds reports whether the partners that share the contact's keys are those that
// the decision was made of.
func (d Decision) Holds(partners []Party) bool {
	var keyed []string
	for _, p := range partners {
		if intersect(Keys(d.party).Names(), Keys(p).Names()) {
			keyed = append(keyed, p.ID)
		}
	}
	slices.Sort(keyed)
	return slices.Equal(keyed, d.keyed)
}

// Partner is a partner as last seen.
type Partner struct {
	Party
	Name   string
	Holder string // the contact that holds it with a living link
	Former bool   // only tombstones name it
}

// Plan is the first match of all contacts with all partners as they were when
// it was made.
type Plan struct {
	// Since is what was stored before the two sides were read.
	Since store.Snapshot

	decisions  []Decision     // by contact id
	byContact  map[string]int // index of the contact's decision
	partners   []Partner
	claims     map[string][]claim     // of unlinked contacts, by partner
	contested  map[string]int         // by partner: the decision on a contact that it matches with others
	bystanders map[string][]bystander // by partner: contacts that match it and claim nothing
}

// bystander is a contact that bystands, and keeps a partner that it matches from being
// imported as another contact.
type bystander struct {
	contactID string
	leftOut   bool
	doubtful  coded.Text
}

// claim says that a partner is the only one it may be.
type claim struct {
	decision int
	grade    Grade
}

// Decisions are those on all contacts, by id.
func (p *Plan) Decisions() []Decision { return p.decisions }

// Partners are all partners.
func (p *Plan) Partners() []Partner { return p.partners }

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
func (p *Plan) Partner(of Partner) Decision {
	d := Decision{MetaKockaID: of.ID, Partner: of.Name, Verdict: VerdictCreate}
	if of.Holder != "" {
		d.Verdict = VerdictLinked
		d.ContactID = of.Holder
		return d
	}
	if of.Former {
		d.Verdict = VerdictUnlinked
		d.because(coded.Say("note.match.former_partner", "its contact was deleted or unlinked; mksync import with its id brings it back"))
		return d
	}

	for _, c := range p.claims[of.ID] {
		contact := p.decisions[c.decision]
		if contact.Verdict == VerdictLink {
			d.Verdict = VerdictLink
			d.ContactID = contact.ContactID
			d.Name = contact.Name
			d.because(coded.Text{})
			return d
		}
		d.Verdict = VerdictAmbiguous
		d.because(ofContact(contact.ContactID, contact.Said))
	}

	if i, ok := p.contested[of.ID]; ok && d.Verdict == VerdictCreate {
		d.Verdict = VerdictAmbiguous
		d.because(ofContact(p.decisions[i].ContactID, p.decisions[i].Said))
	}

	if d.Verdict == VerdictCreate {
		p.besides(&d)
	}
	return d
}

// besides decides on a partner that only contacts match which claim nothing: the only one
// takes it, unless it is left out. Of several none does, whichever key each of them has.
func (p *Plan) besides(d *Decision) {
	found := p.bystanders[d.MetaKockaID]
	if len(found) == 0 {
		return
	}
	first := found[0]
	d.Verdict = VerdictAmbiguous
	switch {
	case len(found) > 1:
		d.because(severalContacts(d.MetaKockaID, []string{first.contactID, found[1].contactID}))
	case first.leftOut:
		d.leftOut = true
		d.because(LeftOut(d.MetaKockaID, first.contactID))
	case !first.doubtful.IsZero():
		d.because(ofContact(first.contactID, first.doubtful))
	default:
		d.Verdict = VerdictLink
		d.ContactID = first.contactID
	}
}

// matching is a Plan under way.
type matching struct {
	*Plan
	byKey map[string][]int // indexes of partners
	byID  map[string]int
}

// crowd is how many may have one name for it to propose anything.
const crowd = 20

// NewPlan matches contacts, which are in the order of their ids, with partners.
func NewPlan(contacts []store.MatchContact, partners []Partner) *Plan {
	m := &matching{
		Plan: &Plan{
			decisions: make([]Decision, 0, len(contacts)), byContact: make(map[string]int, len(contacts)),
			partners: partners, claims: map[string][]claim{}, contested: map[string]int{}, bystanders: map[string][]bystander{},
		},
		byKey: map[string][]int{}, byID: make(map[string]int, len(partners)),
	}

	for i, p := range partners {
		m.byID[p.ID] = i
		for _, key := range Keys(p.Party).All() {
			m.byKey[key] = append(m.byKey[key], i)
		}
	}

	for _, c := range contacts {
		d := Decision{ContactID: c.ID, Name: c.Contact.Name, MetaKockaID: c.MetaKockaID, party: Party{ID: c.ID, Is: c.Contact}, not: c.Not}
		if bystands(c) {
			m.noteBystander(c, &d)
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

// claim decides what can be decided from the contact alone, and notes which
// partner it claims.
func (m *matching) claim(c store.MatchContact, i int, d Decision) Decision {
	switch {
	case c.Status == store.StatusUnlinked:
		d.Verdict = VerdictUnlinked
		d.because(coded.Say("note.match.former_contact", "its partner is gone from MetaKocka, or a person unlinked the two; mksync sync with its id finds or makes one"))
		return d
	case c.MetaKockaID != "" || c.Unresolved:
		d.Verdict = VerdictLinked
		return d
	}

	choice := m.choose(c, &d)
	switch {
	case choice.Link != "":
		m.claims[choice.Link] = append(m.claims[choice.Link], claim{i, choice.Pair.Grade})
		d.MetaKockaID = choice.Link
		d.Partner = m.partners[m.byID[choice.Link]].Name
		d.Verdict = VerdictLink
	case len(choice.Candidates) > 0:
		d.Verdict = VerdictAmbiguous
		d.because(choice.Reason())
		for _, id := range choice.Candidates {
			m.contested[id] = i
		}
	default:
		d.Verdict = VerdictCreate
	}

	// A contact without a name cannot be sent, whatever was found for it.
	if err := mapping.Nameless(c.Contact); err != nil {
		d.Verdict = VerdictInvalid
		d.because(coded.Of(err))
	}
	return d
}

// choose is what the rule makes of the partners that share a key with the contact.
func (m *matching) choose(c store.MatchContact, d *Decision) Choice {
	keys := Keys(d.party)

	near := map[int]bool{}
	for _, key := range keys.Names() {
		for _, i := range m.byKey[key] {
			near[i] = true
			d.keyed = append(d.keyed, m.partners[i].ID)
		}
	}
	slices.Sort(d.keyed)
	d.keyed = slices.Compact(d.keyed)

	// A name that many bear says nothing.
	for _, key := range keys.ByName() {
		if found := m.byKey[key]; len(found) <= crowd {
			for _, i := range found {
				near[i] = true
			}
		}
	}

	var candidates []Party
	for i := range near {
		if p := m.partners[i].Party; !slices.Contains(c.Not, p.ID) {
			candidates = append(candidates, p)
		}
	}
	return Choose(d.party, candidates)
}

// noteBystander notes the partners that a contact matches which claims none.
func (m *matching) noteBystander(c store.MatchContact, d *Decision) {
	choice := m.choose(c, d)
	for _, id := range choice.Candidates {
		m.bystanders[id] = append(m.bystanders[id], bystander{c.ID, c.LeftOut, choice.Reason()})
	}
}

// settleClaims gives every claimed partner to the only contact that claims it.
func (m *matching) settleClaims() {
	for _, p := range m.partners {
		claims := m.claims[p.ID]
		first := slices.DeleteFunc(slices.Clone(claims), func(c claim) bool { return c.grade != ByTax })
		if len(first) == 0 {
			first = claims
		}

		// Who has its tax number comes before who has its e-mail alone.
		for _, c := range claims {
			d := &m.decisions[c.decision]
			switch {
			case d.Verdict != VerdictLink:
			case p.Holder != "":
				m.hold(d, Taken(p.ID, p.Holder))
			case len(first) > 1:
				m.hold(d, claimedBySeveral(p.ID, m.contactsOf(first)))
				d.rival = m.decisions[another(first, c).decision].ContactID
			case c != first[0]:
				d.rival = m.decisions[first[0].decision].ContactID
				m.hold(d, Taken(p.ID, d.rival))
			}
		}
	}
}

// another is a claim of two or more that is not c.
func another(claims []claim, c claim) claim {
	if claims[0] == c {
		return claims[1]
	}
	return claims[0]
}

func (*matching) hold(d *Decision, reason coded.Text) {
	d.Verdict = VerdictAmbiguous
	d.because(reason)
	d.MetaKockaID = ""
	d.Partner = ""
}

func (m *matching) contactsOf(claims []claim) []string {
	var found []string
	for _, c := range claims {
		found = append(found, m.decisions[c.decision].ContactID)
	}
	return found
}
