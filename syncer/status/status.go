package status

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// Status is how the sync stands; its JSON is what `mksync status --json` prints.
type Status struct {
	Version       string               `json:"version"`
	Problems      []string             `json:"problems"`
	Listener      ListenerStatus       `json:"listener"`
	Streams       []StreamStatus       `json:"streams"`
	Pusher        WorkStatus           `json:"pusher"`
	Puller        WorkStatus           `json:"puller"`
	Poller        PollStatus           `json:"poller"`
	Mappings      map[store.Status]int `json:"mappings"`
	Conflicts     int                  `json:"conflicts"`
	DeadLetters   int                  `json:"deadLetters"`
	HeldDeletions int                  `json:"heldDeletions"`
	HeldMatches   int                  `json:"heldMatches"`
	FirstMatches  int                  `json:"firstMatches"`  // that wait for a person's approval
	Halt          store.Halt           `json:"halt,omitzero"` // a person's pause of sending
	LeftOut       int                  `json:"leftOut"`       // contacts that a person leaves out
	// Differing are the links whose sides knowingly differ, and what the last full
	// check found besides and did not repair.
	Differing int `json:"differing"`
	// NotKept are fields that the MetaKocka installation was found not to keep.
	NotKept []mapping.Field `json:"notKept"`
	// Waiting is what needs a person, of every kind of which there is some.
	Waiting []Waiting   `json:"waiting"`
	Check   CheckStatus `json:"check"`
	// Failing are the contacts and partners that this process fails at again and again.
	Failing int `json:"-"`
	// Oldest is, by consumer, how long the oldest message waits that is not worked off.
	Oldest map[string]time.Duration `json:"-"`
	// Recent is what this process did in each of the last sixty minutes, oldest first;
	// empty where nobody counts.
	Recent []Minute `json:"-"`

	// NotReady is what keeps this process from its work, in words that whoever may
	// ask without a token can be told: no address, name or reason of another system.
	NotReady []string `json:"-"`
}

// ListenerStatus is where the listener stands. LastEventAt is null when this
// process has seen none.
type ListenerStatus struct {
	State       string     `json:"state"` // streaming, snapshot, standby, stopped
	Slot        string     `json:"slot"`
	LSN         string     `json:"lsn"`
	LagBytes    uint64     `json:"lagBytes"`
	LastEventAt *time.Time `json:"lastEventAt"`
	// LastHeartbeatAt is when the newest heartbeat that is in the stream was sent,
	// by the database's clock; null before the first.
	LastHeartbeatAt *time.Time `json:"lastHeartbeatAt"`
	// RetainedBytes is how much log Postgres keeps for the slot. That can be much while
	// LagBytes is 0: it begins at the oldest transaction that is still open.
	RetainedBytes uint64 `json:"retainedBytes"`
	// WALStatus is reserved, extended, unreserved or lost; empty without a slot.
	WALStatus string `json:"walStatus"`
	// SafeBytes is how much more may be written before Postgres gives the slot up; null
	// where it has no such limit.
	SafeBytes *int64 `json:"safeBytes"`
}

// StreamStatus is what a stream holds.
type StreamStatus struct {
	Name     string `json:"name"`
	Messages uint64 `json:"messages"`
	FirstSeq uint64 `json:"firstSeq"`
	LastSeq  uint64 `json:"lastSeq"`
}

// WorkStatus is what waits for a pusher or puller.
type WorkStatus struct {
	Pending  uint64 `json:"pending"`
	InFlight uint64 `json:"inFlight"`
	Paused   bool   `json:"paused"`
}

// PollStatus is the last poll.
type PollStatus struct {
	LastPollAt          *time.Time `json:"lastPollAt"`
	LastDurationSeconds float64    `json:"lastDurationSeconds"`
	Partners            int        `json:"partners"`
	Error               string     `json:"error"`
	Reason              coded.Text `json:"reason,omitzero"` // the error, as a code with parameters
}

// CheckStatus is the last full check.
type CheckStatus struct {
	LastCheckAt         *time.Time `json:"lastCheckAt"`
	LastDurationSeconds float64    `json:"lastDurationSeconds"`
	Links               int        `json:"links"`
	Differing           int        `json:"differing"` // found and not repaired
	Error               string     `json:"error"`
	Reason              coded.Text `json:"reason,omitzero"` // the error, as a code with parameters
}

// Figures reads what the database knows.
type Figures interface {
	syncer.PollStates
	event.States
	Counts(ctx context.Context) (store.Counts, error)
	Slot(ctx context.Context, name string) (store.Slot, error)
	CheckState(ctx context.Context) (store.CheckState, error)
	Now(ctx context.Context) (time.Time, error)
	// Unsent are the ways on which alerts do not get through.
	Unsent(ctx context.Context) ([]store.Unsent, error)
}

// Monitor puts a Status together. Optional parts are nil where this process
// does not have them.
type Monitor struct {
	Version      string
	SlotName     string
	PollInterval time.Duration
	Figures      Figures
	Bus          *bus.Bus              // nil: NATS is not reached
	Connected    func() bool           // whether NATS is; nil: not
	Listener     func() cdc.Status     // nil: it runs elsewhere, or nowhere
	Gate         *syncer.Gate          // nil: no pusher or puller here
	Store        func() string         // why the streams take nothing; "": they do; nil: not known
	Polls        bool                  // this process has the poller's role
	Pushes       bool                  // the pusher's
	Pulls        bool                  // the puller's
	Heartbeat    time.Duration         // between two; 0: none are sent
	Trouble      func() syncer.Trouble // nil: no pusher or puller here
	Patience     time.Duration         // how long a heartbeat, or an event, may stall
	Alerts       []store.AlertChannel  // the ways on which people are told
	Recent       *Recent               // nil: nobody counts
	ColumnsGone  func() []string       // fields whose columns are named and not there; nil: not known
}

// Status asks every part how it stands. What cannot be asked is a problem, not
// an error.
func (m *Monitor) Status(ctx context.Context) Status {
	s := Status{
		Version: m.Version, Problems: []string{}, Waiting: []Waiting{}, Streams: []StreamStatus{}, NotKept: []mapping.Field{}, Mappings: map[store.Status]int{},
		Oldest: map[string]time.Duration{},
	}
	if m.Recent != nil {
		s.Recent = m.Recent.Minutes(time.Now())
	}

	if err := m.database(ctx, &s); err != nil {
		s.blocked(ProblemDatabaseAway, "the CRM's database does not answer", coded.Say("problem.database_away", "the CRM's database does not answer: {words}", err))
	}
	m.listener(&s)
	m.trouble(&s)
	m.columns(&s)
	m.streams(ctx, &s)

	if m.Gate == nil {
		return s
	}
	if reason, since := m.Gate.Away(); !reason.IsZero() && s.Halt.Since.IsZero() {
		s.Pusher.Paused = true
		s.Puller.Paused = true
		s.blocked(ProblemPaused, "sending is paused", coded.Say("problem.paused", "sending is paused since {time} and goes on by itself: {cause}", since.Format(time.TimeOnly), reason))
	}
	return s
}

// say adds a line to the problems.
func (s *Status) say(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// problem is a line of the service itself: it waits for a person like any record.
func (s *Status) problem(code Code, line coded.Text) {
	s.Problems = append(s.Problems, line.String())
	s.waitsWith(code, line)
}

// blocked is a problem that keeps this process from its work. The line is for
// those who may see the problems, what of it for readiness.
func (s *Status) blocked(code Code, what string, line coded.Text) {
	s.problem(code, line)
	s.NotReady = append(s.NotReady, what)
}

// database shows what the CRM's database knows.
func (m *Monitor) database(ctx context.Context, s *Status) error {
	counts, err := m.Figures.Counts(ctx)
	if err != nil {
		return err
	}
	s.counted(counts)

	var unkept syncer.Unkept
	if _, err := m.Figures.LoadState(ctx, syncer.UnkeptKey, &unkept); err != nil {
		return err
	}
	s.NotKept = append(s.NotKept, unkept.Fields()...)

	if err := m.halt(ctx, s); err != nil {
		return err
	}
	if err := m.slot(ctx, s); err != nil {
		return err
	}
	if err := m.check(ctx, s); err != nil {
		return err
	}
	if err := m.alerts(ctx, s); err != nil {
		return err
	}
	return m.poll(ctx, s)
}

// alerts names the ways to people on which nothing gets through.
func (m *Monitor) alerts(ctx context.Context, s *Status) error {
	if len(m.Alerts) == 0 {
		return nil
	}
	unsent, err := m.Figures.Unsent(ctx)
	for _, u := range unsent {
		if slices.Contains(m.Alerts, u.Channel) {
			s.problem(ProblemAlertUnsent, coded.Say("problem.alert_unsent", "no alert gets through by {channel}, and that of {time} was given up: {words}; mksync alerts test tries it",
				u.Channel, u.At.UTC().Format("2 Jan 15:04 MST"), u.Error))
		}
	}
	return err
}

// halt shows that a person has stopped sending. It keeps nobody from being ready: that is
// what was asked for.
func (m *Monitor) halt(ctx context.Context, s *Status) error {
	var h store.Halt
	found, err := m.Figures.LoadState(ctx, store.HaltKey, &h)
	if err != nil || !found {
		return err
	}
	s.Halt = h
	s.Pusher.Paused = true
	s.Puller.Paused = true
	s.problem(ProblemHalted, (&syncer.HaltedError{Halt: h}).Said())
	return nil
}

// counted shows how many there are, and names what waits for a person.
func (s *Status) counted(counts store.Counts) {
	s.Mappings = counts.Links
	s.Conflicts = counts.Conflicts.Count
	s.Differing = counts.Differing
	s.HeldDeletions = counts.Deletions.Count
	s.HeldMatches = counts.Matches.Count
	s.FirstMatches = counts.Proposals.Count
	s.LeftOut = counts.LeftOut

	s.waits(WaitingConflict, counts.Conflicts)
	s.waits(WaitingReview, counts.Proposals)
	s.waits(WaitingMatch, counts.Matches)
	s.waits(WaitingDeletion, counts.Deletions)
	s.waits(WaitingError, counts.Errors)

	if n := s.HeldDeletions; n > 0 {
		s.say("%s for approval: mksync deletions list", syncer.Counted(n, "deletion waits", "deletions wait"))
	}
	if n := s.FirstMatches; n > 0 {
		s.say("%s for approval: mksync review list", syncer.Counted(n, "first match waits", "first matches wait"))
	}
	if n := s.HeldMatches; n > 0 {
		s.say("%s: mksync unclear", syncer.Counted(n, "contact waits for a person, who says which partner is its own", "contacts wait for a person, who says which partner is theirs"))
	}
	if n := counts.OpenMerges; n > 0 {
		s.problem(ProblemMergesOpen, coded.Count("problem.merges_open", n, "{n} merge of contacts is not finished: mksync merge list", "{n} merges of contacts are not finished: mksync merge list"))
	}
}

func (m *Monitor) check(ctx context.Context, s *Status) error {
	c, err := m.Figures.CheckState(ctx)
	if err != nil {
		return err
	}

	dropped, err := event.Dropped(ctx, m.Figures, bus.StreamContacts)
	if err != nil {
		return err
	}
	if !dropped.IsZero() {
		s.problem(ProblemEventsDropped, coded.Say("problem.events_dropped", "{cause}: everything is compared and brought in order", dropped))
	}

	s.Check = CheckStatus{LastDurationSeconds: c.DurationSeconds, Links: c.Links, Differing: c.Differing, Error: c.Error, Reason: said(c.Error, c.Reason)}
	s.Differing += c.Differing
	if !c.At.IsZero() {
		s.Check.LastCheckAt = &c.At
	}

	switch {
	case c.Error != "":
		s.problem(ProblemCheckFailed, coded.Say("problem.check_failed", "the last full check did not succeed: {cause}", s.Check.Reason))
	case c.Differing > 0:
		s.problem(ProblemCheckDiffers, coded.Count("problem.check_differs", c.Differing, "the last full check found {n} difference: mksync check --repair", "the last full check found {n} differences: mksync check --repair"))
	}
	return nil
}

func (m *Monitor) poll(ctx context.Context, s *Status) error {
	poll, err := m.Figures.PollState(ctx)
	if err != nil {
		return err
	}

	now, err := m.Figures.Now(ctx)
	if err != nil {
		return err
	}

	s.Poller = PollStatus{LastDurationSeconds: poll.DurationSeconds, Partners: poll.Partners, Error: poll.Error, Reason: said(poll.Error, poll.Reason)}
	if !poll.EndedAt.IsZero() {
		s.Poller.LastPollAt = &poll.EndedAt
	}
	s.inPart(poll.InPart)

	late := 3*m.PollInterval + time.Duration(3*poll.DurationSeconds*float64(time.Second))
	switch {
	case poll.Error != "" && m.Polls:
		s.blocked(ProblemPollFailed, "the last poll of MetaKocka did not succeed", pollFailed(s.Poller.Reason))
	case poll.Error != "":
		s.problem(ProblemPollFailed, pollFailed(s.Poller.Reason))
	case !poll.EndedAt.IsZero() && now.Sub(poll.EndedAt) > late:
		s.problem(ProblemPollLate, coded.Say("problem.poll_late", "the last complete poll of MetaKocka was {time} ago", now.Sub(poll.EndedAt).Round(time.Second)))
	}
	return nil
}

func pollFailed(why coded.Text) coded.Text {
	return coded.Say("problem.poll_failed", "the last poll of MetaKocka did not succeed: {cause}", why)
}

// said is the text of an error that was stored, whose words are in English.
func said(words string, reason coded.Text) coded.Text {
	if words != "" && reason.IsZero() {
		reason = coded.Say("refusal.words", "{words}", words)
	}
	return reason.In(words)
}

// inPart names them as a problem.
func (s *Status) inPart(p store.InPart) {
	named := strings.Join(p.First, ", ")
	switch p.Count {
	case 0:
	case 1:
		s.problem(ProblemNotHeld, coded.Say("problem.value_not_held", "partner {partner} holds a value that the CRM's database cannot hold (characters that its encoding lacks, or texts that are too long): "+
			"the value is not brought over until it is changed in MetaKocka, or the contacts are in a database in UTF8", named))
	default:
		s.problem(ProblemNotHeld, coded.Say("problem.values_not_held", "{count} partners hold values that the CRM's database cannot hold (characters that its encoding lacks, or texts that are too long): "+
			"the value is not brought over until it is changed in MetaKocka, or the contacts are in a database in UTF8. The first: {partners}", p.Count, named))
	}
}
