package enumerate

import (
	"context"
	"slices"
	"time"

	"github.com/crmmind/mksync/metakocka"
)

// page is how many partners are asked for at once, as live clients do.
const page = 1000

// doubts is how many partners that a listing lacks are asked for by id.
const doubts = 3

// checks is how many letters a listing is checked with. They take turns, the rare
// ones in front: their answers are not capped where those of common letters are, and
// hold new partners as well as old ones.
const checks = 4

var checkLetters = []rune("xža1wčofe0qškhiuzb2ptjvmg3dlsrn")

// verdict is what a listing is worth.
type verdict int

const (
	doubtful verdict = iota // not to be believed this time
	wrong                   // the company does not list its partners this way
	whole
)

// listing is one try to list all partners.
type listing struct {
	*Enumerator
	Partners

	by    Way
	known map[string]bool

	pages   int
	ignored bool // the offset was: a later page brought nothing but what was there
	counted int  // the most that an answer said there are
}

// run lists all partners, and tells whether the list is believed to be whole.
func (l *listing) run(ctx context.Context) (verdict, error) {
	l.Full = true
	if err := l.read(ctx); err != nil {
		return refused(err)
	}
	// Where partners are deleted while the pages are read, the others move up, and the
	// first of the next page is not seen: what is lacking may be there the next time.
	if l.cut() || len(l.absent()) > 0 && l.pages > 1 {
		if err := l.read(ctx); err != nil {
			return refused(err)
		}
	}

	switch {
	case l.cut(), len(l.Of) == 0 && len(l.known) > 0:
		return wrong, nil
	case len(l.Of) == 0:
		return doubtful, nil
	}

	// A known partner that is found by its id and not in the list proves the list wrong.
	there, err := l.anyThere(ctx, l.absent())
	switch {
	case err != nil:
		return doubtful, err
	case there:
		return wrong, nil
	case l.checkedLately():
		return whole, nil
	}
	return l.check(ctx)
}

// refused: a refusal is the answer to what was asked.
func refused(err error) (verdict, error) {
	if metakocka.IsRefusal(err) {
		return wrong, nil
	}
	return doubtful, err
}

// read joins the pages, up to one that is not full or brings nothing new.
func (l *listing) read(ctx context.Context) error {
	l.pages = 0
	l.counted = 0
	l.ignored = false

	read := map[string]bool{}
	for offset := 0; ; {
		found, err := l.find(ctx, metakocka.Query{
			All: l.by == WayAll, EmptyName: l.by == WayName, Limit: page, Offset: offset, Memory: l.memory,
		})
		if err != nil {
			return err
		}

		before := len(read)
		for _, p := range found.Partners {
			read[p.MKID] = true
		}
		l.add(found)
		l.counted = max(l.counted, found.Count)
		l.pages++

		// A page of what was read already: the offset is ignored.
		n := len(found.Partners)
		l.ignored = n > 0 && len(read) == before
		if l.ignored || n != page && !slices.Contains(usualCaps, n) {
			return nil
		}
		offset += n
	}
}

func (l *listing) find(ctx context.Context, q metakocka.Query) (metakocka.Found, error) {
	l.Calls++
	found, err := l.erp.Find(ctx, q)
	if err == nil {
		err = ctx.Err()
	}
	return found, err
}

// cut: the list ends where a server may have ended it, not where the partners do.
func (l *listing) cut() bool {
	return l.counted > len(l.Of) || l.ignored && slices.Contains(usualCaps, len(l.Of))
}

// checkedLately: the letters need not be asked for. One page that is full, with
// nothing behind it, may be a server's that reads an offset as a page's number.
func (l *listing) checkedLately() bool {
	return l.by == l.way && len(l.Of) != page && time.Since(l.checked) < l.cfg.FullEvery
}

// absent are the known partners that the list lacks.
func (l *listing) absent() (ids []string) {
	for id := range l.known {
		if _, listed := l.Of[id]; !listed {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// anyThere asks for a few partners by id.
func (l *listing) anyThere(ctx context.Context, ids []string) (bool, error) {
	for _, id := range ids[:min(doubts, len(ids))] {
		found, err := l.find(ctx, metakocka.Query{ID: id})
		if err != nil || len(found.Partners) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// check searches for some letters: what these bring has to be in the list.
func (l *listing) check(ctx context.Context) (verdict, error) {
	lacking, err := l.lacksNamed(ctx)
	if err == nil && lacking {
		// It may have been made since the list was read: then the next one has it.
		if err = l.read(ctx); err == nil {
			lacking, err = l.lacksNamed(ctx)
		}
	}
	switch {
	case err != nil:
		return refused(err)
	case lacking:
		return wrong, nil
	}
	l.turn += checks
	l.checked = time.Now()
	return whole, nil
}

// lacksNamed reports whether a partner that the next letters bring is not listed.
func (l *listing) lacksNamed(ctx context.Context) (bool, error) {
	for i := range checks {
		q := string(checkLetters[(l.turn+i)%len(checkLetters)])
		found, err := l.find(ctx, metakocka.Query{Name: q, Memory: l.memory})
		if err != nil {
			return false, err
		}
		for _, p := range found.Partners {
			if _, listed := l.Of[p.MKID]; !listed {
				return true, nil
			}
		}
	}
	return false, nil
}
