package syncer

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

func sweeperOf(t testing.TB, opts sim.Options) (*sweeper, *sim.Server) {
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
	return newSweeper(client, knownNames{}, time.Hour), erp
}

// knownNames are known elsewhere.
type knownNames []string

func (n knownNames) ForeignNames(context.Context) ([]string, error) { return n, nil }

// sweepAll sweeps once and checks that nothing is missing.
func sweepAll(t testing.TB, s *sweeper, n int) sweep {
	t.Helper()
	began := time.Now()
	got, err := s.sweep(t.Context())
	require.NoError(t, err)
	require.Len(t, got.partners, n)
	t.Logf("%d partners: %d calls, %v", n, got.calls, time.Since(began).Round(time.Millisecond))
	return got
}

func TestSweepsAreCheapWhereNothingIsCapped(t *testing.T) {
	t.Parallel()
	const n = 1000
	for listing, few := range map[string]int{sim.Refused: 7, sim.ListsAll: 1} {
		t.Run(listing, func(t *testing.T) {
			s, _ := sweeperOf(t, sim.Options{Partners: partnersNamed(n), ListAll: listing})
			require.LessOrEqual(t, sweepAll(t, s, n).calls, 40)
			require.LessOrEqual(t, sweepAll(t, s, n).calls, few+len([]rune(otherLetters)))
			require.LessOrEqual(t, sweepAll(t, s, n).calls, few)
		})
	}
}

// TestSweepsOfManyPartnersAreCheap leaves out the wire, which takes most of the
// time.
func TestSweepsOfManyPartnersAreCheap(t *testing.T) {
	t.Parallel()
	const n = 10000
	e := &cappedERP{limit: n}
	for _, p := range partnersNamed(n) {
		e.names = append(e.names, p.Customer)
	}
	s := newSweeper(e, knownNames{}, time.Hour)
	require.LessOrEqual(t, sweepAll(t, s, n).calls, 40)
	require.LessOrEqual(t, sweepAll(t, s, n).calls, 13)
	require.LessOrEqual(t, sweepAll(t, s, n).calls, 7)
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
	s, _ := sweeperOf(t, sim.Options{Partners: partners, AnswerCap: 20})
	s.thorough()
	s.names = knownNames{"Œ", "日本", "店", "Жук", "Цу"}
	sweepAll(t, s, len(partners))
}

func TestSweepsAreCompleteWhereAnswersAreCapped(t *testing.T) {
	t.Parallel()
	for counts, most := range map[string]int{sim.CountsAll: 4000, sim.CountsReturned: 8000} {
		t.Run(counts, func(t *testing.T) {
			const n = 1000
			s, erp := sweeperOf(t, sim.Options{Partners: partnersNamed(n), AnswerCap: 100, CountCapped: counts})
			require.LessOrEqual(t, sweepAll(t, s, n).calls, most)
			require.LessOrEqual(t, sweepAll(t, s, n).calls, 100)
			_, err := erp.AddPartner(metakocka.Partner{Customer: "Ana Novak"})
			require.NoError(t, err)
			sweepAll(t, s, n+1)
		})
	}
}

// TestAListingThatBecameCappedIsNotUsed: there are more partners by now than one
// answer holds.
func TestAListingThatBecameCappedIsNotUsed(t *testing.T) {
	t.Parallel()
	partners := partnersNamed(25)
	s, erp := sweeperOf(t, sim.Options{ListAll: sim.ListsAll, AnswerCap: 20, Partners: partners[:15]})
	sweepAll(t, s, 15)
	require.Equal(t, 1, sweepAll(t, s, 15).calls)
	for _, p := range partners[15:] {
		_, err := erp.AddPartner(p)
		require.NoError(t, err)
	}
	sweepAll(t, s, 25)
}
