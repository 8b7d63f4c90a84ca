package mapping

import (
	"slices"
	"time"

	"github.com/crmmind/mksync/coded"
)

// Base is what each side held when the two were last in agreement, and nothing
// else: what was never carried over is empty in it. The sides differ in a field that
// one of them did not keep as it was sent (notes that MetaKocka drops, a name it cut);
// a side has changed when it differs from its own base.
type Base struct {
	CRM     Contact `json:"crm"`
	Partner Contact `json:"partner"`
	// Unkept are the fields in which the CRM did not keep the partner's value: its
	// half is what it made of it.
	Unkept []Field `json:"unkept,omitempty"`
	// Phone says which of the partner's numbers the two agree on.
	Phone PhonePlace `json:"phone,omitzero"`
}

// NotKept notes that the CRM made something else of the partner's value.
func (b *Base) NotKept(f Field) {
	if !slices.Contains(b.Unkept, f) {
		b.Unkept = append(slices.Clone(b.Unkept), f)
	}
}

// Forget makes a field one that the two never agreed on.
func (b *Base) Forget(f Field) {
	b.CRM.Set(f, "")
	b.Partner.Set(f, "")
	b.kept(f)
}

// kept takes NotKept back.
func (b *Base) kept(f Field) {
	if slices.Contains(b.Unkept, f) {
		b.Unkept = slices.DeleteFunc(slices.Clone(b.Unkept), func(other Field) bool { return other == f })
	}
}

// Times are what is known of when the two sides changed a field; zero is unknown. The
// partner changed after PartnerAfter (last seen unchanged) and not later than
// PartnerBefore (seen changed).
type Times struct{ CRM, PartnerAfter, PartnerBefore time.Time }

// MergeInput is everything a merge depends on, besides the policy.
type MergeInput struct {
	Base         Base
	CRM, Partner Contact
	// Unreadable are the fields whose partner value could not be read: nothing
	// is done to them, and their base stays.
	Unreadable []Field
	Times      map[Field]Times // when each side changed the field; only conflicts ask
	// Overrides are a person's decisions: the side whose value both are to hold.
	Overrides map[Field]Side
}

// Conflict is a field that both sides changed, to different values.
type Conflict struct {
	Field                Field
	BaseCRM, BasePartner string
	CRM, Partner         string
	Rule                 Rule
	// Winner is the side whose value both are to hold; "" while the field is parked.
	Winner Side
	// Undecidable: the rule was newest and the times did not tell; the tie winner took it.
	Undecidable bool
}

// MergeResult is what is to be done.
type MergeResult struct {
	// CRM and Partner are what each side is to hold.
	CRM, Partner Contact
	// ToCRM and ToPartner are the fields to write there, in the order of Fields.
	ToCRM, ToPartner []Field
	Conflicts        []Conflict
	// Parked are the fields of conflicts that wait for a person.
	Parked []Field
	// Base is the base once the writes took as asked. Where a side did not keep
	// what it was sent, the caller puts what it did keep into that side's base.
	Base Base
}

// Merge decides, field by field, what each side is to hold. It is pure, and with
// every write applied a second merge has nothing to do. With an empty base it is
// the first match of two records: what only one of them has goes to the other,
// what they both have and differ in is a conflict.
func Merge(in MergeInput, p Policy) MergeResult {
	res := MergeResult{CRM: in.CRM, Partner: in.Partner, Base: in.Base}
	for _, f := range Fields() {
		m := newFieldMerge(in, &res, f, p)
		m.apply(&res, m.decide(in, p))
	}
	return res
}

// fieldMerge is the state of one field.
type fieldMerge struct {
	field                Field
	policy               FieldPolicy
	crm, partner         string
	baseCRM, basePartner string
	unreadable           bool
	agree                bool   // the sides hold the same, formatting aside
	toCRM                string // the partner's value as the CRM would get it
}

// newFieldMerge begins a field. Whether two tax numbers agree depends on the country, which
// has been decided by then: it comes before them.
func newFieldMerge(in MergeInput, so *MergeResult, f Field, p Policy) fieldMerge {
	m := fieldMerge{
		field: f, policy: p.For(f),
		crm: in.CRM.Get(f), partner: in.Partner.Get(f),
		baseCRM: in.Base.CRM.Get(f), basePartner: in.Base.Partner.Get(f),
		unreadable: slices.Contains(in.Unreadable, f),
		agree:      p.Agree(f, so.CRM, so.Partner),
	}
	m.toCRM = m.rewritten()
	return m
}

// outcome is what becomes of one field: the side whose value both are to hold,
// or none, and a conflict to record.
type outcome struct {
	take     Side // "": neither side is written
	leave    bool // the base stays as it is
	conflict *Conflict
}

// decide finds the field's outcome. A value of the CRM that cannot be sent leaves
// its field as it is on both sides.
func (m fieldMerge) decide(in MergeInput, p Policy) outcome {
	o := m.rule(in, p)
	if o.take == SideCRM && m.field != FieldAddress && !m.withheld().IsZero() {
		return outcome{}
	}
	return o
}

func (m fieldMerge) rule(in MergeInput, p Policy) outcome {
	side, overridden := in.Overrides[m.field]
	switch {
	case m.policy.Direction == DirectionOff:
		return outcome{leave: true}
	case overridden && side.known() && m.carries(side):
		return outcome{take: side}
	case m.unreadable:
		return outcome{leave: true}
	}

	crm, partner := m.changed(SideCRM), m.changed(SideMetaKocka)
	switch {
	case m.agree && crm == partner: // neither was edited, or both to the same
		return outcome{leave: !crm}
	}

	fromCRM, fromPartner := crm && m.carries(SideCRM), partner && m.carries(SideMetaKocka)
	switch {
	case fromPartner && !crm && !m.withheld().IsZero():
		return m.replaced()
	case fromCRM && fromPartner:
		return m.conflict(in.Times[m.field], p)
	case fromCRM:
		return outcome{take: SideCRM}
	case fromPartner:
		return outcome{take: SideMetaKocka}
	}
	// What the direction does not carry, the other side never agreed to.
	return outcome{leave: m.uncarried(SideCRM) || m.uncarried(SideMetaKocka)}
}

// uncarried reports whether the side has a change that the direction does not carry.
func (m fieldMerge) uncarried(s Side) bool { return m.changed(s) && !m.policy.Direction.From(s) }

// changed reports whether the side's value was edited: it differs from its own
// base.
func (m fieldMerge) changed(s Side) bool {
	if s == SideCRM {
		return !Unedited(m.field, m.baseCRM, m.crm)
	}
	return !Unedited(m.field, m.basePartner, m.partner)
}

// withheld says why the partner did not hold the CRM's value, or not all of it,
// when the two last agreed. What came from the partner can go there again.
func (m fieldMerge) withheld() coded.Text {
	return Withheld(m.field, m.crm, heldOf(m.field, m.policy.Parts, m.basePartner))
}

// value is what the side holds.
func (m fieldMerge) value(s Side) string {
	if s == SideCRM {
		return m.crm
	}
	return m.partner
}

// carries reports whether the side's value may go to the other: the direction
// allows it, it could be read, and it is not an empty value that must not
// overwrite.
func (m fieldMerge) carries(s Side) bool {
	if !m.policy.Direction.From(s) || m.unreadable && s == SideMetaKocka {
		return false
	}
	return !m.policy.KeepNonEmpty || Canonical(m.field, m.value(s)) != ""
}

// replaced lets the partner's edit replace a value that never reached the partner,
// which nobody would find again if it were not recorded.
func (m fieldMerge) replaced() outcome {
	c := m.record()
	c.Winner = SideMetaKocka
	return outcome{take: SideMetaKocka, conflict: c}
}

func (m fieldMerge) record() *Conflict {
	return &Conflict{
		Field: m.field, BaseCRM: m.baseCRM, BasePartner: m.basePartner,
		CRM: m.crm, Partner: m.partner, Rule: m.policy.Rule,
	}
}

// conflict lets the field's rule decide.
func (m fieldMerge) conflict(t Times, p Policy) outcome {
	c := m.record()
	switch m.policy.Rule {
	case RuleCRM:
		c.Winner = SideCRM
	case RuleMetaKocka:
		c.Winner = SideMetaKocka
	case RuleNewest:
		c.Winner = t.newest()
		if c.Winner == "" {
			c.Winner = p.tieWinner()
			c.Undecidable = true
		}
	case RuleManual:
	}
	return outcome{take: c.Winner, leave: c.Winner == "", conflict: c}
}

// Until forgets the times that lie after now: the clock was put back since.
func (t Times) Until(now time.Time) Times {
	for _, at := range []*time.Time{&t.CRM, &t.PartnerAfter, &t.PartnerBefore} {
		if at.After(now) {
			*at = time.Time{}
		}
	}
	return t
}

// newest returns the side that changed last, "" where the times do not tell.
func (t Times) newest() Side {
	inverted := !t.PartnerBefore.IsZero() && t.PartnerAfter.After(t.PartnerBefore) // a clock was put back
	if t.CRM.IsZero() || inverted {
		return ""
	}
	crmFirst := !t.PartnerAfter.IsZero() && !t.CRM.After(t.PartnerAfter)
	crmLast := !t.PartnerBefore.IsZero() && t.CRM.After(t.PartnerBefore)
	switch {
	case crmFirst:
		return SideMetaKocka
	case crmLast:
		return SideCRM
	}
	return ""
}

// apply writes the field's outcome into the result.
func (m fieldMerge) apply(res *MergeResult, o outcome) {
	if o.conflict != nil {
		res.Conflicts = append(res.Conflicts, *o.conflict)
		if o.take == "" {
			res.Parked = append(res.Parked, m.field)
		}
	}

	crm, partner := m.crm, m.partner
	different := m.unreadable || !Unedited(m.field, crm, partner)
	switch {
	case o.take == SideCRM && different:
		partner = crm
		res.Partner.Set(m.field, partner)
		res.ToPartner = append(res.ToPartner, m.field)
	case o.take == SideMetaKocka && different && !m.heldBy(crm):
		crm = m.toCRM
		res.CRM.Set(m.field, crm)
		res.ToCRM = append(res.ToCRM, m.field)
	}

	if !o.leave {
		m.moveBase(&res.Base, crm, partner)
	}
}

// heldBy reports whether the columns of a field in parts hold all of the partner's value.
func (m fieldMerge) heldBy(crm string) bool {
	return len(m.policy.Parts) > 0 && Unedited(m.field, crm, m.toCRM)
}

// moveBase takes over what the sides hold now; a base that only differs in
// formatting stays.
func (m fieldMerge) moveBase(b *Base, crm, partner string) {
	if Unedited(m.field, m.baseCRM, crm) && Unedited(m.field, m.basePartner, partner) {
		return
	}
	if !Unedited(m.field, m.baseCRM, crm) {
		b.CRM.Set(m.field, crm)
	}
	if !Unedited(m.field, m.basePartner, partner) {
		b.Partner.Set(m.field, partner)
	}
	b.kept(m.field)
}
