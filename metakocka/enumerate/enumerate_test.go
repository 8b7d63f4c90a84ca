package enumerate

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/sim"
)

// partnersNamed are n partners with names as they are in Slovenia.
func partnersNamed(n int) []metakocka.Partner {
	first := []string{"Ana", "Marija", "Franc", "Janez", "Marko", "Maja", "Irena", "Ivan", "Andrej", "Mojca", "Luka", "Nina", "Žiga", "Špela", "Matej", "Eva", "Jožef", "Tomaž", "Katja", "Rok"}
	last := []string{"Novak", "Horvat", "Kovačič", "Krajnc", "Zupančič", "Potočnik", "Kovač", "Mlakar", "Kos", "Vidmar", "Golob", "Turk", "Božič", "Kralj", "Korošec", "Zupan", "Bizjak", "Hribar", "Kotnik", "Kavčič", "Rozman", "Kastelic", "Oblak", "Petek", "Žagar", "Hočevar", "Kolar", "Košir", "Koren", "Klemenčič"}
	trade := []string{"Gradnje", "Transport", "Inženiring", "Elektro", "Mizarstvo", "Trgovina", "Storitve", "Avto", "Invest", "Center"}
	place := []string{"Ljubljana", "Maribor", "Celje", "Kranj", "Koper", "Velenje", "Ptuj", "Novo mesto"}
	dice := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string) string { return from[dice.IntN(len(from))] }
	partners := make([]metakocka.Partner, n)
	for i := range partners {
		name := pick(first) + " " + pick(last)
		switch i % 3 {
		case 1:
			name = fmt.Sprintf("%s %s, s.p.", pick(trade), name)
		case 2:
			name = fmt.Sprintf("%s %s %d d.o.o.", pick(trade), pick(place), dice.IntN(n))
		}
		partners[i] = metakocka.Partner{MKID: fmt.Sprint(10000 + i), Customer: name}
	}
	return partners
}

func enumeratorOf(t testing.TB, opts sim.Options) (*Enumerator, *sim.Server) {
	t.Helper()
	erp := sim.New(opts)
	t.Cleanup(erp.Close)
	server := httptest.NewServer(erp)
	t.Cleanup(server.Close)
	client, err := metakocka.New(metakocka.Config{
		URL: server.URL + "/rest/eshop/v1", CompanyID: sim.DefaultCompanyID, SecretKey: sim.DefaultSecretKey, Timeout: 30 * time.Second,
	}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return New(client, knownNames{}, Config{FullEvery: time.Hour}), erp
}

// knownNames are known elsewhere.
type knownNames []string

func (n knownNames) ForeignNames(context.Context) ([]string, error) { return n, nil }

// enumerateAll enumerates once and checks that nothing is missing.
func enumerateAll(t testing.TB, e *Enumerator, n int, known ...string) Partners {
	t.Helper()
	ids := map[string]bool{}
	for _, id := range known {
		ids[id] = true
	}
	began := time.Now()
	got, err := e.Enumerate(t.Context(), ids)
	require.NoError(t, err)
	require.Len(t, got.Of, n)
	require.Len(t, got.Order, n)
	t.Logf("%d partners: %d calls, %v", n, got.Calls, time.Since(began).Round(time.Millisecond))
	return got
}

func TestSweepsAreCheapWhereNothingIsCapped(t *testing.T) {
	t.Parallel()
	const n = 700
	s, _ := enumeratorOf(t, sim.Options{Partners: partnersNamed(n), ListAll: sim.Refused})
	require.LessOrEqual(t, enumerateAll(t, s, n).Calls, 42)
	require.LessOrEqual(t, enumerateAll(t, s, n).Calls, 7+len([]rune(otherLetters)))
	require.LessOrEqual(t, enumerateAll(t, s, n).Calls, 7)
	require.Equal(t, WayLetters, s.Way())
}

// TestSweepsOfManyPartnersAreCheap leaves out the wire, which takes most of the
// time.
func TestSweepsOfManyPartnersAreCheap(t *testing.T) {
	t.Parallel()
	n := long.Or(3000, 10000)
	e := &cappedERP{limit: n}
	for _, p := range partnersNamed(n) {
		e.names = append(e.names, p.Customer)
	}
	s := New(e, knownNames{}, Config{FullEvery: time.Hour})
	require.LessOrEqual(t, enumerateAll(t, s, n).Calls, 42)
	require.LessOrEqual(t, enumerateAll(t, s, n).Calls, 13)
	require.LessOrEqual(t, enumerateAll(t, s, n).Calls, 7)
}

// TestSweepsFindNamesOfOtherScripts: one that is known elsewhere, or has a common
// letter, tells which letters to ask for.
func TestSweepsFindNamesOfOtherScripts(t *testing.T) {
	t.Parallel()
	var partners []metakocka.Partner
	for _, name := range []string{"Ana", "Иванов", "Фрунзе ООО", "ЦУМ", "Ηλίας", "日本商事", "商店", "Œ"} {
		partners = append(partners, metakocka.Partner{Customer: name})
	}
	for i := range 30 { // more than an answer holds
		partners = append(partners, metakocka.Partner{Customer: strings.Repeat("Ж", i+1) + "д"})
	}
	s, _ := enumeratorOf(t, sim.Options{Partners: partners, AnswerCap: 20, ListAll: sim.Refused})
	s.Thorough()
	s.names = knownNames{"Œ", "日本", "店", "Жук", "Цу"}
	enumerateAll(t, s, len(partners))
}

func TestSweepsAreCompleteWhereAnswersAreCapped(t *testing.T) {
	t.Parallel()
	for counts, most := range map[string]int{sim.CountsAll: 4000, sim.CountsReturned: 8000} {
		t.Run(counts, func(t *testing.T) {
			n := long.Or(400, 1000)
			s, erp := enumeratorOf(t, sim.Options{Partners: partnersNamed(n), AnswerCap: 100, CountCapped: counts, ListAll: sim.Refused})
			require.LessOrEqual(t, enumerateAll(t, s, n).Calls, most)
			require.LessOrEqual(t, enumerateAll(t, s, n).Calls, 100)
			_, err := erp.AddPartner(metakocka.Partner{Customer: "Ana Novak"})
			require.NoError(t, err)
			enumerateAll(t, s, n+1)
		})
	}
}

// TestAPartnerIsReadOnce: one that comes as it did before is not read again, unless that is
// asked for; its hash is what tells whether it is another.
func TestAPartnerIsReadOnce(t *testing.T) {
	t.Parallel()
	const n = 20
	e, _ := enumeratorOf(t, sim.Options{Partners: partnersNamed(n)})
	any := func(string, string) bool { return true }
	first := enumerateAll(t, e, n)
	require.False(t, first.Unread(any), "each was read")
	again := enumerateAll(t, e, n)
	require.True(t, again.Unread(any))
	require.False(t, again.Unread(func(id, hash string) bool { return hash != first.Hash(id) }), "none is another")
	e.Forget()
	third := enumerateAll(t, e, n)
	require.False(t, third.Unread(any))
	for id, p := range third.Of {
		require.Equal(t, p.Hash(), third.Hash(id))
		require.Equal(t, p.Hash(), again.Hash(id))
	}
}

// TestTheWholePartnerIsKept: it may come several times in one enumeration, and after the
// first time without its content.
func TestTheWholePartnerIsKept(t *testing.T) {
	t.Parallel()
	whole := metakocka.Partner{MKID: "1", Customer: "Ana Novak", Notes: "plačuje redno"}
	short := metakocka.Partner{MKID: "1", Customer: "Ana Novak"}
	for name, tc := range map[string]struct {
		now  metakocka.Seen
		want metakocka.Partner
	}{
		"as before":          {metakocka.Seen{Hash: "a", Known: true}, whole},
		"another by now":     {metakocka.Seen{Hash: "b", Known: true}, short},
		"and read once more": {metakocka.Seen{Hash: "a"}, short},
	} {
		p := newPartners()
		require.Equal(t, 1, p.add(metakocka.Found{Partners: []metakocka.Partner{whole}, Seen: []metakocka.Seen{{Hash: "a"}}}))
		require.Zero(t, p.add(metakocka.Found{Partners: []metakocka.Partner{short}, Seen: []metakocka.Seen{tc.now}}))
		require.Equal(t, tc.want, p.Of["1"], name)
		require.Equal(t, []string{"1"}, p.Order)
	}
}
