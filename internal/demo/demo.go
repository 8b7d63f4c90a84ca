// Package demo tells a story with the whole system on this machine: a throw-away
// Postgres, the MetaKocka simulator and the service, and people who edit on both
// sides.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/crmmind/mksync/internal/terminal"
)

// stepTimeout is how long a step of the story may take before the demo gives up
// and shows what the service said: long, for the machine may be busy.
const stepTimeout = 2 * time.Minute

// Options say where and how the story is told.
type Options struct {
	Out     *terminal.Screen // the story
	Log     io.Writer        // what happens besides
	Environ []string         // of the service, whose own settings are left out
	Serve   bool             // keep everything running at the end
	Review  bool             // tell the beginning of a first start under review, and keep that running
	Origin  string           // whose pages may show where contacts stand; empty: nobody's
	Verbose bool             // show what the service logs
}

// demo is one telling of the story. What it prints was read from the database,
// from the simulator or from the service, never assumed.
type demo struct {
	say   *narrator
	world *world
	began time.Time
	steps int

	ids    sync.Map        // contact's name -> id
	before map[string]bool // partners that were there before mksync was
}

// Run tells the story. It starts this program as the service, with the command
// `run`. Error: ErrDisagree.
func Run(ctx context.Context, opts Options) (err error) {
	d := &demo{
		say: newNarrator(opts.Out), world: newWorld(opts),
		began: time.Now(), before: map[string]bool{},
	}
	defer func() { err = errors.Join(err, d.world.close()) }()
	d.say.title("mksync demo: a CRM's contacts and (simulated) MetaKocka's partners, kept the same both ways")
	err = d.tell(ctx)
	switch {
	case errors.Is(err, errServed):
		return nil
	case ctx.Err() != nil:
		return errInterrupted
	}
	return err
}

// ErrDisagree says that the two sides do not agree in the end; in what was printed.
var ErrDisagree = errors.New("the two sides do not agree")

// errInterrupted is printed once everything was removed.
var errInterrupted = errors.New("the demo was interrupted; everything it started has been removed")

// errServed ends --serve when the user asked for it.
var errServed = errors.New("served until asked to stop")

// tell runs the steps in their order; each builds on what the others left.
func (d *demo) tell(ctx context.Context) error {
	if d.world.Review {
		return d.review(ctx)
	}
	for _, s := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"Start: a database, an ERP and the service", d.start},
		{"First sync: what was there before mksync", d.firstSync},
		{"New on either side", d.newcomers},
		{"Edits on either side", d.edits},
		{"A field is cleared", d.clearing},
		{"Conflict: both sides change the same field", d.conflict},
		{"A contact is deleted", d.deletion},
		{"A value that cannot be sent", d.badEmail},
		{"kill -9, in the middle of everything", d.killed},
		{"MetaKocka goes away", d.outage},
		{"Both sides, side by side", d.result},
	} {
		if err := d.step(ctx, s.title, s.run); err != nil {
			return err
		}
	}

	if !d.world.Serve {
		return nil
	}
	if err := d.step(ctx, "What waits for a person", d.waits); err != nil {
		return err
	}
	return d.serve(ctx)
}

// step runs one step within its time. A step that does not end well is named,
// with the last lines that the service logged.
func (d *demo) step(ctx context.Context, title string, run func(context.Context) error) error {
	d.steps++
	d.say.heading(d.steps, title)
	limit := stepTimeout
	if d.steps == 1 {
		limit = startTimeout
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := run(bounded)
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrDisagree) {
		return err
	}
	if bounded.Err() != nil {
		err = fmt.Errorf("it took longer than %s: %w", limit, err)
	}
	return &stepError{step: d.steps, title: title, err: err, log: d.world.service.lastLines()}
}

// stepError says which step of the demo did not end well.
type stepError struct {
	step  int
	title string
	err   error
	log   []string // the end of the service's log
}

func (e *stepError) Error() string {
	text := fmt.Sprintf("demo, step %d (%s): %v", e.step, e.title, e.err)
	if len(e.log) == 0 {
		return text
	}
	return text + "\nthe service's last lines:\n  " + strings.Join(e.log, "\n  ")
}

func (e *stepError) Unwrap() error { return e.err }

// until looks again and again until check finds nothing amiss, and returns how
// long that took.
func (d *demo) until(ctx context.Context, what string, check func() error) (time.Duration, error) {
	began := time.Now()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	last := errors.New("it was not looked at")
	for {
		err := check()
		if err == nil {
			return time.Since(began), nil
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("waiting until %s: %w", what, last)
		case <-d.world.service.ended():
			return 0, fmt.Errorf("waiting until %s: the service ended: %s", what, d.world.service.exit())
		case <-ticker.C:
		}
	}
}

// linger lets time pass in the story.
func linger(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
