package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka/sim"
)

// growthSection measures what grows with the number of links, at sizes ten times
// apart: a cost for each link that grows from the smallest to the largest would
// show what does not scale.
func growthSection(ctx context.Context, l *lab) (r result, err error) {
	sizes := []int{l.count(1000), l.count(10000), l.count(100000)}
	for _, n := range sizes {
		w, err := l.newLinkedWorld(ctx, n, sim.Options{})
		if err != nil {
			return r, err
		}
		err = w.growth(ctx, &r, n)
		w.close()
		if err != nil {
			return r, fmt.Errorf("%d links: %w", n, err)
		}
	}
	small, large := sizes[0], sizes[len(sizes)-1]
	for _, c := range growing() {
		r.growthGoal(c, small, large)
	}
	return r, nil
}

// growingCost is one thing that may take longer the more links there are.
type growingCost struct {
	name    string
	each    bool // a request about one link: it should hardly grow at all
	measure func(ctx context.Context, w *world) (milliseconds float64, err error)
}

// floor is what a cost counts for at least, in milliseconds: below it the machine's
// noise, and what a process costs in any case, is all there is.
const floor = 30

func growing() []growingCost {
	return []growingCost{
		{"start until ready", false, startUp},
		{"poll", false, fullSweep},
		{"status", false, request("/readyz")},
		{"mapping of a contact", true, mappingLookUp},
		{"partners nobody is linked with", false, request("/api/metakocka/partners/unsynced")},
		{"an edit's way to the ERP", true, editToERP},
		{"full check", false, command("check")},
		{"duplicates", false, command("duplicates")},
	}
}

func columnOf(n int) string { return number(float64(n)) + " links, ms" }

func (r *result) growthGoal(c growingCost, small, large int) {
	from, to := r.median(c.name, "mksync", columnOf(small)), r.median(c.name, "mksync", columnOf(large))
	if math.IsNaN(from) || math.IsNaN(to) {
		return
	}
	links := float64(large) / float64(small)
	r.add(c.name, "mksync", "us/link at most links", 1000*to/float64(large))
	if c.each {
		r.atMost(c.name+": growth over "+number(links)+" times the links", math.Max(to, floor)/math.Max(from, floor), 2)
		return
	}
	r.atMost(c.name+": growth over "+number(links)+" times the links", math.Max(to, floor)/math.Max(from, floor), links*1.2)
}

// growth measures everything at one size.
func (w *world) growth(ctx context.Context, r *result, n int) error {
	for _, c := range growing() {
		ms, err := c.measure(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		r.add(c.name, "mksync", columnOf(n), ms)
	}
	used, err := w.mksync.usage()
	if err != nil {
		return err
	}
	r.add("resident memory, MiB", "mksync", columnOf(n), used.rss)
	r.add("peak memory, MiB", "mksync", columnOf(n), used.peak)
	return nil
}

// fullSweep waits for the first poll, which is one.
func fullSweep(ctx context.Context, w *world) (float64, error) {
	err := w.reaches(ctx, 10*time.Minute, 1, "SELECT (value->>'partners')::float8 FROM mksync_state WHERE key = $1", store.PollStateKey)
	if err != nil {
		return 0, err
	}
	return w.number(ctx, "SELECT 1000 * (value->>'duration')::float8 FROM mksync_state WHERE key = $1", store.PollStateKey)
}

// startUp starts mksync, first without the poller, whose first poll would compete.
func startUp(ctx context.Context, w *world) (float64, error) {
	began := time.Now()
	if err := w.start(ctx, nil, "--roles", "listener,pusher,puller,api"); err != nil {
		return 0, err
	}
	took := milliseconds(time.Since(began))
	w.stop()
	return took, w.start(ctx, map[string]string{"MKSYNC_POLL_INTERVAL": "1h"})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// repeats is how often a request is made; the median counts.
const repeats = 9

func timed(f func(i int) error) (float64, error) {
	var took []float64
	for i := range repeats {
		began := time.Now()
		if err := f(i); err != nil {
			return 0, err
		}
		took = append(took, milliseconds(time.Since(began)))
	}
	return percentile(took, 0.5), nil
}

func request(path string) func(context.Context, *world) (float64, error) {
	return func(ctx context.Context, w *world) (float64, error) {
		return timed(func(int) error {
			_, err := w.get(ctx, path)
			return err
		})
	}
}

func mappingLookUp(ctx context.Context, w *world) (float64, error) {
	all := people(repeats)
	return timed(func(i int) error {
		_, err := w.get(ctx, "/api/metakocka/contacts/mappings?contactId="+all[i].id)
		return err
	})
}

// editToERP times a contact's edit until the ERP holds it; the ERP answers at once.
func editToERP(ctx context.Context, w *world) (float64, error) {
	all := people(repeats)
	return timed(func(i int) error {
		before := w.calls.count()[callUpdate]
		if err := w.exec(ctx, "UPDATE contacts SET phone = '01 ' || right(phone, 7) WHERE id = $1", all[i].id); err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		return w.mksync.await(limited, time.Millisecond, func() (bool, error) { return w.calls.count()[callUpdate] > before, nil })
	})
}

// command times a command that works through the running service.
func command(args ...string) func(context.Context, *world) (float64, error) {
	return func(ctx context.Context, w *world) (float64, error) {
		cmd := exec.CommandContext(ctx, w.lab.mksync.Path, args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.lab.dir}
		for name, v := range w.variables() {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
		began := time.Now()
		if text, err := cmd.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("mksync %s: %w: %.500s", strings.Join(args, " "), err, text)
		}
		return milliseconds(time.Since(began)), nil
	}
}
