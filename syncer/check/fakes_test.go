package check

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// A check's decisions are tried with what it is told: these stand for the database, the
// stream and MetaKocka.

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// errChecked ends a check where it would begin.
var errChecked = errors.New("a check was to be made")

// kept is what the check had stored.
type kept struct {
	CheckStore
	pairs  []store.Pair
	pages  int
	state  store.CheckState
	saved  []store.CheckState
	now    time.Time
	forgot int

	listener cdc.State
	dropped  coded.Text
	slots    []store.Slot // one after the other
	lsn      cdc.LSN
	truncate bool // waits in the slot

	held int // how often all were
	why  coded.Text
}

func (k *kept) Alone(context.Context, string, func(context.Context) error) error { return errChecked }

func (k *kept) Now(context.Context) (time.Time, error) { return k.now, nil }

func (k *kept) CheckState(context.Context) (store.CheckState, error) { return k.state, nil }
func (k *kept) Terms() string                                        { return "terms" }

func (k *kept) SaveCheckState(_ context.Context, s store.CheckState) error {
	k.state = s
	k.saved = append(k.saved, s)
	return nil
}

func (k *kept) ForgetOld(context.Context, time.Duration) error {
	k.forgot++
	return nil
}

func (k *kept) Pairs(_ context.Context, after string, limit int) (page []store.Pair, _ error) {
	k.pages++
	for _, p := range k.pairs {
		if p.ContactID > after && len(page) < limit {
			page = append(page, p)
		}
	}
	return page, nil
}

func (k *kept) LoadState(_ context.Context, key string, v any) (bool, error) {
	switch s := v.(type) {
	case *cdc.State:
		*s = k.listener
	default: // of the stream
		said, err := json.Marshal(map[string]any{"dropped": k.dropped.String(), "said": k.dropped.Record()})
		if err != nil || k.dropped.IsZero() {
			return false, err
		}
		return true, json.Unmarshal(said, v)
	}
	return key == event.ListenerStateKey, nil
}

func (k *kept) LogPosition(context.Context) (cdc.LSN, error) { return k.lsn, nil }

func (k *kept) Slot(context.Context, string) (store.Slot, error) {
	s := k.slots[0]
	k.slots = append(k.slots[1:], s)
	return s, nil
}

func (k *kept) TruncateWaits(context.Context, string, string) (bool, error) { return k.truncate, nil }

func (k *kept) HoldAll(_ context.Context, reason coded.Text, _ store.Why) (int64, error) {
	k.held++
	k.why = reason
	return 1, nil
}

// waiting is what of the stream waits to be applied.
type waiting struct {
	Backlog
	truncate          bool
	pending, inFlight uint64
	asked             int
}

func (w *waiting) Unapplied(context.Context, string, string, string, func(bus.Stored) bool) (bool, error) {
	return w.truncate, nil
}

func (w *waiting) ConsumerState(context.Context, string, string) (pending, inFlight uint64, err error) {
	w.asked++
	return w.pending, w.inFlight, nil
}

// erp knows partners by their ids.
type erp struct {
	partners map[string]metakocka.Partner
	asked    int
}

func (*erp) Find(context.Context, metakocka.Query) (metakocka.Found, error) {
	return metakocka.Found{}, nil
}

func (e *erp) Get(_ context.Context, id string) (metakocka.Partner, error) {
	e.asked++
	if p, ok := e.partners[id]; ok {
		return p, nil
	}
	return metakocka.Partner{}, metakocka.ErrNotFound
}

// trial is a check under way, with all that it comes to.
type trial struct {
	*checkRun
	kept    *kept
	waiting *waiting
	erp     *erp
}

func trialOf() trial {
	t := trial{kept: &kept{now: noon, slots: []store.Slot{{}}}, waiting: &waiting{}, erp: &erp{partners: map[string]metakocka.Partner{}}}
	cfg := CheckerConfig{CatchUp: 1, Patience: 1} // whatever is behind is behind at once
	c := NewChecker(cfg, &syncer.Reconciler{}, nil, t.erp, t.kept, t.waiting, slog.New(slog.DiscardHandler))
	t.checkRun = &checkRun{Checker: c, seen: &sighting{erp: t.erp, partners: map[string]metakocka.Partner{}}, rep: CheckReport{Found: map[syncer.FindingKind]int{}}}
	return t
}
