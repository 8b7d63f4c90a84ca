package match_test

import (
	"fmt"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
)

// One tax number links, however it is written. A mailbox that many share does not, unless
// something else agrees.
func ExampleCompare() {
	contact := match.Party{Is: mapping.Contact{Name: "Ana Novak", TaxNumber: "SI 50223054", Email: "info@zora.si"}}
	same := match.Party{Is: mapping.Contact{Name: "Novak, Ana", TaxNumber: "50223054"}}
	colleague := match.Party{Is: mapping.Contact{Name: "Bor Kranjc", Email: "info@zora.si"}}

	pair := match.Compare(contact, same)
	fmt.Println(pair.Grade == match.ByTax, pair.Key)
	pair = match.Compare(contact, colleague)
	fmt.Println(pair.Grade == match.Doubtful, pair.Why, pair.Key)
	// Output:
	// true tax_number
	// true mailbox email
}
