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
		require.Equal(t, e.calls, full.Calls, "the listings that were refused included")

		e.calls = 0
		again, err := s.Enumerate(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, again.Of, len(names))
		require.Less(t, e.calls, 100)
	}
}

// TestWhatASweepMissedIsAskedFor: by a letter of its name from then on, or by every letter
// where it has none that is not asked for.
func TestWhatASweepMissedIsAskedFor(t *testing.T) {
	t.Parallel()
	e := &cappedERP{names: []string{"Ana Novak"}, limit: 100}
	s := New(e, knownNames{"日"}, Config{FullEvery: time.Hour})
	s.Missed("Krk")
	enumerateAll(t, s, 1)
	s.Missed("Krk") // every letter was asked for: it is new
	enumerateAll(t, s, 1)
	require.Equal(t, len(vowels), enumerateAll(t, s, 1).Calls)

	e.names = append(e.names, "Krk")
	require.False(t, enumerateAll(t, s, 1).Full)
	s.Missed("Krk")
	require.Equal(t, len(vowels)+1, enumerateAll(t, s, 2).Calls)
	s.Missed("Eva")
	require.Contains(t, s.cover, "v", "e is asked for")

	e.names = append(e.names, "日本")
	enumerateAll(t, s, 2)
	s.Missed("日本")
	require.True(t, enumerateAll(t, s, 3).Full)
	enumerateAll(t, s, 3)
	require.Contains(t, s.cover, "日")
}

// TestAThoroughSweepIsAFullOne where that is cheap.
func TestAThoroughSweepIsAFullOne(t *testing.T) {
	t.Parallel()
	s := New(&cappedERP{names: []string{"Ana Novak"}, limit: 100}, knownNames{}, Config{FullEvery: time.Hour})
	enumerateAll(t, s, 1)
	require.False(t, enumerateAll(t, s, 1).Full)
	s.Thorough()
	require.True(t, enumerateAll(t, s, 1).Full)
	s.fullCost = cheap + 1
	s.Thorough()
	require.False(t, enumerateAll(t, s, 1).Full)
}

// TestNamesThatCannotBeToldApart: where every answer is cut however much of a name is asked
// for, nobody is told that these are all.
func TestNamesThatCannotBeToldApart(t *testing.T) {
	t.Parallel()
	e := &cappedERP{limit: 10, tells: true}
	for range 12 {
		e.names = append(e.names, strings.Repeat("a", 2*maxDepth))
	}
	_, err := New(e, knownNames{}, Config{}).Enumerate(t.Context(), nil)
	require.ErrorContains(t, err, "the partners cannot be enumerated")
}
