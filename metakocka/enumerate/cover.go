package enumerate

import (
	"context"
	"slices"
	"strings"
)

// A cover is what the sweeps between two full ones ask for: substrings whose
// answers were not capped and together bring every partner.

// coverAll is a cover; nil: there is none, and the next sweep is a full one too.
// Partners that only capped answers brought are asked for by substrings that, as
// far as the names known by now tell, few names hold.
func (r *run) coverAll(ctx context.Context) ([]string, error) {
	for {
		cover, open := r.cover()
		if len(open) == 0 {
			return cover, nil
		}
		narrow := r.narrow(open)
		if len(narrow) == 0 {
			return nil, nil
		}
		for _, q := range narrow {
			delete(r.parents, q) // ask for it though all its partners are known
		}
		if err := r.ask(ctx, narrow); err != nil {
			return nil, err
		}
	}
}

// vowels are asked for in every sweep, unless their answers are capped: few new
// names have none of them.
var vowels = []string{"a", "e", "i", "o", "u"}

// cover picks substrings, the vowels and then those that bring most, and returns
// the partners they leave out.
func (r *run) cover() (cover []string, open map[string]bool) {
	open = map[string]bool{}
	for id := range r.Of {
		open[id] = true
	}

	gains := map[string]int{} // at most so many; fewer once others are picked
	for q, ids := range r.answers {
		gains[q] = len(ids)
	}

	pick := func(q string) {
		cover = append(cover, q)
		for _, id := range r.answers[q] {
			delete(open, id)
		}
		delete(gains, q)
	}

	// The vowels are asked for in every sweep anyway.
	for _, q := range vowels {
		if _, whole := r.answers[q]; whole {
			pick(q)
		}
	}

	for len(open) > 0 && len(gains) > 0 {
		best := r.best(gains, open)
		if gains[best] == 0 {
			break
		}
		pick(best)
	}
	return cover, open
}

// best is the substring that brings most of the open partners. What a substring
// gains only shrinks, so that few have to be counted again.
func (r *run) best(gains map[string]int, open map[string]bool) string {
	counted := map[string]bool{}
	for {
		best := ""
		for q, n := range gains {
			if best == "" || n > gains[best] || n == gains[best] && q < best {
				best = q
			}
		}
		if counted[best] {
			return best
		}
		counted[best] = true
		gains[best] = 0
		for _, id := range r.answers[best] {
			if open[id] {
				gains[best]++
			}
		}
	}
}

// narrow picks substrings of the open partners' names, not asked for yet, that
// many names hold, but fewer than a cap lets through.
func (r *run) narrow(open map[string]bool) []string {
	names := make([]string, 0, len(r.Of))
	for _, p := range r.Of {
		names = append(names, strings.ToLower(p.Customer))
	}
	var picked []string
	for _, id := range r.Order {
		name := strings.ToLower(r.Of[id].Customer)
		if !open[id] || slices.ContainsFunc(picked, func(q string) bool { return strings.Contains(name, q) }) {
			continue
		}
		if q := r.window(name, names); q != "" {
			picked = append(picked, q)
		}
	}
	return picked
}

// window is the shortest part of the name that few enough names hold; of several
// the one that most do.
func (r *run) window(name string, names []string) string {
	letters := []rune(name)
	for size := 2; size <= len(letters); size++ {
		best, most := "", 0
		for i := range len(letters) - size + 1 {
			q := string(letters[i : i+size])
			if q != strings.TrimSpace(q) || r.asked[q] {
				continue
			}

			n := 0
			for _, other := range names {
				if strings.Contains(other, q) {
					n++
				}
			}
			if n > most && n < r.largest*9/10 {
				best, most = q, n
			}
		}

		if best != "" {
			return best
		}
	}
	return ""
}
