package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Snapshot says which transactions a read of the database saw. A change is in
// the log, and its event on its way, a moment before other sessions can see it;
// with synchronous replication a long one. A read that came too early would
// find the contact as it was and take the event for nothing new.
type Snapshot struct {
	xmax       uint64   // transactions from here on had not begun to end
	inProgress []uint64 // those before that had not ended
}

// ParseSnapshot reads Postgres's pg_snapshot: "xmin:xmax:xip,xip".
func ParseSnapshot(text string) (s Snapshot, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("snapshot %q is not of the form xmin:xmax:list", text)
	}
	if s.xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, fmt.Errorf("snapshot %q: %w", text, err)
	}
	for xid := range strings.SplitSeq(parts[2], ",") {
		if xid == "" {
			continue
		}
		n, err := strconv.ParseUint(xid, 10, 64)
		if err != nil {
			return s, fmt.Errorf("snapshot %q: %w", text, err)
		}
		s.inProgress = append(s.inProgress, n)
	}
	return s, nil
}

// Sees reports whether the read saw what the committed transaction xid did. An
// event names transactions by their low 32 bits; the nearest one is meant.
func (s Snapshot) Sees(xid uint32) bool {
	const epoch, half = 1 << 32, 1 << 31
	full := s.xmax&^(epoch-1) | uint64(xid)
	switch {
	case full > s.xmax+half && full >= epoch:
		full -= epoch
	case full+half < s.xmax:
		full += epoch
	}
	return full < s.xmax && !slices.Contains(s.inProgress, full)
}
