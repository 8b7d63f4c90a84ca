package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// stepTimeout is how long a step of the story may take before the demo gives up
// and shows what the service said.
const stepTimeout = 20 * time.Second

// demoOptions are the flags of `mksync demo`.
type demoOptions struct {
	serve   bool // keep everything running at the end
	verbose bool // show what the service logs
}

// newDemoCommand is the whole system on this machine.
func newDemoCommand(app *cliEnv) *cobra.Command {
	var opts demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See mksync at work on this machine, with nothing to configure",
		Long: "Start a throw-away Postgres with a contacts table, the MetaKocka simulator and the service,\n" +
			"change contacts on both sides, kill the service, cut MetaKocka off, and show that both sides\n" +
			"agree in the end. Nothing is left behind. The exit status is 1 when they do not agree.",
		Example: "  mksync demo\n  mksync demo --serve",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), app, opts)
		},
	}
	cmd.Flags().BoolVar(&opts.serve, "serve", false, "keep everything running at the end, until Ctrl-C")
	cmd.Flags().BoolVar(&opts.verbose, "verbose", false, "show what the service logs")
	return cmd
}

// demo is one telling of the story. What it prints was read from the database,
// from the simulator or from the service, never assumed.
type demo struct {
	say   *narrator
	world *demoWorld
	opts  demoOptions
	began time.Time
	steps int

	ids    sync.Map        // contact's name -> id
	before map[string]bool // partners that were there before mksync was
}

func runDemo(ctx context.Context, app *cliEnv, opts demoOptions) (err error) {
	d := &demo{
		say: newNarrator(app.out()), opts: opts, began: time.Now(),
		before: map[string]bool{},
	}
	d.world = newDemoWorld(app, opts.verbose)
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

// errInterrupted is printed once everything was removed.
var errInterrupted = errors.New("the demo was interrupted; everything it started has been removed")

// errServed ends --serve when the user asked for it.
var errServed = errors.New("served until asked to stop")

// tell runs the steps in their order; each builds on what the others left.
func (d *demo) tell(ctx context.Context) error {
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
	if !d.opts.serve {
		return nil
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
	if err == nil || ctx.Err() != nil || errors.Is(err, errReported) {
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
