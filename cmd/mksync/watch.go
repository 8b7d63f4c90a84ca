package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/syncer/status"
)

// statusWatch shows the status again and again.
type statusWatch struct {
	app      *cliEnv
	every    time.Duration
	asJSON   bool
	ask      func(ctx context.Context) (s status.Status, by string, err error)
	lastLine string
}

// run shows the status until ctx ends, which is no error. Only a first look that
// goes wrong ends it: later a service may be restarting.
func (w *statusWatch) run(ctx context.Context) error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()

	if w.redraws() {
		defer w.app.out().BeginRedraws()()
	}

	for first := true; ; first = false {
		s, by, err := w.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case first && err != nil:
			return err
		}

		if err := w.show(s, by, err); err != nil {
			return err
		}

		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// redraws: on a terminal the same lines are written again.
func (w *statusWatch) redraws() bool { return !w.asJSON && w.app.out().IsTerminal() }

func (w *statusWatch) show(s status.Status, by string, err error) error {
	switch {
	case w.redraws():
		return w.redraw(s, by, err)
	case err != nil:
		w.app.note(err.Error())
		return nil
	case w.asJSON:
		return json.NewEncoder(w.app.stdout).Encode(s)
	}
	line := statusLine(s)
	if line == w.lastLine {
		return nil
	}
	w.lastLine = line
	_, err = fmt.Fprintln(w.app.stdout, stamp(time.Now())+"  "+line)
	return err
}

// redraw writes over what was written before.
func (w *statusWatch) redraw(s status.Status, by string, err error) error {
	sheet := []terminal.Pair{{"every " + w.every.String(), stamp(time.Now()) + "; Ctrl-C ends it"}}
	if err == nil {
		sheet = append(sheet, statusSheet(s, by)...)
	} else {
		sheet = append(sheet, terminal.Pair{"PROBLEM", err.Error()})
	}
	return w.app.out().Redraw(sheet)
}

// statusLine is what of a status a change of is worth a line.
func statusLine(s status.Status) string {
	parts := []string{
		"listener " + s.Listener.State,
		fmt.Sprintf("pusher %d+%d", s.Pusher.Pending, s.Pusher.InFlight), fmt.Sprintf("puller %d+%d", s.Puller.Pending, s.Puller.InFlight),
		fmt.Sprintf("partners %d", s.Poller.Partners), "mappings " + mappingsText(s.Mappings),
		fmt.Sprintf("waiting %d", s.Conflicts+s.FirstMatches+s.HeldMatches+s.HeldDeletions+s.DeadLetters),
	}
	if s.Pusher.Paused || s.Puller.Paused {
		parts = append(parts, "paused")
	}
	if len(s.Problems) > 0 {
		parts = append(parts, "PROBLEM "+terminal.OneLine(strings.Join(s.Problems, "; ")))
	}
	return strings.Join(parts, ", ")
}
