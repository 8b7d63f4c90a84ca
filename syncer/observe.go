package syncer

import (
	"time"

	"github.com/crmmind/mksync/mapping/store"
)

// Stored is what a reconcile stored of one contact, or tried to: each write and each
// decision is told of once, when the history has it.
type Stored struct {
	History []store.Entry
	Err     error     // why it is not stored; nil: it is
	At      time.Time // by the database's clock
	// CommittedAt is the commit of the newest event that led to it; zero: no event of a
	// commit did.
	CommittedAt time.Time
	// SeenAt is when the poll began that saw the change that led to it, and SeenAfter when
	// the one before did: the change was made after that. Zero: no poll led to it.
	SeenAt, SeenAfter time.Time
}

// tell tells whoever observes what was stored, or why it was not.
func (k *task) tell(entries []store.Entry, err error) {
	if k.cfg.Observe == nil {
		return
	}
	s := Stored{History: entries, Err: err, At: k.now()}
	switch k.t.Cause {
	case CauseContact:
		s.CommittedAt = k.t.CRMChangedAt
	case CausePartner:
		s.SeenAt = k.t.SeenAt
		s.SeenAfter = k.t.SeenAfter
	case CauseRequest, CauseBulk, CauseCheck, CauseReplay, CauseMerge, CauseUndo:
	}
	k.cfg.Observe(s)
}
