package alerts

import (
	"cmp"
	"slices"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/status"
)

// known is what people know, and what each process sees: the state that a change of is told.
// All times are the database's, whose clock may go back and forth (invariant 20): a time that
// is still to come counts as now.
type known struct {
	// Needed: people were told that one of them is needed, ToldAt last.
	Needed bool      `json:"needed"`
	ToldAt time.Time `json:"toldAt"`
	// QuietSince is since when nobody is needed; zero: somebody is.
	QuietSince time.Time `json:"quietSince"`
	// Seen is what each process saw last.
	Seen map[string]sight `json:"seen,omitempty"`
}

// sight is what one process saw.
type sight struct {
	At      time.Time            `json:"at"`
	Waiting map[status.Code]kind `json:"waiting,omitempty"`
}

// kind is how many of one kind wait. Since is since when without a break some did, or the
// oldest that there is, if that is later: others may have come and gone.
type kind struct {
	Count int       `json:"count"`
	First time.Time `json:"first"` // since when some did without a break
	Since time.Time `json:"since"`
	Heals bool      `json:"heals,omitempty"`
}

// message is what people are told.
type message struct {
	about   store.AlertType
	reasons []store.AlertReason
}

// step notes what a process saw, and returns what people are told of it; nil: nothing. seen is
// when it began to look: what was seen before people were told last they know already, however
// long the process stood still in between.
func (k *known) step(p Pace, now, seen time.Time, process string, waiting []status.Waiting) *message {
	k.ToldAt = earlier(k.ToldAt, now)
	if seen.Before(k.ToldAt) {
		return nil
	}
	k.note(p, now, seen, process, waiting)
	all := k.together()
	ripe := p.ripe(now, all)

	switch {
	case len(ripe) > 0 || blind(all):
		k.QuietSince = time.Time{}
	case k.QuietSince.IsZero():
		k.QuietSince = now
	}
	k.QuietSince = earlier(k.QuietSince, now)

	switch {
	case len(ripe) > 0 && (!k.Needed || now.Sub(k.ToldAt) >= p.Remind):
		k.Needed = true
		k.ToldAt = now
		return &message{store.AttentionNeeded, ripe}
	case k.Needed && !k.QuietSince.IsZero() && now.Sub(k.QuietSince) >= p.Calm:
		k.Needed = false
		k.ToldAt = now
		return &message{about: store.AttentionOver, reasons: []store.AlertReason{}}
	}
	return nil
}

// blind reports whether it is not known what waits.
func blind(all map[status.Code]kind) bool {
	_, database := all[status.ProblemDatabaseAway]
	_, nats := all[status.ProblemNATSAway] // has the dead letters
	return database || nats
}

// note replaces what a process saw, and forgets what is stale.
func (k *known) note(p Pace, now, seen time.Time, process string, waiting []status.Waiting) {
	for other, s := range k.Seen {
		if age := now.Sub(s.At); age < 0 || age > p.Stale {
			delete(k.Seen, other)
		}
	}

	before := k.together()
	s := sight{At: seen, Waiting: map[status.Code]kind{}}
	for _, w := range waiting {
		n := kind{Count: w.Count, First: seen, Heals: w.MayHeal}
		if b, went := before[w.Code]; went {
			n.First = earlier(b.First, seen)
		}
		n.Since = n.First
		if w.Since != nil && w.Since.After(n.First) {
			n.Since = *w.Since
		}
		s.Waiting[w.Code] = n
	}

	if k.Seen == nil {
		k.Seen = map[string]sight{}
	}
	k.Seen[process] = s
}

// together is what all processes see. What has a list they all see alike; of the service's
// problems each sees its own.
func (k *known) together() map[status.Code]kind {
	all := map[status.Code]kind{}
	for _, s := range k.Seen {
		for code, n := range s.Waiting {
			if have, is := all[code]; is {
				n.Count = max(n.Count, have.Count)
				n.First = earlier(n.First, have.First)
				n.Since = earlier(n.Since, have.Since)
			}
			all[code] = n
		}
	}
	return all
}

// ripe is what people are told of: what they have to decide at once, the rest when it does
// not heal.
func (p Pace) ripe(now time.Time, all map[status.Code]kind) []store.AlertReason {
	var ripe []store.AlertReason
	for code, n := range all {
		if !n.Heals || now.Sub(n.Since) >= p.Patience {
			ripe = append(ripe, store.AlertReason{Code: string(code), Count: n.Count})
		}
	}
	slices.SortFunc(ripe, func(a, b store.AlertReason) int { return cmp.Compare(order(a.Code), order(b.Code)) })
	return ripe
}

// order is that in which the codes are declared: what a person decides first.
func order(code string) int {
	i := slices.Index(status.Codes(), status.Code(code))
	if i < 0 {
		return len(status.Codes())
	}
	return i
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
