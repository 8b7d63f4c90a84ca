package event

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
)

// A stream may drop events that nobody has worked off: they got too old while a consumer
// was away, or somebody purged it. The server then counts them as done. So it is remembered
// up to where each consumer was through; a stream that begins behind that has a gap.

// Streams tells how far consumers are through with a stream, and makes room in it; *bus.Bus
// does.
type Streams interface {
	Consumed(ctx context.Context, stream string, durables ...string) (bus.Consumed, error)
	Trim(ctx context.Context, stream string, c bus.Consumed, upTo uint64) error
}

// consumedState is what is remembered of a stream.
type consumedState struct {
	UpTo    map[string]uint64 `json:"upTo"`              // by consumer
	Dropped string            `json:"dropped,omitempty"` // what was dropped, until that is repaired
	Said    *coded.Record     `json:"said,omitempty"`    // the same; nil: an earlier version stored it
}

func consumedKey(stream string) string { return "consumed:" + stream }

// LookForGap compares what is remembered of a stream with where it begins, remembers how
// far its consumers are now, and makes room where it is full. What was dropped before they
// came to it is told once to missed, which has to remember it.
func LookForGap(ctx context.Context, streams Streams, states States, stream string, missed func(what coded.Text) error) error {
	var was consumedState
	known, err := states.LoadState(ctx, consumedKey(stream), &was)
	if err != nil {
		return err
	}

	c, err := streams.Consumed(ctx, stream, readers(stream)...)
	if err != nil {
		return err
	}
	if !known {
		was.UpTo = c.UpTo
	}

	now, gaps := advanced(was.UpTo, c)

	// The loss is remembered before the new position: cut off in between, it is noticed again.
	if len(gaps) > 0 {
		if err := missed(coded.Say("note.event.dropped", "events of the stream {stream} were dropped before they were worked off ({gaps})", stream, strings.Join(gaps, ", "))); err != nil {
			return err
		}
		if _, err := states.LoadState(ctx, consumedKey(stream), &was); err != nil {
			return err
		}
	}

	if !known || !maps.Equal(now, was.UpTo) {
		if err := states.SaveState(ctx, consumedKey(stream), consumedState{UpTo: now, Dropped: was.Dropped, Said: was.Said}); err != nil {
			return err
		}
	}

	return streams.Trim(ctx, stream, c, slices.Min(slices.Collect(maps.Values(now))))
}

// advanced is up to where the consumers are through now, and what was dropped before them.
// What is remembered of a stream that was made anew since counts for nothing.
func advanced(was map[string]uint64, c bus.Consumed) (now map[string]uint64, gaps []string) {
	now = map[string]uint64{}
	for durable, upTo := range c.UpTo {
		before := was[durable]
		if before > c.Last {
			before = 0
		}
		if c.First > before+1 {
			gaps = append(gaps, fmt.Sprintf("%s: %d–%d", durable, before+1, c.First-1))
			before = c.First - 1
		}
		now[durable] = max(before, upTo)
	}
	slices.Sort(gaps)
	return now, gaps
}

// NoteDropped remembers what was dropped, until dropped events are made up for.
func NoteDropped(ctx context.Context, states States, stream string, what coded.Text) error {
	return editConsumed(ctx, states, stream, func(s *consumedState) { s.Dropped, s.Said = what.String(), what.Record() })
}

func editConsumed(ctx context.Context, states States, stream string, edit func(*consumedState)) error {
	var s consumedState
	if _, err := states.LoadState(ctx, consumedKey(stream), &s); err != nil {
		return err
	}
	edit(&s)
	return states.SaveState(ctx, consumedKey(stream), s)
}

// Dropped is what was dropped of a stream and is not made up for, if anything was.
func Dropped(ctx context.Context, states States, stream string) (coded.Text, error) {
	var s consumedState
	_, err := states.LoadState(ctx, consumedKey(stream), &s)
	return coded.Stored(s.Dropped, s.Said), err
}
