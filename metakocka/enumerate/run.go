package enumerate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/crmmind/mksync/metakocka"
)

// maxDepth bounds how long the substrings get: as long as a name.
const maxDepth = 100

// minCap is the smallest size at which an answer may be cut.
const minCap = 10

// usualCaps are sizes at which servers cut answers.
var usualCaps = []int{10, 20, 25, 30, 50, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 10000}

// run is one enumeration under way.
type run struct {
	Partners
	erp     Finder
	memory  *metakocka.Memory
	asked   map[string]bool
	answers map[string][]string // ids by substring, of answers that were not capped
	counts  map[string]int      // of answers that count more than they bring
	parents map[string]string   // the capped substring that a longer one is made of
	largest int                 // size of the largest answer
	learned map[rune]bool       // letters of names
	closed  map[string]bool     // every name that holds one of these is known
}

func newRun(erp Finder) *run {
	return &run{
		Partners: newPartners(), erp: erp, asked: map[string]bool{}, answers: map[string][]string{},
		counts: map[string]int{}, parents: map[string]string{}, learned: map[rune]bool{}, closed: map[string]bool{},
	}
}

// lettersOf are the usual letters, and those of names that have none of them.
func lettersOf(names []string) []string {
	all := strings.Split(letters, "")
	for _, name := range names {
		for _, q := range foreign(name) {
			if !slices.Contains(all, q) {
				all = append(all, q)
			}
		}
	}
	return all
}

// askAll searches for every substring, and for the letters of names that come
// back and have none of the usual ones.
func (r *run) askAll(ctx context.Context, queries []string) error {
	queries = r.unasked(queries)
	for len(queries) > 0 {
		if err := r.ask(ctx, queries); err != nil {
			return err
		}
		queries = nil
		for _, id := range r.Order {
			queries = append(queries, foreign(r.Of[id].Customer)...)
		}
		slices.Sort(queries)
		queries = r.unasked(slices.Compact(queries))
	}
	return nil
}

// unasked are the queries that were not asked for yet.
func (r *run) unasked(queries []string) []string {
	return slices.DeleteFunc(slices.Clone(queries), func(q string) bool { return r.asked[q] })
}

// foreign are the letters of a name that has none of the usual ones.
func foreign(name string) (own []string) {
	for _, c := range strings.ToLower(name) {
		switch {
		case strings.ContainsRune(letters, c):
			return nil
		case unicode.IsLetter(c) || unicode.IsNumber(c):
			own = append(own, string(c))
		}
	}
	return own
}

// ask searches for every substring and for longer ones where an answer looks
// capped.
func (r *run) ask(ctx context.Context, queries []string) error {
	for depth := 1; len(queries) > 0; depth++ {
		known := len(r.Of)

		for _, q := range queries {
			if r.complete(r.parents[q]) {
				r.closed[q] = true
				continue
			}
			if err := r.search(ctx, q); err != nil {
				return err
			}
		}

		// Where an answer is cut, the search goes on with one more letter.
		capped := r.capped(queries, depth == 1 || len(r.Of) > known)
		if depth == maxDepth && len(capped) > 0 {
			return fmt.Errorf("search for partners named %q brings capped answers only: the partners cannot be enumerated", capped[0])
		}

		for _, q := range queries {
			r.closed[q] = r.closed[q] || !slices.Contains(capped, q)
		}
		queries = r.longer(capped)
	}
	return nil
}

// capped returns the queries whose answers look cut. No answer is larger than a
// cap, so it is among the largest ones, and a partner is known whose name holds
// the substring and who is not in the answer. Without such a partner, an answer
// of a usual cap's size is looked into as long as that brings new partners.
func (r *run) capped(queries []string, suspicious bool) []string {
	var capped []string
	for _, q := range queries {
		n := len(r.answers[q])
		cut := r.counts[q] > n || n >= minCap && n == r.largest &&
			(r.lacks(q) || suspicious && slices.Contains(usualCaps, n))
		if cut {
			capped = append(capped, q)
		}
	}
	for _, q := range capped {
		delete(r.answers, q)
	}
	return capped
}

// lacks reports whether a known partner should be in the answer and is not.
func (r *run) lacks(q string) bool {
	in := map[string]bool{}
	for _, id := range r.answers[q] {
		in[id] = true
	}
	for id, p := range r.Of {
		if !in[id] && strings.Contains(strings.ToLower(p.Customer), q) {
			return true
		}
	}
	return false
}

func (r *run) search(ctx context.Context, q string) error {
	r.asked[q] = true
	r.Calls++
	found, err := r.erp.Find(ctx, metakocka.Query{Name: q, Memory: r.memory})
	if err != nil {
		return err
	}
	r.largest = max(r.largest, len(found.Partners))
	if found.Count > len(found.Partners) {
		r.counts[q] = found.Count
	}
	answer := make([]string, 0, len(found.Partners))
	for _, p := range found.Partners {
		answer = append(answer, p.MKID)
		if was, known := r.Of[p.MKID]; !known || was.Customer != p.Customer {
			r.learn(p.Customer)
		}
	}
	r.answers[q] = answer
	r.add(found)
	return ctx.Err()
}

func (r *run) learn(name string) {
	for _, c := range strings.ToLower(name) {
		if unicode.IsGraphic(c) {
			r.learned[c] = true
		}
	}
}

// complete reports whether every partner that a capped answer counted is known
// by now.
func (r *run) complete(q string) bool {
	most := r.counts[q]
	if most == 0 || most > len(r.Of) {
		return false
	}
	for _, p := range r.Of {
		if strings.Contains(strings.ToLower(p.Customer), q) {
			most--
		}
	}
	return most <= 0
}

// longer makes the next substrings of capped ones: one letter more behind, over
// a space as well. That leaves no name out: its first letter brings it, or its
// first two where that answer was capped, and so on. What is the end of many
// names ("d.o.o.") comes to an end itself. A substring that ends in one whose
// names are all known need not be asked for.
func (r *run) longer(capped []string) []string {
	alphabet := []rune(letters)
	for c := range r.learned {
		if !slices.Contains(alphabet, c) && c != ' ' {
			alphabet = append(alphabet, c)
		}
	}
	slices.Sort(alphabet)
	var next []string
	for _, q := range capped {
		for _, c := range alphabet {
			for _, longer := range []string{q + string(c), q + " " + string(c)} {
				if !r.asked[longer] && !r.known(longer) {
					next = append(next, longer)
					r.parents[longer] = q
				}
			}
		}
	}
	return next
}

// known reports whether the substring ends in one whose names are all known.
func (r *run) known(q string) bool {
	for i := range q {
		if i > 0 && r.closed[strings.TrimSpace(q[i:])] {
			return true
		}
	}
	return false
}
