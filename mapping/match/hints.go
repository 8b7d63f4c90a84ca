package match

import (
	"math"

	"github.com/crmmind/mksync/mapping"
)

// Hint is one thing that says that two are one, or that they are not, for the person who
// decides. The words are stable.
type Hint string

// The hints.
const (
	HintTax         Hint = "same_tax_number"
	HintTaxCountry  Hint = "tax_number_of_two_countries" // the same, perhaps
	HintTaxInvalid  Hint = "invalid_tax_number"          // the same, with a wrong check digit
	HintOtherTax    Hint = "different_tax_number"
	HintEmail       Hint = "same_email"
	HintMailbox     Hint = "shared_mailbox" // the same, which several people share
	HintFurther     Hint = "email_of_further_person"
	HintPhone       Hint = "same_phone"
	HintName        Hint = "same_name"
	HintSimilarName Hint = "similar_name"
	HintAddress     Hint = "same_address"
	HintCity        Hint = "same_city"
	HintOtherCity   Hint = "different_city"
)

// hintWeights are the shares of the doubt that each takes away; what speaks against it
// takes that share of what was gained.
var hintWeights = []struct {
	hint   Hint
	weight float64
}{
	{HintTax, 0.85},
	{HintTaxCountry, 0.50},
	{HintTaxInvalid, 0.50},
	{HintEmail, 0.65},
	{HintMailbox, 0.20},
	{HintFurther, 0.25},
	{HintPhone, 0.45},
	{HintName, 0.50},
	{HintSimilarName, 0.30},
	{HintAddress, 0.30},
	{HintCity, 0.05},
	{HintOtherTax, -0.60},
	{HintOtherCity, -0.20},
}

// AllHints are all hints, those for it first.
func AllHints() []Hint {
	all := make([]Hint, len(hintWeights))
	for i, w := range hintWeights {
		all[i] = w.hint
	}
	return all
}

// similarEnough is how alike two names have to be to be a hint.
const similarEnough = 0.75

// Hints say what two have in common and what not, the strongest first, with a score from 0
// to 100. They tell a person; what links is Compare's to say. They are symmetric but for a
// partner's further persons.
func Hints(one, other Party) (score int, hints []Hint) {
	there := found(one, other)
	doubt, against := 1.0, 1.0
	for _, w := range hintWeights {
		switch {
		case !there[w.hint]:
			continue
		case w.weight > 0:
			doubt *= 1 - w.weight
		default:
			against *= 1 + w.weight
		}
		hints = append(hints, w.hint)
	}
	return int(math.Round(100 * (1 - doubt) * against)), hints
}

// found are the hints that there are.
func found(one, other Party) map[Hint]bool {
	a, b := number(one.Is), number(other.Is)
	same, sure := a.Same(b)
	mistyped := a.Number != "" && a.Doubtful() || b.Number != "" && b.Doubtful()
	own, further := sharedEmail(one, other)
	like := mapping.Liken(one.Is, other.Is)

	return map[Hint]bool{
		HintTax:         same && sure && !mistyped,
		HintTaxCountry:  same && !sure,
		HintTaxInvalid:  same && sure && mistyped,
		HintOtherTax:    !same && a.Number != "" && b.Number != "",
		HintEmail:       own != "" && !mapping.SharedMailbox(own),
		HintMailbox:     mapping.SharedMailbox(own),
		HintFurther:     own == "" && further,
		HintPhone:       like.Phone,
		HintName:        like.Name == 1,
		HintSimilarName: like.Name >= similarEnough && like.Name < 1,
		HintAddress:     like.Street && like.City,
		HintCity:        like.City && !like.Street,
		HintOtherCity:   like.OtherCity,
	}
}
