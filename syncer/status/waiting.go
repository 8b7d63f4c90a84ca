package status

import (
	"slices"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// Code names a kind of thing that needs a person. The words are stable.
type Code = syncer.ReasonCode

// What waits for a person, each kind in a list of its own.
const (
	WaitingConflict   Code = "waiting.conflict"    // a parked field: conflicts.list
	WaitingReview     Code = "waiting.review"      // a first match that waits for approval, an import included: review.list
	WaitingMatch      Code = "waiting.match"       // a contact whose partner is unclear: mappings.list, held and without a partner
	WaitingDeletion   Code = "waiting.deletion"    // a deletion that is held, or approved and not applied yet: deletions.list
	WaitingError      Code = "waiting.error"       // a contact that was refused: mappings.list, error
	WaitingDeadLetter Code = "waiting.dead_letter" // an event that could not be applied: dead-letters.list
)

// What is not well with the service itself: a line of Status.Problems each.
const (
	ProblemDatabaseAway     Code = "problem.database_away"
	ProblemNoListener       Code = "problem.no_listener"
	ProblemListenerDown     Code = "problem.listener_down"
	ProblemListenerWarns    Code = "problem.listener_warns"
	ProblemHeartbeatStalled Code = "problem.heartbeat_stalled"
	ProblemHeartbeatRefused Code = "problem.heartbeat_refused"
	ProblemSlotLost         Code = "problem.slot_lost"
	ProblemSlotNearLimit    Code = "problem.slot_near_limit"
	ProblemSlotKeepsMuch    Code = "problem.slot_keeps_much"
	ProblemFormerSlot       Code = "problem.former_slot"
	ProblemNATSAway         Code = "problem.nats_away"
	ProblemStreamsRefuse    Code = "problem.streams_refuse"
	ProblemStreamFull       Code = "problem.stream_full"
	ProblemEventsDropped    Code = "problem.events_dropped"
	ProblemEventsStill      Code = "problem.events_still"
	ProblemNoWorker         Code = "problem.no_worker"
	ProblemWorkHangs        Code = "problem.work_hangs"
	ProblemWorkStuck        Code = "problem.work_stuck"
	ProblemFailing          Code = "problem.failing"
	ProblemPaused           Code = "problem.paused"
	ProblemHalted           Code = "problem.halted" // by a person
	ProblemPollFailed       Code = "problem.poll_failed"
	ProblemPollLate         Code = "problem.poll_late"
	ProblemNotHeld          Code = "problem.value_not_held" // by the CRM's database
	ProblemCheckFailed      Code = "problem.check_failed"
	ProblemCheckDiffers     Code = "problem.check_differs"
	ProblemMergesOpen       Code = "problem.merges_open"
	ProblemAlertUnsent      Code = "problem.alert_unsent"
	ProblemColumnsGone      Code = "problem.columns_gone" // that the configuration names
)

// Codes are all of them.
func Codes() []Code {
	return []Code{
		WaitingConflict, WaitingReview, WaitingMatch, WaitingDeletion, WaitingError, WaitingDeadLetter,
		ProblemDatabaseAway, ProblemNoListener, ProblemListenerDown, ProblemListenerWarns, ProblemHeartbeatStalled, ProblemHeartbeatRefused,
		ProblemSlotLost, ProblemSlotNearLimit, ProblemSlotKeepsMuch, ProblemFormerSlot,
		ProblemNATSAway, ProblemStreamsRefuse, ProblemStreamFull, ProblemEventsDropped, ProblemEventsStill, ProblemNoWorker, ProblemWorkHangs, ProblemWorkStuck,
		ProblemFailing, ProblemPaused, ProblemHalted, ProblemPollFailed, ProblemPollLate, ProblemNotHeld, ProblemCheckFailed, ProblemCheckDiffers, ProblemMergesOpen, ProblemAlertUnsent,
		ProblemColumnsGone,
	}
}

// Waiting is a kind of thing that needs a person. Count is how many there are in its list.
type Waiting struct {
	Code  Code `json:"code"`
	Count int  `json:"count"`
	// Since is since when the oldest waits; null: not known.
	Since *time.Time `json:"since"`
	// MayHeal: it goes away by itself as a rule, and needs a person only where it stays.
	// What a person has to decide does not.
	MayHeal bool `json:"mayHeal"`
	// Lines are those of Status.Problems that it stands for; none of what has a list.
	Lines []string `json:"lines,omitempty"`
	// Reasons are the lines as codes with parameters.
	Reasons []coded.Text `json:"reasons,omitempty"`
}

// DatabaseAway reports that the CRM's database did not answer: what it knows is zero here.
func (s *Status) DatabaseAway() bool {
	return slices.ContainsFunc(s.Waiting, func(w Waiting) bool { return w.Code == ProblemDatabaseAway })
}

// waits adds what has a list, if it holds any.
func (s *Status) waits(code Code, w store.Waits) {
	if w.Count == 0 {
		return
	}
	decision := code == WaitingConflict || code == WaitingReview || code == WaitingMatch || code == WaitingDeletion
	s.Waiting = append(s.Waiting, Waiting{Code: code, Count: w.Count, Since: w.Since, MayHeal: !decision})
}

// waitsWith adds a line of the problems.
func (s *Status) waitsWith(code Code, line coded.Text) {
	for i := range s.Waiting {
		if w := &s.Waiting[i]; w.Code == code {
			w.Count++
			w.Lines = append(w.Lines, line.String())
			w.Reasons = append(w.Reasons, line)
			return
		}
	}
	s.Waiting = append(s.Waiting, Waiting{Code: code, Count: 1, MayHeal: true, Lines: []string{line.String()}, Reasons: []coded.Text{line}})
}
