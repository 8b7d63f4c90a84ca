package mapping

import (
	"errors"
	"fmt"
)

// Side is one of the two systems.
type Side string

// The two sides.
const (
	SideCRM       Side = "crm"
	SideMetaKocka Side = "metakocka"
)

// Other returns the opposite side.
func (s Side) Other() Side {
	if s == SideCRM {
		return SideMetaKocka
	}
	return SideCRM
}

func (s Side) known() bool { return s == SideCRM || s == SideMetaKocka }

// Rule decides between two different changes of one field.
type Rule string

// The conflict rules.
const (
	RuleNewest    Rule = "newest"
	RuleCRM       Rule = "crm"
	RuleMetaKocka Rule = "metakocka"
	RuleManual    Rule = "manual" // the field waits for a person
)

func (r Rule) known() bool {
	switch r {
	case RuleNewest, RuleCRM, RuleMetaKocka, RuleManual:
		return true
	}
	return false
}

// Direction says which way a field's changes go.
type Direction string

// The directions.
const (
	DirectionBoth        Direction = "both"
	DirectionToMetaKocka Direction = "to_metakocka"
	DirectionToCRM       Direction = "to_crm"
	DirectionOff         Direction = "off"
)

func (d Direction) known() bool {
	switch d {
	case DirectionBoth, DirectionToMetaKocka, DirectionToCRM, DirectionOff:
		return true
	}
	return false
}

// From reports whether changes made on side s are carried to the other.
func (d Direction) From(s Side) bool {
	switch d {
	case DirectionBoth:
		return true
	case DirectionToMetaKocka:
		return s == SideCRM
	case DirectionToCRM:
		return s == SideMetaKocka
	case DirectionOff:
	}
	return false
}

// FieldPolicy is how one field is synced. An empty Direction is both, an empty
// Rule newest. With KeepNonEmpty an empty value never overwrites another.
type FieldPolicy struct {
	Direction    Direction
	Rule         Rule
	KeepNonEmpty bool
	// Parts are those that the CRM has columns for, where it keeps the field in several.
	Parts []Part
}

// Agree is Agree for columns as the CRM has them: the order of a name's two parts says
// nothing, and neither does a part of an address that there is no column for.
func (p Policy) Agree(f Field, crm, partner Contact) bool {
	parts := p.For(f).Parts
	switch {
	case Agree(f, crm, partner):
		return true
	case len(parts) == 0:
		return false
	case f == FieldName:
		return turned(crm.Name, partner.Name)
	}
	return Equal(f, crm.Get(f), heldOf(f, parts, partner.Get(f)))
}

// Policy is how contacts are synced. A field that is absent from Fields goes
// both ways and the newest change wins. TieWinner (default crm) takes a conflict
// whose times do not tell which change is newer.
type Policy struct {
	Fields    map[Field]FieldPolicy
	TieWinner Side
}

// DefaultPolicy syncs every field both ways, the newest change wins, and the CRM
// where that cannot be told.
func DefaultPolicy() Policy {
	return Policy{Fields: map[Field]FieldPolicy{}, TieWinner: SideCRM}
}

// For returns the field's policy with its defaults filled in. The name always
// has KeepNonEmpty: neither side can be without it.
func (p Policy) For(f Field) FieldPolicy {
	fp := p.Fields[f]
	if fp.Direction == "" {
		fp.Direction = DirectionBoth
	}
	if fp.Rule == "" {
		fp.Rule = RuleNewest
	}
	if f == FieldName {
		fp.KeepNonEmpty = true
	}
	return fp
}

// writes reports whether the field's direction lets a side be written at all.
func (p Policy) writes(s Side, f Field) bool { return p.For(f).Direction.From(s.Other()) }

// tieWinner is TieWinner or its default.
func (p Policy) tieWinner() Side {
	if p.TieWinner == "" {
		return SideCRM
	}
	return p.TieWinner
}

// Validate names every problem of the policy; the sentinels of this package tell
// them apart.
func (p Policy) Validate() error {
	var errs []error
	if !p.tieWinner().known() {
		errs = append(errs, fmt.Errorf("tie winner: %w %q", ErrUnknownSide, p.TieWinner))
	}
	for f := range p.Fields {
		if !f.Known() {
			errs = append(errs, fmt.Errorf("%w %q", ErrUnknownField, f))
		}
	}
	for _, f := range Fields() {
		fp := p.For(f)
		if !fp.Direction.known() {
			errs = append(errs, fmt.Errorf("%s: %w %q", f, ErrUnknownDirection, fp.Direction))
		}
		if !fp.Rule.known() {
			errs = append(errs, fmt.Errorf("%s: %w %q", f, ErrUnknownRule, fp.Rule))
		}
	}
	return errors.Join(errs...)
}
