package cdc

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
)

// Built is up to where in the log of a timeline the commits are on which something rests:
// a call, an acknowledgement, an answer. 0: nobody has made sure of that.
type Built struct {
	Timeline int32
	UpTo     LSN
}

// Promoted is the timeline to go on with, and where it branched off, where conn leads to a
// standby of the known server that was promoted and lacks nothing that anything rests on, nor
// the newest event in the sink (invariant 31); zero where it leads to the known one. A restore
// to an earlier time begins a timeline, too: it lacks some. Error: the *SetupError with
// ErrSystemChanged that says why a person has to look.
func Promoted(ctx context.Context, conn *pgconn.PgConn, cfg Config, s State, built Built, newest LSN) (Built, error) {
	cfg = cfg.withDefaults()
	id, err := readIdentity(ctx, conn, cfg)
	if err != nil {
		return Built{}, err
	}
	if err := s.belongsTo(id); err == nil || built.UpTo == 0 || s.on(id.timeline).belongsTo(id) != nil {
		return Built{}, err
	}

	p := promotion{known: s.Timeline, own: id.timeline, built: built, newest: newest}
	if p.slot, err = loadSlot(ctx, conn, cfg); err != nil {
		return Built{}, fmt.Errorf("look at the slot: %w", err)
	}
	if id.systemID, p.history, err = loadHistory(ctx, cfg, id.timeline); err != nil {
		return Built{}, err
	}
	if err := s.on(id.timeline).belongsTo(id); err != nil {
		return Built{}, err
	}
	if lack := p.lack(); !lack.IsZero() {
		return Built{}, systemChanged(coded.Say("doctor.identity.promoted",
			"the database is on timeline {timeline}, but the listener's state belongs to timeline {known} (a restore or a failover), and {cause}", id.timeline, s.Timeline, lack))
	}
	return Built{Timeline: id.timeline, UpTo: p.history[s.Timeline]}, nil
}

// on is the state as one of another timeline.
func (s State) on(timeline int32) State {
	s.Timeline = timeline
	return s
}

// promotion is what is known of a server on another timeline than the known one.
type promotion struct {
	known   int32
	own     int32
	history map[int32]LSN // where each timeline before its own ended
	built   Built
	newest  LSN // of the events in the sink; 0: there is none
	slot    slotFacts
}

// lack says what a server lacks, or may lack, that a standby of the known one has which was
// promoted in time; nothing: it lacks nothing.
func (p promotion) lack() coded.Text {
	end, follows := p.history[p.known]
	switch {
	case !follows:
		return coded.Say("doctor.identity.no_branch", "its own does not come out of that one")
	case p.built.Timeline > p.known && p.built != Built{Timeline: p.own, UpTo: end}: // else it was noted, and not moved yet
		return coded.Say("doctor.identity.overtaken", "mksync has gone on with another server since, on timeline {built}", p.built.Timeline)
	case p.built.UpTo > end:
		return coded.Say("doctor.identity.lacks", "it lacks what mksync has built upon: that one ended at {end}, and mksync had come to {built}", end, p.built.UpTo)
	case p.newest >= end:
		return coded.Say("doctor.identity.lacks_event", "it lacks the stream's newest event: that one ended at {end}, and the event is at {newest}", end, p.newest)
	case !p.slot.found || !p.slot.failover || p.slot.lost:
		return coded.Say("doctor.identity.no_slot", "mksync's slot did not come with it (sync_replication_slots)")
	}
	return coded.Text{}
}

// loadHistory asks a server over a replication connection which system it is and which
// timelines its own came out of.
func loadHistory(ctx context.Context, cfg Config, timeline int32) (system string, history map[int32]LSN, err error) {
	conn, err := connect(ctx, cfg, true)
	if err != nil {
		return "", nil, err
	}
	defer closeConn(conn)
	id, err := pglogrepl.IdentifySystem(ctx, conn)
	if err != nil {
		return "", nil, fmt.Errorf("identify system: %w", err)
	}
	file, err := pglogrepl.TimelineHistory(ctx, conn, timeline)
	if err != nil {
		return "", nil, fmt.Errorf("read the history of timeline %d: %w", timeline, err)
	}
	history, err = parseHistory(file.Content)
	return id.SystemID, history, err
}

// parseHistory reads a timeline's history file: a line for each timeline before it, with
// its number, where it ended, and why.
func parseHistory(file []byte) (map[int32]LSN, error) {
	history := map[int32]LSN{}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var timeline int32
		var high, low uint64
		if _, err := fmt.Sscanf(line, "%d %X/%X", &timeline, &high, &low); err != nil {
			return nil, fmt.Errorf("%w: a line %q in the timeline's history", ErrProtocol, line)
		}
		history[timeline] = LSN(high<<32 | low)
	}
	return history, nil
}
