package status

import (
	"context"
	"fmt"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/event"
)

// muchLog is how much log a slot may keep before that is a problem where Postgres has
// no limit of its own.
const muchLog = 8 << 30

// slot shows the listener as its slot tells, whichever process it runs in.
func (m *Monitor) slot(ctx context.Context, s *Status) error {
	slot, err := m.Figures.Slot(ctx, m.SlotName)
	if err != nil {
		return err
	}
	s.Listener = ListenerStatus{
		State: "stopped", Slot: m.SlotName, LSN: slot.ConfirmedLSN, LagBytes: slot.LagBytes,
		RetainedBytes: slot.RetainedBytes, WALStatus: slot.WALStatus, SafeBytes: slot.SafeBytes,
	}
	if slot.Active {
		s.Listener.State = "streaming"
	}

	s.retained(m.SlotName, slot)
	if err := m.formerSlots(ctx, s); err != nil {
		return err
	}
	if err := m.heartbeat(ctx, s); err != nil {
		return err
	}
	if m.Listener == nil && !slot.Active {
		s.problem(ProblemNoListener, coded.Say("problem.no_listener", "no listener holds the slot {slot}: changes of contacts wait in the database", m.SlotName))
	}
	return nil
}

// retained names a slot for which Postgres keeps much log, or will not for long. What
// was not confirmed does not show that: a transaction that stays open holds the log from
// where it began, however far the listener has come.
func (s *Status) retained(name string, slot store.Slot) {
	look := coded.Say("problem.look", "look for old transactions (pg_stat_activity, pg_prepared_xacts), and whether the listener streams")
	switch {
	case !slot.Found:
	case slot.WALStatus == "lost":
		s.problem(ProblemSlotLost, coded.Say("problem.slot_lost", "Postgres has given the slot {slot} up, for it kept more log than max_slot_wal_keep_size: the listener makes a new one, and checks everything", name))
	case slot.WALStatus == "unreserved" || slot.SafeBytes != nil && *slot.SafeBytes < int64(slot.RetainedBytes/4): //nolint:gosec // far below the limit
		safe := int64(0)
		if slot.SafeBytes != nil {
			safe = max(*slot.SafeBytes, 0)
		}
		s.problem(ProblemSlotNearLimit, coded.Say("problem.slot_near_limit", "the slot {slot} keeps {size} of log, and Postgres gives it up after {more} more (max_slot_wal_keep_size): {cause}",
			name, logSize(slot.RetainedBytes), logSize(uint64(safe)), look))
	case slot.RetainedBytes > muchLog:
		s.problem(ProblemSlotKeepsMuch, coded.Say("problem.slot_keeps_much", "the slot {slot} keeps {size} of log, and Postgres sets no limit: {cause}", name, logSize(slot.RetainedBytes), look))
	}
}

// formerSlots names slots that the listener had before MKSYNC_SLOT was changed: nobody
// reads them, and the log that they keep grows until the disk is full.
func (m *Monitor) formerSlots(ctx context.Context, s *Status) error {
	state, _, err := event.ListenerStates{States: m.Figures}.Load(ctx)
	if err != nil {
		return err
	}
	for _, name := range state.FormerSlots {
		slot, err := m.Figures.Slot(ctx, name)
		if err != nil {
			return err
		}
		if slot.Found && name != m.SlotName {
			s.problem(ProblemFormerSlot, coded.Say("problem.former_slot", "the slot {former}, which mksync had before it was given {slot}, keeps {size} of log for nobody: SELECT pg_drop_replication_slot('{former}')",
				name, state.Slot, logSize(slot.RetainedBytes)))
		}
	}
	return nil
}

// Unit is a unit of sizes.
type Unit uint

// The units of sizes, each 1024 of the one before it.
const (
	Bytes Unit = iota
	KiB
	MiB
	GiB
)

// SizeText is a size for people, in the largest unit from least to most of which there
// is one.
func SizeText(n uint64, least, most Unit) string {
	u := most
	for u > least && n < 1<<(10*u) {
		u--
	}
	if u == Bytes {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", float64(n)/float64(uint64(1)<<(10*u)), "BKMG"[u])
}

// logSize is a size of log: what is told of has some.
func logSize(n uint64) string { return SizeText(n, KiB, GiB) }
