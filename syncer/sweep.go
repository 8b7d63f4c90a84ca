package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/metakocka"
)

// MetaKocka documents no way to list all partners. What works by its
// documentation is searching for substrings of names and joining the answers:
// every name holds a letter or a digit, though it may be one of another script.
// Where an answer looks capped, longer substrings are asked for. A full sweep
// asks for all letters; the sweeps in between ask only for the substrings that,
// as the last full sweep showed, together bring every partner.

// letters begin a full sweep, the commonest first. Others are learned from the
// names that come back, and make longer substrings with them.
const letters = "aeionrtslkdvmjpzugbčšchžfywqx0123456789"

// otherLetters are asked for by the sweep after one for all letters: nearly every Cyrillic or Greek name has one
// of them. What they and the names known elsewhere bring tells which letters of
// these scripts to ask for; no few letters would do for Chinese.
const otherLetters = "аоеиαο"

// NameSource knows names that a sweep may not think of; *pgstore.Store is one.
type NameSource interface {
	// ForeignNames are names of contacts and of partners seen before that have no
	// Latin letter and no digit.
	ForeignNames(ctx context.Context) ([]string, error)
}

// sweep is everything one enumeration brought.
type sweep struct {
	partners map[string]metakocka.Partner
	seen     map[string]metakocka.Seen // how each came, where the sweeper remembers
	order    []string                  // ids as they came
	calls    int
	full     bool // every letter was asked for
}

// sweeper enumerates the partners.
type sweeper struct {
	erp       ERP
	names     NameSource
	fullEvery time.Duration
	memory    *metakocka.Memory // of this sweep's answers and the sweep before

	cover    []string // substrings that bring every known partner
	partial  bool     // the last sweep asked for less than every letter
	others   bool     // the next one asks for otherLetters
	lastFull time.Time
	fullCost int // calls of the last full sweep
	fullTook time.Duration
	listAll  listing
}

// listing is whether a search without arguments lists every partner.
type listing int

const (
	listingUnknown listing = iota
	listingWorks
	listingDoesNot
)

func newSweeper(erp ERP, names NameSource, fullEvery time.Duration) *sweeper {
	return &sweeper{erp: erp, names: names, fullEvery: fullEvery, memory: metakocka.NewMemory()}
}

// missed tells that a partner exists which the sweep did not bring: from now on
// a letter of its name is asked for too, or every letter again.
func (s *sweeper) missed(name string) {
	if s.partial {
		s.widen(name)
	}
	if s.listAll == listingWorks {
		s.listAll = listingDoesNot
	}
}

// fullShare bounds the share of time, one in so many, that full sweeps take.
const fullShare = 10

// cheap is how many calls a full sweep may cost to be made unasked.
const cheap = 60

// thorough makes the next sweep a full one where that is cheap.
func (s *sweeper) thorough() {
	if s.fullCost <= cheap {
		s.lastFull, s.others = time.Time{}, true
	}
}

func (s *sweeper) widen(name string) {
	for _, c := range strings.ToLower(name) {
		if q := string(c); strings.Contains(letters, q) && !slices.Contains(s.cover, q) {
			s.cover = append(s.cover, q)
			return
		}
	}
	s.cover = nil
}

// sweep enumerates all partners or returns an error.
func (s *sweeper) sweep(ctx context.Context) (sweep, error) {
	began := time.Now()
	full := len(s.cover) == 0 || began.Sub(s.lastFull) >= max(s.fullEvery, fullShare*s.fullTook)
	s.partial = !full
	if full {
		s.memory.Forget() // every partner is read whole, once
	}
	defer s.memory.Turn()
	if !full && s.listAll == listingWorks {
		all, err := s.list(ctx)
		if !errors.Is(err, errListingCapped) {
			return all, err
		}
		s.listAll = listingDoesNot
	}
	r := newSweepRun(s.erp)
	r.memory = s.memory
	queries := s.cover
	if full {
		known, err := s.names.ForeignNames(ctx)
		if err != nil {
			return sweep{}, err
		}
		queries = lettersOf(known)
	}
	if s.others {
		queries = append(slices.Clip(queries), strings.Split(otherLetters, "")...)
	}
	ask := r.ask
	if full || s.others {
		ask = r.askAll
	}
	if err := ask(ctx, queries); err != nil {
		return sweep{}, err
	}
	r.full, s.others = full, full && !s.others
	if full {
		cover, err := r.coverAll(ctx)
		if err != nil {
			return sweep{}, err
		}
		s.cover = cover
		s.lastFull = time.Now()
		if err := s.tryListing(ctx, r); err != nil {
			return sweep{}, err
		}
		s.fullCost, s.fullTook = r.calls, time.Since(began)
	}
	return r.sweep, nil
}

// tryListing finds out once whether a search without arguments brings at least
// what the full sweep brought.
func (s *sweeper) tryListing(ctx context.Context, r *sweepRun) error {
	if s.listAll == listingDoesNot || len(r.partners) == 0 {
		return nil
	}
	listed, err := s.list(ctx)
	switch {
	case metakocka.IsTransient(err):
		return err
	case err != nil:
		s.listAll = listingDoesNot
		return nil //nolint:nilerr // a refusal is the answer to what was asked
	}
	r.calls += listed.calls
	s.listAll = listingWorks
	for id := range r.partners {
		if _, ok := listed.partners[id]; !ok {
			s.listAll = listingDoesNot
		}
	}
	return nil
}

// errListingCapped: there are more partners than one answer holds.
var errListingCapped = errors.New("the listing is capped")

func (s *sweeper) list(ctx context.Context) (sweep, error) {
	found, err := s.erp.Find(ctx, metakocka.Query{All: true, Memory: s.memory})
	if err != nil {
		return sweep{}, err
	}
	if found.Count > len(found.Partners) {
		return sweep{}, errListingCapped
	}
	all := newSweep()
	all.calls = 1
	all.add(found)
	return all, nil
}

func newSweep() sweep {
	return sweep{partners: map[string]metakocka.Partner{}, seen: map[string]metakocka.Seen{}}
}

// add joins an answer. Of a partner that came whole before, and comes now as it
// did then, the whole is kept.
func (s *sweep) add(found metakocka.Found) {
	for i, p := range found.Partners {
		if _, known := s.partners[p.MKID]; !known {
			s.order = append(s.order, p.MKID)
		}
		if found.Seen != nil {
			was, now := s.seen[p.MKID], found.Seen[i]
			if now.Known && was.Hash == now.Hash {
				continue
			}
			s.seen[p.MKID] = now
		}
		s.partners[p.MKID] = p
	}
}

// hash is of a partner's content.
func (s *sweep) hash(id string) string {
	if seen, ok := s.seen[id]; ok {
		return seen.Hash
	}
	return s.partners[id].Hash()
}
