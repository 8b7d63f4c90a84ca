package status

import (
	"strings"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
)

// listener shows how the listener of this process stands, if it is there.
func (m *Monitor) listener(s *Status) {
	if m.Listener == nil {
		return
	}
	l := m.Listener()
	s.Listener.State = l.State
	s.Listener.Slot = l.Slot
	s.Listener.LSN = l.ConfirmedLSN.String()
	s.Listener.LagBytes = l.LagBytes
	if !l.LastEventAt.IsZero() {
		s.Listener.LastEventAt = &l.LastEventAt
	}
	if !l.Problem.IsZero() && l.State != cdc.StateStandby {
		s.blocked(ProblemListenerDown, "the listener is not streaming", coded.Say("problem.listener_down", "the listener is not streaming: {cause}", l.Problem))
	}
	if !l.Warning.IsZero() {
		s.problem(ProblemListenerWarns, coded.Say("problem.listener_warns", "the listener works, but {cause}", l.Warning))
	}
	m.stalled(s, l)
}

// trouble names as a problem what fails again and again.
func (m *Monitor) trouble(s *Status) {
	if m.Trouble == nil {
		return
	}
	if t := m.Trouble(); t.Count > 0 {
		s.Failing = t.Count
		s.problem(ProblemFailing, coded.Count("problem.failing", t.Count,
			"work on {n} contact or partner fails again and again and is tried every few minutes; the last one was {key}: {cause}",
			"work on {n} contacts or partners fails again and again and is tried every few minutes; the last one was {key}: {cause}", t.Key, t.Error))
	}
}

// columns names the fields that stand still because nobody told mksync where they are now.
func (m *Monitor) columns(s *Status) {
	if m.ColumnsGone == nil {
		return
	}
	if gone := m.ColumnsGone(); len(gone) > 0 {
		s.problem(ProblemColumnsGone, coded.Say("problem.columns_gone", "the contacts table lacks a column that the configuration names, so the field is not synced: {named}; "+
			"correct it under fields and restart mksync, or set the direction of the field to off", strings.Join(gone, ", ")))
	}
}
