package match

import (
	"fmt"
	"strings"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
)

// Why a contact or a partner waits for a person, and how it is answered.

// Reason is why a contact waits that has the choice; nothing where it has none.
func (c Choice) Reason() coded.Text {
	if len(c.Candidates) == 0 || c.Link != "" {
		return coded.Text{}
	}

	all := some(c.Candidates)
	if len(c.Candidates) > 1 && c.Pair.Key == mapping.FieldTaxNumber {
		return coded.Say("note.match.several_tax", "several partners have its tax number ({partners}): which one is it? (mksync link, or mksync sync --new)", all)
	}
	if len(c.Candidates) > 1 && c.Pair.Key != "" {
		return coded.Say("note.match.several_email", "several partners have its e-mail ({partners}): which one is it? (mksync link, or mksync sync --new)", all)
	}

	switch c.Pair.Why {
	case WhyCountry:
		return coded.Say("note.match.country", "its tax number is that of partner {partner}, if they are of one country: is it that partner? (mksync link, or mksync sync --new)", all)
	case WhyCheckDigit:
		return coded.Say("note.match.check_digit", "its tax number is that of partner {partner}, but no valid one, and nothing else agrees: is it that partner? (mksync link, or mksync sync --new)", all)
	case WhyNumbers:
		return coded.Say("note.match.numbers", "it looks like partner {partner}, which has another tax number: is it that partner? (mksync link, or mksync sync --new)", all)
	case WhyMailbox:
		return coded.Say("note.match.mailbox", "its e-mail is a shared mailbox, which partner {partner} has as well, and nothing else agrees: is it that partner? (mksync link, or mksync sync --new)", all)
	case WhyFurther:
		return coded.Say("note.match.further", "its e-mail is that of a further contact person of partner {partner}: is it that partner? (mksync link, or mksync sync --new)", all)
	case WhyParted:
		return coded.Say("note.match.parted", "its e-mail is that of partner {partner}, which a person unlinked from another contact, whose data it may hold: is it that partner? (mksync link, or mksync sync --new)", all)
	case WhyName:
	}
	return coded.Say("note.match.name", "it has the name and the address or phone of partner {partner}: is it that partner? (mksync link, or mksync sync --new)", all)
}

// WhichContact is why a partner is not imported that has the choice.
func WhichContact(metakockaID string, c Choice) coded.Text {
	if len(c.Candidates) > 1 {
		return severalContacts(metakockaID, c.Candidates)
	}
	return coded.Say("note.match.which_contact", "partner {partner} may be contact {contact}: link the two by mksync link, or make a contact of its own by mksync import --new", metakockaID, c.Candidates[0])
}

// severalContacts is why a partner is not imported.
func severalContacts(metakockaID string, contactIDs []string) coded.Text {
	return coded.Say("note.match.several_contacts", "partner {partner} matches several contacts ({contacts}): merge them, or link one of them by mksync link", metakockaID, some(contactIDs))
}

// LeftOut is why a partner is not imported.
func LeftOut(metakockaID, contactID string) coded.Text {
	return coded.Say("note.match.left_out", "partner {partner} matches contact {contact}, which is left out of the sync", metakockaID, contactID)
}

// ofContact is why a partner is not imported: something is said of a contact that matches it.
func ofContact(contactID string, said coded.Text) coded.Text {
	return coded.Say("note.match.of_contact", "contact {contact}: {cause}", contactID, said)
}

// Taken is why a contact waits whose partner another contact has: a second one of
// the same, or a colleague. The holder may not be known.
func Taken(metakockaID, contactID string) coded.Text {
	if contactID == "" {
		return coded.Say("note.match.taken_by_somebody", "matches partner {partner}, which another contact is linked with: merge the two contacts", metakockaID)
	}
	return coded.Say("note.match.taken", "matches partner {partner}, which contact {contact} is linked with: merge the two contacts where they are one; a colleague gets a partner of its own by mksync sync --new, or is left out by the filter", metakockaID, contactID)
}

func claimedBySeveral(metakockaID string, contactIDs []string) coded.Text {
	return coded.Say("note.match.claimed", "several contacts match partner {partner} ({contacts}): merge those that are one, or link one of them by mksync link and give the others partners of their own by mksync sync --new", metakockaID, some(contactIDs))
}

// sameKey is why a contact waits that may be the twin of another.
func sameKey(contactID string, p Pair) coded.Text {
	if p.Key == mapping.FieldTaxNumber {
		return coded.Say("note.match.same_tax", "contact {contact} has the same tax number: merge the two contacts where they are one; a colleague gets a partner of its own by mksync sync --new, or is left out by the filter", contactID)
	}
	return coded.Say("note.match.same_email", "contact {contact} has the same e-mail: merge the two contacts where they are one; a colleague gets a partner of its own by mksync sync --new, or is left out by the filter", contactID)
}

// some lists ids, the first few of many.
func some(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}
