package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka/sim"
	"github.com/crmmind/mksync/syncer"
)

// idleSection measures what mksync takes while nothing happens, its polls included: of a
// company that lists its partners, and of one where they are found by letters.
func idleSection(ctx context.Context, l *lab) (r result, err error) {
	for _, way := range waysToPoll() {
		w, err := l.newLinkedWorld(ctx, l.count(10000), sim.Options{ListAll: way.listAll})
		if err != nil {
			return r, err
		}
		err = w.idle(ctx, &r, way.name)
		w.close()
		if err != nil {
			return r, fmt.Errorf("polls %s: %w", way.name, err)
		}
	}
	return r, nil
}

type wayToPoll struct{ name, listAll string }

// waysToPoll are the two ways in which partners are found.
func waysToPoll() []wayToPoll {
	return []wayToPoll{{"by listing", sim.ListsAll}, {"by letters", sim.Refused}}
}

func (w *world) idle(ctx context.Context, r *result, way string) error {
	n := w.count(10000)
	profiles, err := freeAddress()
	if err != nil {
		return err
	}
	if err := w.start(ctx, map[string]string{"MKSYNC_DEBUG_ADDR": profiles}); err != nil {
		return err
	}

	if err := w.usualPolls(ctx, n); err != nil {
		return err
	}

	window := time.Minute
	if w.Scale < 1 {
		window = 20 * time.Second
	}

	before, err := liveHeap(ctx, profiles)
	if err != nil {
		return err
	}
	if err := syncer.Pause(ctx, 2*time.Second); err != nil {
		return err
	}

	e, err := w.measure(ctx, func() error { return syncer.Pause(ctx, window) })
	if err != nil {
		return err
	}
	used, err := w.mksync.usage()
	if err != nil {
		return err
	}

	after, err := liveHeap(ctx, profiles)
	if err != nil {
		return err
	}

	name := fmt.Sprintf("%s links, %s, %d calls of polls %s", number(float64(n)), window, e.calls.total(), way)
	r.add(name, "mksync", "CPU, % of a core", 100*e.cpu/e.seconds)
	r.add(name, "mksync", "database, % of the time", 100*e.database.working/e.seconds)
	r.add(name, "mksync", "live MiB before", before)
	r.add(name, "mksync", "live MiB after", after)
	r.add(name, "mksync", "resident MiB", used.rss)
	r.add(name, "mksync", "peak MiB", used.peak)

	r.atMost("CPU while idle, polls "+way+", % of a core", r.median(name, "mksync", "CPU, % of a core"), 1)
	r.atMost("live memory after the window, of what it was before, polls "+way, after/before, 1.1)
	return nil
}

// liveHeap collects the garbage of a process that serves profiles and tells what
// is left, in MiB. What is resident goes up and down with the garbage.
func liveHeap(ctx context.Context, profiles string) (float64, error) {
	profile, err := get(ctx, profiles, "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(profile, "# HeapAlloc = ")
	text, _, _ := strings.Cut(rest, "\n")
	bytes, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("no live memory in the heap's profile: %w", err)
	}
	return bytes / (1 << 20), nil
}

// usualPolls waits for the two polls that ask for more than the others: the first one,
// and the one after it, which looks for other scripts.
func (w *world) usualPolls(ctx context.Context, partners int) error {
	const ended = "SELECT coalesce(extract(epoch FROM (value->>'endedAt')::timestamptz), 0)::float8 FROM mksync_state WHERE key = $1"
	if err := w.reaches(ctx, 2*time.Minute, float64(partners), "SELECT (value->>'partners')::float8 FROM mksync_state WHERE key = $1", store.PollStateKey); err != nil {
		return err
	}
	first, err := w.number(ctx, ended, store.PollStateKey)
	if err != nil {
		return err
	}
	return w.reaches(ctx, 2*time.Minute, first+1, ended, store.PollStateKey)
}
