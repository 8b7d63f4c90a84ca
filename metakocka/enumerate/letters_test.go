package enumerate

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/metakocka"
)

// cappedERP answers searches by name with at most limit partners.
type cappedERP struct {
	names []string
	limit int
	tells bool // how many match
	calls int
}

func (e *cappedERP) Find(_ context.Context, q metakocka.Query) (metakocka.Found, error) {
	e.calls++
	if q.All || q.EmptyName {
		return metakocka.Found{}, &metakocka.RefusalError{Text: "name something"}
	}
	var found metakocka.Found
	for i, name := range e.names {
		if !strings.Contains(strings.ToLower(name), q.Name) {
			continue
		}
		found.Count++
		if len(found.Partners) < e.limit {
			found.Partners = append(found.Partners, metakocka.Partner{MKID: fmt.Sprint(i), Customer: name})
		}
	}
	if !e.tells {
		found.Count = len(found.Partners)
	}
	return found, nil
}

func TestSweepFindsEveryPartnerThroughACap(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 400 {
		names = append(names, fmt.Sprintf("%c%c%c Gradnje d.o.o.", 'a'+i%23, 'a'+i%19, 'a'+i/23))
	}
	names = append(names, "Podjetje Kranj", "Podjetje Koper", "X", "ß 1", "日本 Trade")
	for tells, most := range map[bool]int{true: 1500, false: 10000} {
		e := &cappedERP{names: names, limit: 100, tells: tells}
		s := New(e, knownNames{}, Config{FullEvery: time.Hour})
		full, err := s.Enumerate(t.Context(), nil)
		require.NoError(t, err)
		var missing []string
		for i, name := range names {
			if _, ok := full.Of[fmt.Sprint(i)]; !ok {
				missing = append(missing, name)
			}
		}
		require.Empty(t, missing)
		require.Less(t, e.calls, most)

		e.calls = 0
		again, err := s.Enumerate(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, again.Of, len(names))
		require.Less(t, e.calls, 100)
	}
}
