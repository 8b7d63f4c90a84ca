package match

import (
	"fmt"
	"strings"

	"github.com/crmmind/mksync/mapping"
)

// Why a contact or a partner waits for a person, and how it is answered.

// Reason is why a contact waits that has the choice; "" where it has none.
func (c Choice) Reason() string {
	if len(c.Candidates) == 0 || c.Link != "" {
		return ""
	}

	one := c.Candidates[0]
	if len(c.Candidates) > 1 && c.Pair.Key != "" {
		return fmt.Sprintf("several partners have its %s (%s): which one is it? %s", words(c.Pair.Key), some(c.Candidates), answers)
	}
	if len(c.Candidates) > 1 {
		one = some(c.Candidates)
	}

	var text string
	switch c.Pair.Why {
	case WhyCountry:
		text = "its tax number is that of partner " + one + ", if they are of one country"
	case WhyCheckDigit:
		text = "its tax number is that of partner " + one + ", but no valid one, and nothing else agrees"
	case WhyNumbers:
		text = "it looks like partner " + one + ", which has another tax number"
	case WhyMailbox:
		text = "its e-mail is a shared mailbox, which partner " + one + " has as well, and nothing else agrees"
	case WhyFurther:
		text = "its e-mail is that of a further contact person of partner " + one
	case WhyName:
		text = "it has the name and the address or phone of partner " + one
	}
	return text + ": is it that partner? " + answers
}

// answers are how a person answers.
const answers = "(mksync link, or mksync sync --new)"

// WhichContact is why a partner is not imported that has the choice.
func WhichContact(metakockaID string, c Choice) string {
	if len(c.Candidates) > 1 {
		return severalContacts(metakockaID, c.Candidates)
	}
	return fmt.Sprintf("partner %s may be contact %s: link the two by mksync link, or make a contact of its own by mksync import --new", metakockaID, c.Candidates[0])
}

// severalContacts is why a partner is not imported.
func severalContacts(metakockaID string, contactIDs []string) string {
	return fmt.Sprintf("partner %s matches several contacts (%s): merge them, or link one of them by mksync link", metakockaID, some(contactIDs))
}

// LeftOut is why a partner is not imported.
func LeftOut(metakockaID, contactID string) string {
	return fmt.Sprintf("partner %s matches contact %s, which is left out of the sync", metakockaID, contactID)
}

// Taken is why a contact waits whose partner another contact has: a second one of
// the same, or a colleague.
func Taken(metakockaID, contactID string) string {
	return fmt.Sprintf("matches partner %s, which contact %s is linked with: merge the two contacts where they are one; a colleague gets a partner of its own by mksync sync --new, or is left out by the filter", metakockaID, contactID)
}

func claimedBySeveral(metakockaID string, contactIDs []string) string {
	return fmt.Sprintf("several contacts match partner %s (%s): merge those that are one, or link one of them by mksync link and give the others partners of their own by mksync sync --new", metakockaID, some(contactIDs))
}

// sameKey is why a contact waits that may be the twin of another.
func sameKey(contactID string, p Pair) string {
	return fmt.Sprintf("contact %s has the same %s: merge the two contacts where they are one; a colleague gets a partner of its own by mksync sync --new, or is left out by the filter", contactID, words(p.Key))
}

func words(key mapping.Field) string {
	if key == mapping.FieldTaxNumber {
		return "tax number"
	}
	return "e-mail"
}

// some lists ids, the first few of many.
func some(ids []string) string {
	const most = 5
	if len(ids) <= most {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:most], ", "), len(ids)-most)
}
