package httpapi_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/world"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer/operations"
)

// TestPairsAreTakenOverOverHTTP: all at once, with what differs.
func TestPairsAreTakenOverOverHTTP(t *testing.T) {
	t.Parallel()
	w := world.New(t, sim.Options{Partners: []metakocka.Partner{world.Person("7001", "Ana", "", ""), world.Person("7002", "Bor", "", "")}})
	ana, bor := w.Add(mapping.Contact{Name: "Ana"}), w.Add(mapping.Contact{Name: "Bor", Phone: "041 234 567"})
	_, c := w.API()
	body := fmt.Sprintf(`{"pairs":[{"contactId":%q,"metakockaId":"7001"},{"contactId":%q,"metakockaId":"7002"},{"contactId":"7","metakockaId":"7003"}]}`, ana, bor)
	var res operations.ImportPairsResult
	c.Post("contacts/mappings/import", body).Data(&res)
	require.Equal(t, map[operations.PairVerdict]int{"taken": 2, "contact_missing": 1}, res.Counts)
	require.Equal(t, map[store.Status]int{"synced": 2}, res.Statuses)
	require.Equal(t, bor, res.Results[1].ContactID)
	require.Equal(t, "041 234 567", w.Partner(bor).Contacts[0].GSM)
	require.Equal(t, "crm (mappings import)", w.One("SELECT created_by FROM metakocka_contact_mappings WHERE contact_id = $1", bor))
	for body, words := range map[string]string{
		`{}`: "pairs: name some",
		`{"pairs":[{"contactId":"","metakockaId":"1"}]}`:                                "pairs[0].contactId: is missing",
		`{"pairs":[{"contactId":"1","metakockaId":"a b"}]}`:                             "pairs[0].metakockaId: is not an id",
		`{"pairs":[{"contactId":"1","metakockaId":"1"}],"dryRun":true,"linkOnly":true}`: "linkOnly: does nothing",
	} {
		c.Post("contacts/mappings/import", body).Refused(400, "malformed", words)
	}
}
