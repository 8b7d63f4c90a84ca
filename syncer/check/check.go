package check

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/metakocka/enumerate"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// A full check compares all links with all contacts and with a fresh, complete
// sweep over the partners. What agrees costs no call besides the sweep. It finds
// what events alone cannot: changes and deletions that were missed.

// CheckStore is what a full check needs of the store; *pgstore.Store is one.
type CheckStore interface {
	event.States
	enumerate.NameSource
	syncer.PollStates
	SeenPartners(ctx context.Context) (map[string]store.SeenPartner, error)
	// Pairs pages through all contacts and all links by contact id.
	Pairs(ctx context.Context, after string, limit int) ([]store.Pair, error)
	PairsOf(ctx context.Context, contactIDs []string) ([]store.Pair, error)
	CheckState(ctx context.Context) (store.CheckState, error)
	SaveCheckState(ctx context.Context, c store.CheckState) error
	Now(ctx context.Context) (time.Time, error)
	// ForgetOld forgets what is kept of people for a time only; the history after an age,
	// 0: never.
	ForgetOld(ctx context.Context, historyAge time.Duration) error
	// Terms say which columns hold which fields, and which contacts are synced.
	Terms() string
	// HoldAll holds the deletions of all links whose contact is gone.
	HoldAll(ctx context.Context, reason coded.Text, why store.Why) (int64, error)
	// Alone runs use while no other process has the named part to itself.
	Alone(ctx context.Context, name string, use func(ctx context.Context) error) error

	LogPosition(ctx context.Context) (cdc.LSN, error)
	Slot(ctx context.Context, name string) (store.Slot, error)
	TruncateWaits(ctx context.Context, slot, publication string) (bool, error)
}

// Backlog tells what of a stream waits to be applied, and what is through; *bus.Bus does.
type Backlog interface {
	event.Streams
	ConsumerState(ctx context.Context, stream, durable string) (pending, inFlight uint64, err error)
	// Unapplied tells whether a message of the subject that counts waits for the consumer.
	Unapplied(ctx context.Context, stream, durable, subject string, counts func(bus.Stored) bool) (bool, error)
}

// CheckerConfig is how and when full checks are made.
type CheckerConfig struct {
	Slot, Publication string
	Interval          time.Duration // between full checks; 0: none by itself
	HistoryMaxAge     time.Duration // how long the history is kept; 0: for ever
	Look              time.Duration // how often is looked whether one is due; 5s
	Rest              time.Duration // how long at least none is made by itself after one that failed; 5 minutes
	// Patience is how long changes under way are waited for.
	Patience time.Duration // 30s
	// CatchUp is how long the listener is waited for while it comes no nearer to what was
	// read; it says how far it is every cdc.UsualPositionInterval. 15s.
	CatchUp time.Duration
	// Layout tells how the contacts table is partitioned now, as the listener's state
	// has it; nil: it is not.
	Layout func(ctx context.Context) (string, error)
}

// Checker makes full checks: when asked, periodically, and after the listener
// had to take a new snapshot.
type Checker struct {
	cfg        CheckerConfig
	reconciler *syncer.Reconciler
	matcher    *syncer.Matcher
	erp        syncer.Reader
	store      CheckStore
	backlog    Backlog
	log        *slog.Logger
}

// NewChecker returns a ready Checker.
func NewChecker(cfg CheckerConfig, r *syncer.Reconciler, m *syncer.Matcher, erp syncer.Reader, store CheckStore, backlog Backlog, log *slog.Logger) *Checker {
	if cfg.Look <= 0 {
		cfg.Look = 5 * time.Second
	}
	if cfg.Rest <= 0 {
		cfg.Rest = 5 * time.Minute
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.CatchUp <= 0 {
		cfg.CatchUp = 3 * cdc.UsualPositionInterval
	}
	return &Checker{cfg: cfg, reconciler: r, matcher: m, erp: erp, store: store, backlog: backlog, log: log}
}

// CheckRequest asks for a full check.
type CheckRequest struct {
	Repair bool   `json:"repair,omitempty"` // reconcile what is found
	By     string `json:"by,omitempty"`

	settle  bool       // wait for changes that are under way
	holdAll coded.Text // why missing contacts are no deletions; nothing: they are
}

// CheckReport is what a full check found.
type CheckReport struct {
	At              time.Time                  `json:"at"`
	DurationSeconds float64                    `json:"durationSeconds"`
	Contacts        int                        `json:"contacts"` // in the table and in the filter
	Links           int                        `json:"links"`    // living ones
	Partners        int                        `json:"partners"` // that the sweep brought
	Found           map[syncer.FindingKind]int `json:"found"`
	Differing       int                        `json:"differing"` // found and not repaired
	Waiting         int                        `json:"waiting"`   // of these, what a repair left to a person
	Failed          int                        `json:"failed"`    // of these, what a repair could not bring in order
	Findings        []syncer.Finding           `json:"findings"`  // the first thousand
}

// mostFindings bounds a report; what it does not name is counted all the same.
const mostFindings = 1000

// Check makes one full check, and repairs what it found where asked to. A check
// that could not look at everything is an error and counts for nothing.
func (c *Checker) Check(ctx context.Context, r CheckRequest) (rep CheckReport, err error) {
	err = c.store.Alone(ctx, "check", func(ctx context.Context) error {
		rep, err = c.check(ctx, r)
		return err
	})
	return rep, err
}

func (c *Checker) check(ctx context.Context, r CheckRequest) (rep CheckReport, err error) {
	began := time.Now()
	run := &checkRun{Checker: c, req: r, rep: CheckReport{Found: map[syncer.FindingKind]int{}}}
	if run.rep.At, err = c.store.Now(ctx); err == nil {
		err = run.do(ctx)
	}
	run.rep.DurationSeconds = time.Since(began).Seconds()
	rest := c.rest(run.looked)
	return run.report(), c.remember(ctx, run.rep, rest, err)
}

// remember stores the outcome; of a check that failed only why, and how long none
// is made by itself. That it was stopped says nothing.
func (c *Checker) remember(ctx context.Context, rep CheckReport, rest time.Duration, failed error) error {
	if failed != nil && ctx.Err() != nil {
		return failed
	}
	ctx, cancel := syncer.Saving(ctx)
	defer cancel()

	state, err := c.store.CheckState(ctx)
	if err != nil {
		return errors.Join(failed, err)
	}

	state.Error = ""
	state.Reason = coded.Text{}
	state.FailedAt = time.Time{}
	state.RestSeconds = 0
	if failed != nil {
		state.Error = failed.Error()
		state.Reason = coded.Of(failed)
		state.RestSeconds = rest.Seconds()
		if state.FailedAt, err = c.store.Now(ctx); err != nil {
			return errors.Join(failed, err)
		}
	} else {
		state.At = rep.At
		state.DurationSeconds = rep.DurationSeconds
		state.Links = rep.Links
		state.Differing = rep.Differing - rep.Waiting // which is counted where it waits
	}
	return errors.Join(failed, c.store.SaveCheckState(ctx, state))
}

// checkRun is one full check under way.
type checkRun struct {
	*Checker
	req      CheckRequest
	seen     *sighting
	rep      CheckReport
	findings []syncer.Finding
	looked   time.Duration // how long it took to see and compare everything

	unanswered int // findings that wait for a write without an answer
	unread     int // contacts that are gone, and it is not known yet how
}

func (run *checkRun) do(ctx context.Context) error {
	if err := run.seeAll(ctx); err != nil {
		return err
	}
	if err := run.settle(ctx); err != nil {
		return err
	}
	if !run.req.Repair {
		return nil
	}
	if err := run.repair(ctx); err != nil {
		return err
	}
	return run.unfinished()
}

// unfinished says what a repair had to leave to the next check; nil: nothing.
func (run *checkRun) unfinished() error {
	switch {
	case run.unanswered > 0:
		return coded.Count("refusal.check.unanswered", run.unanswered,
			"{n} difference waits for a write to MetaKocka that has no answer yet; check again in a minute",
			"{n} differences wait for a write to MetaKocka that has no answer yet; check again in a minute").Err()
	case run.unread > 0:
		return coded.Count("refusal.check.unread", run.unread,
			"{n} contact is gone, and the listener has not read far enough to tell a deletion from a TRUNCATE; check again when it has caught up",
			"{n} contacts are gone, and the listener has not read far enough to tell a deletion from a TRUNCATE; check again when it has caught up").Err()
	}
	return nil
}

// seeAll sees all partners and compares everything.
func (run *checkRun) seeAll(ctx context.Context) error {
	began := time.Now()
	defer func() { run.looked = time.Since(began) }()
	partners, err := run.enumerate(ctx)
	if err != nil {
		return err
	}
	run.seen = &sighting{erp: run.erp, partners: partners}
	run.rep.Partners = len(partners)
	return run.compare(ctx)
}

// enumerate reads all partners anew, in the way that the poller found out.
func (run *checkRun) enumerate(ctx context.Context) (map[string]metakocka.Partner, error) {
	seen, err := run.store.SeenPartners(ctx)
	if err != nil {
		return nil, err
	}
	poll, err := run.store.PollState(ctx)
	if err != nil {
		return nil, err
	}
	all := enumerate.New(run.erp, run.store, enumerate.Config{Way: enumerate.Way(poll.Way)})
	found, err := all.Enumerate(ctx, store.Expected(seen))
	return found.Of, syncer.AboutAll(err)
}

func (run *checkRun) report() CheckReport {
	for _, f := range run.findings {
		run.rep.Found[f.Kind]++
		switch {
		case f.Repaired:
			continue
		case f.Waits:
			run.rep.Waiting++
		case run.req.Repair:
			run.rep.Failed++
		}
		run.rep.Differing++
	}
	run.rep.Findings = append([]syncer.Finding{}, run.findings[:min(len(run.findings), mostFindings)]...)
	return run.rep
}

// Signature is who asks; the operations fill it in.
func (r *CheckRequest) Signature() *string { return &r.By }
