package mapping

import (
	"strings"
	"unicode/utf8"

	"github.com/crmmind/mksync/coded"
)

// NotKept compares a value that was sent to a side with the one read back, and says how the
// side did not keep it; nothing: it did.
func NotKept(by Side, f Field, sent, got string) coded.Text {
	if Equal(f, sent, got) {
		return coded.Text{}
	}

	sent, got = Canonical(f, sent), Canonical(f, got)
	part, cut := cutPart(f, sent, got)
	count := utf8.RuneCountInString(part.got)
	crm := by == SideCRM

	switch {
	case got == "" && crm:
		return coded.Say("note.kept.not_by_crm", "not kept by the CRM")
	case got == "":
		return coded.Say("note.kept.not_by_metakocka", "not kept by MetaKocka")
	case sent == "" && crm:
		return coded.Say("note.kept.not_cleared_by_crm", "could not be cleared by the CRM")
	case sent == "":
		return coded.Say("note.kept.not_cleared_by_metakocka", "could not be cleared by MetaKocka")
	case cut && crm:
		return coded.Say("note.kept.cut_by_crm", "cut to {count} characters by the CRM", count)
	case cut:
		return coded.Say("note.kept.cut_by_metakocka", "cut to {count} characters by MetaKocka", count)
	case crm:
		return coded.Say("note.kept.else_by_crm", "stored as something else by the CRM")
	}
	return coded.Say("note.kept.else_by_metakocka", "stored as something else by MetaKocka")
}

// LikelyDropped judges a difference seen for the first time after a creation
// whose result was not read back: was the value not kept, or did a person change
// it in the ERP since? Not kept are missing notes or a missing website, which
// not every installation stores, and values cut at a documented length. For
// notes and websites no length is documented: a long beginning of what was sent
// counts as cut.
func LikelyDropped(f Field, sent, got string) bool {
	sent, got = Canonical(f, sent), Canonical(f, got)
	free := f == FieldNotes || f == FieldWebsite
	if sent == "" || sent == got {
		return false
	}

	if got == "" {
		return free
	}

	part, cut := cutPart(f, sent, got)
	if !cut {
		return false
	}

	// Free text may be cut anywhere; other fields only where MetaKocka is known to.
	if free {
		return utf8.RuneCountInString(part.got) >= likelyCut
	}
	for _, most := range part.limits {
		if cutAt(part.got, most) {
			return true
		}
	}
	return false
}

// likelyCut is the length from which a mere beginning of free text is taken for
// a cut: shorter, a person may have shortened it.
const likelyCut = 50

// Documented lengths of MetaKocka's attributes, in characters.
const (
	limitCustomer = 100
	limitContact  = 255
	limitTax      = 50
	limitStreet   = 150
	limitPost     = 20
	limitCity     = 100
	limitCountry  = 50
)

// limits are the documented lengths of the attributes that may hold a field.
func limits(f Field) []int {
	switch f {
	case FieldName:
		return []int{limitCustomer, limitContact}
	case FieldCompanyName:
		return []int{limitCustomer}
	case FieldEmail, FieldPhone:
		return []int{limitContact}
	case FieldTaxNumber:
		return []int{limitTax}
	case FieldCountry:
		return []int{limitCountry}
	}
	return nil
}

// cutAt reports whether v ends where a limit cut it: counted in characters or in
// bytes, with the space that trimming took or a character that did not fit.
func cutAt(v string, limit int) bool {
	n := utf8.RuneCountInString(v)
	return n == limit || n == limit-1 || len(v) <= limit && len(v) > limit-utf8.UTFMax
}

// valuePart is a part of a value that came back shorter.
type valuePart struct {
	got    string
	limits []int
}

// cutPart finds the one part of a value that came back as its own beginning; an
// address is cut part by part, everything else is one part.
func cutPart(f Field, sent, got string) (valuePart, bool) {
	if f != FieldAddress {
		return valuePart{got, limits(f)}, strings.HasPrefix(sent, got)
	}
	s, g := ParseAddress(sent), ParseAddress(got)
	var found valuePart
	for _, p := range []struct {
		sent, got string
		limit     int
	}{
		{s.Street, g.Street, limitStreet}, {s.City, g.City, limitCity}, {s.PostNumber, g.PostNumber, limitPost},
	} {
		switch {
		case p.sent == p.got:
		case p.got != "" && strings.HasPrefix(p.sent, p.got):
			found = valuePart{p.got, []int{p.limit}}
		default:
			return valuePart{}, false
		}
	}
	return found, found.got != ""
}
