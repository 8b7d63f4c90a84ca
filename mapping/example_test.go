package mapping_test

import (
	"fmt"

	"github.com/crmmind/mksync/mapping"
)

// A partner of MetaKocka is read as a contact: its country's name as a code, its address
// in one text.
func ExampleFromPartner() {
	c, unreadable := mapping.FromPartner(mapping.Partner{
		Customer: "Zora d.o.o.", BusinessEntity: true, ContactName: "Ana Novak", Email: "ana@zora.si",
		Street: "Ob Krki 4", City: "Novo mesto", PostNumber: "8000", Country: "Slovenia",
	})
	fmt.Println(c.Name, "of", c.CompanyName)
	fmt.Println(c.Address, c.Country)
	fmt.Println(len(unreadable), "values cannot be read")
	// Output:
	// Ana Novak of Zora d.o.o.
	// Ob Krki 4, Novo mesto, 8000 SI
	// 0 values cannot be read
}

// Only the fields that changed are written; what else the partner holds stays.
func ExampleToPartner() {
	old := mapping.Partner{Customer: "Ana Novak", Email: "ana@primer.si", Notes: "pays late"}
	p := mapping.ToPartner(mapping.Contact{Name: "Ana Novak", Email: "novak@primer.si", Phone: "041 111 111"}, old,
		[]mapping.Field{mapping.FieldEmail, mapping.FieldPhone}, mapping.DefaultPolicy())
	fmt.Println(p.Email, p.GSM, p.Notes)
	// Output: novak@primer.si 041 111 111 pays late
}

// Each side has changed another field since they last agreed, and both have changed the
// phone: that waits for a person.
func ExampleMerge() {
	agreed := mapping.Contact{Name: "Ana Novak", Email: "ana@primer.si", Phone: "041 111 111"}
	crm, partner := agreed, agreed
	crm.Email, crm.Phone = "novak@primer.si", "041 222 222"
	partner.Website, partner.Phone = "https://primer.si", "041 333 333"

	policy := mapping.DefaultPolicy()
	policy.Fields[mapping.FieldPhone] = mapping.FieldPolicy{Rule: mapping.RuleManual}
	r := mapping.Merge(mapping.MergeInput{Base: mapping.Base{CRM: agreed, Partner: agreed}, CRM: crm, Partner: partner}, policy)

	fmt.Println("to MetaKocka:", r.ToPartner)
	fmt.Println("to the CRM:", r.ToCRM)
	fmt.Println("waits:", r.Parked)
	// Output:
	// to MetaKocka: [email]
	// to the CRM: [website]
	// waits: [phone]
}
