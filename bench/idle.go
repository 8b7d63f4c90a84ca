package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crmmind/mksync/mapping"
)

// idleSection measures what mksync takes while nothing happens, its polls included.
func idleSection(ctx context.Context, l *lab) (r result, err error) {
	n := l.count(10000)
	w, err := l.newLinkedWorld(ctx, n)
	if err != nil {
		return r, err
	}
	defer w.close()
	if err := w.start(ctx, nil); err != nil {
		return r, err
	}
	if err := w.usualPolls(ctx, n); err != nil {
		return r, err
	}
	window := time.Minute
	if l.Scale < 1 {
		window = 20 * time.Second
	}
	before, err := w.mksync.usage()
	if err != nil {
		return r, err
	}
	e, err := w.measure(ctx, func() error { return pause(ctx, window) })
	if err != nil {
		return r, err
	}
	after, err := w.mksync.usage()
	if err != nil {
		return r, err
	}
	name := fmt.Sprintf("%s links, %s, %d calls of polls", number(float64(n)), window, e.calls.total())
	r.add(name, "mksync", "CPU, % of a core", 100*e.cpu/e.seconds)
	r.add(name, "mksync", "database, % of the time", 100*e.database.working/e.seconds)
	r.add(name, "mksync", "MiB before", before.rss)
	r.add(name, "mksync", "MiB after", after.rss)
	r.add(name, "mksync", "peak MiB", after.peak)
	r.atMost("CPU while idle, % of a core", r.median(name, "mksync", "CPU, % of a core"), 1)
	r.atMost("memory after the window, of what it was before", after.rss/before.rss, 1.1)
	return r, nil
}

// usualPolls waits for the two polls that ask for more than the others: the first one,
// and the one after it, which looks for other scripts.
func (w *world) usualPolls(ctx context.Context, partners int) error {
	const ended = "SELECT coalesce(extract(epoch FROM (value->>'endedAt')::timestamptz), 0)::float8 FROM mksync_state WHERE key = $1"
	if err := w.reaches(ctx, 2*time.Minute, float64(partners), "SELECT (value->>'partners')::float8 FROM mksync_state WHERE key = $1", mapping.PollStateKey); err != nil {
		return err
	}
	first, err := w.number(ctx, ended, mapping.PollStateKey)
	if err != nil {
		return err
	}
	if err := w.reaches(ctx, 2*time.Minute, first+1, ended, mapping.PollStateKey); err != nil {
		return err
	}
	return pause(ctx, 2*time.Second) // their rubbish
}
