package crowd

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// TestTheMarkerIsTheOtherHalfOfAWrite: what empties a value, or the street of an address,
// takes two calls and is one write; a marker that follows on nothing is a write of its own.
func TestTheMarkerIsTheOtherHalfOfAWrite(t *testing.T) {
	t.Parallel()
	const marker = metakocka.RemoveValue
	street := func(v, city string) string {
		return fmt.Sprintf(`"partner_delivery_address_list":[{"mk_id":"2","city":%q,"street":%q}]`, city, v)
	}
	const none = -1
	for name, c := range map[string]struct {
		calls                    []string
		spoilt                   int // which call
		writes, likeTheOneBefore int
	}{
		"a value is emptied":                    {[]string{`"notes":""`, `"notes":"` + marker + `"`}, none, 1, 0},
		"a street is emptied, the city is not":  {[]string{street("", "Kranj"), street(marker, "Kranj")}, none, 1, 0},
		"and is typed again":                    {[]string{street("", "Kranj"), street(marker, "Kranj"), street("Trg 1", "Kranj")}, none, 2, 0},
		"a marker twice":                        {[]string{street("", "Kranj"), street(marker, "Kranj"), street(marker, "Kranj")}, none, 2, 1},
		"a marker alone":                        {[]string{street(marker, "Kranj")}, none, 1, 0},
		"a marker for what was not to be empty": {[]string{street("Trg 1", "Kranj"), street(marker, "Kranj")}, none, 2, 0},
		"a marker for another value":            {[]string{`"notes":""`, `"website":"` + marker + `"`}, none, 2, 0},
		"the write before it was spoilt":        {[]string{street("", "Kranj"), street(marker, "Kranj")}, 0, 2, 0},
		"it was spoilt, and both are repeated":  {[]string{street("", "Kranj"), street(marker, "Kranj"), street("", "Kranj"), street(marker, "Kranj")}, 1, 2, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w written
			for i, partner := range c.calls {
				call := sim.Call{Endpoint: metakocka.EndpointUpdate, Arguments: []byte(`{"company_id":"16","partner":{"mk_id":"1",` + partner + `}}`)}
				w.note(call, i == c.spoilt)
			}
			require.Equal(t, c.writes, w.arrived, "writes")
			require.Equal(t, c.likeTheOneBefore, w.again, "the same as the one before")
		})
	}
}
