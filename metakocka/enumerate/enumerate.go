package enumerate

import (
	"context"
	"time"

	"github.com/crmmind/mksync/metakocka"
)

// Finder searches partners; *metakocka.Client is one.
type Finder interface {
	Find(ctx context.Context, q metakocka.Query) (metakocka.Found, error)
}

// NameSource knows names that searches for letters may not think of.
type NameSource interface {
	// ForeignNames are names of contacts and of partners seen before that have no
	// Latin letter and no digit.
	ForeignNames(ctx context.Context) ([]string, error)
}

// Way is how a company's partners are enumerated.
type Way string

// The ways. WayUnknown: it has to be found out.
const (
	WayUnknown Way = ""
	WayAll     Way = "all"
	WayName    Way = "empty_name"
	WayLetters Way = "letters"
)

// Config is how an Enumerator works; zero values are the defaults.
type Config struct {
	// FullEvery is how often a way is checked: a listing with searches for letters,
	// and a sweep by a few substrings with one for every letter.
	FullEvery time.Duration // 0: always
	// Way is the one that was found out before.
	Way Way
	// RetryEvery is how long a company that did not list its partners is not asked
	// again.
	RetryEvery time.Duration // 0: 24h
}

// Partners is everything one enumeration brought.
type Partners struct {
	Of    map[string]metakocka.Partner // by id
	Order []string                     // ids as they came
	Calls int
	// Full: nothing was left out on purpose. A sweep by few substrings leaves out
	// partners whose new names have none of them.
	Full bool

	seen map[string]metakocka.Seen // how each came
}

// Enumerator enumerates one company's partners again and again. It is not safe for
// concurrent use.
type Enumerator struct {
	erp   Finder
	names NameSource
	cfg   Config

	// memory is of the answers of this enumeration and of the one before it.
	memory *metakocka.Memory

	way     Way
	checked time.Time // when a listing was checked with letters
	tried   time.Time // when listing was last tried
	turn    int       // of the letters that check a listing

	cover    []string // substrings that bring every known partner
	partial  bool     // the last sweep asked for less than every letter
	others   bool     // the next one asks for otherLetters
	lastFull time.Time
	fullCost int // calls of the last full sweep
	fullTook time.Duration
}

// New is an Enumerator that has not enumerated yet.
func New(erp Finder, names NameSource, cfg Config) *Enumerator {
	if cfg.RetryEvery == 0 {
		cfg.RetryEvery = 24 * time.Hour
	}
	e := &Enumerator{erp: erp, names: names, cfg: cfg, memory: metakocka.NewMemory()}
	e.Resume(cfg.Way)
	return e
}

// Resume goes on with the way that was found out before, unless this Enumerator
// knows one itself.
func (e *Enumerator) Resume(way Way) {
	if e.way == WayUnknown {
		e.way = way
		e.tried = time.Now()
	}
}

// Way is the one that worked last; WayUnknown where none is settled on.
func (e *Enumerator) Way() Way { return e.way }

// Forget makes the next enumeration read every partner whole.
func (e *Enumerator) Forget() { e.memory.Forget() }

// Missed tells that a partner exists which the last enumeration did not bring: a
// letter of its name is asked for from now on, or every letter again.
func (e *Enumerator) Missed(name string) {
	if e.partial {
		e.widen(name)
	}
}

// Thorough makes the next enumeration a full one where that is cheap.
func (e *Enumerator) Thorough() {
	if e.fullCost <= cheap {
		e.lastFull = time.Time{}
		e.others = true
	}
}

// Enumerate brings all partners, or an error. known are ids of partners that are
// believed to be there: a listing without one of them is looked at again.
func (e *Enumerator) Enumerate(ctx context.Context, known map[string]bool) (Partners, error) {
	defer e.memory.Turn()
	lost := 0 // calls of ways that did not work
	settled := true
	for _, way := range e.listings() {
		l := &listing{Enumerator: e, by: way, known: known, Partners: newPartners()}
		v, err := l.run(ctx)
		if err != nil {
			return Partners{}, err
		}
		if lost += l.Calls; v == whole {
			e.way = way
			l.Calls = lost
			return l.Partners, nil
		}
		settled = settled && v == wrong
	}

	// A wrong key refuses listings, too: they are given up only where letters work.
	swept, err := e.sweep(ctx)
	if err == nil && settled && e.way != WayLetters {
		e.way = WayLetters
		e.tried = time.Now()
	}
	swept.Calls += lost
	return swept, err
}

// listings are the ways of listing that are to be tried, in order.
func (e *Enumerator) listings() []Way {
	switch {
	case e.way == WayLetters && time.Since(e.tried) < e.cfg.RetryEvery:
		return nil
	case e.way == WayName:
		return []Way{WayName, WayAll}
	}
	e.tried = time.Now()
	return []Way{WayAll, WayName}
}

func newPartners() Partners {
	return Partners{Of: map[string]metakocka.Partner{}, seen: map[string]metakocka.Seen{}}
}

// add joins an answer, and tells how many partners of it are new. Of a partner that
// came whole before, and comes now as it did then, the whole is kept.
func (p *Partners) add(found metakocka.Found) (fresh int) {
	for i, one := range found.Partners {
		if _, known := p.Of[one.MKID]; !known {
			p.Order = append(p.Order, one.MKID)
			fresh++
		}
		if found.Seen != nil {
			was, now := p.seen[one.MKID], found.Seen[i]
			if now.Known && was.Hash == now.Hash {
				continue
			}
			p.seen[one.MKID] = now
		}
		p.Of[one.MKID] = one
	}
	return fresh
}

// Hash is of a partner's content.
func (p *Partners) Hash(id string) string {
	if seen, ok := p.seen[id]; ok {
		return seen.Hash
	}
	return p.Of[id].Hash()
}

// Unread reports whether differs holds for the hash of a partner whose content was
// not read, because it came as in the enumeration before.
func (p *Partners) Unread(differs func(id, hash string) bool) bool {
	for id, seen := range p.seen {
		if seen.Known && differs(id, seen.Hash) {
			return true
		}
	}
	return false
}
