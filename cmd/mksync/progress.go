package main

import (
	"context"
	"fmt"
	"time"

	"github.com/crmmind/mksync/internal/terminal"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/syncer/operations"
)

// follower shows how far a request is that takes long, and keeps what it brings:
// a line that is written over on a terminal, plain lines elsewhere.
type follower struct {
	app       *cliEnv
	terminal  bool
	doing     string
	said      time.Time
	drawn     bool // there is a line to write over
	failures  []operations.BulkItem
	decisions []match.Decision
}

const (
	sayEvery  = 5 * time.Second        // between plain lines
	drawEvery = 100 * time.Millisecond // between lines on a terminal
)

func (app *cliEnv) follow(asJSON bool) *follower {
	return &follower{app: app, terminal: !asJSON && app.notes().IsTerminal()}
}

// watch is a syncer.Watch.
func (f *follower) watch(_ context.Context, p operations.Progress) error {
	f.decisions = append(f.decisions, p.Decisions...)
	for _, item := range p.Results {
		if !item.Success {
			f.failures = append(f.failures, item)
		}
	}

	every := sayEvery
	if f.terminal {
		every = drawEvery
	}

	if p.Doing == f.doing && time.Since(f.said) < every {
		return nil
	}

	f.doing = p.Doing
	f.said = time.Now()
	if f.terminal {
		f.app.notes().Progress(progressText(p), p.Done, p.Total)
		f.drawn = true
	} else {
		f.app.note(progressText(p))
	}
	return nil
}

// progressText says how far it is.
func progressText(p operations.Progress) string {
	text := p.Doing
	if p.Total > 0 {
		text = fmt.Sprintf("%s: %d of %d, %d failed", p.Doing, p.Done, p.Total, p.Failed)
	}
	if p.Paused != "" {
		text += "; waiting: " + terminal.OneLine(p.Paused)
	}
	if p.ExpectedAt != nil {
		text += ", done at about " + p.ExpectedAt.Local().Format(time.TimeOnly)
	}
	return text
}

// end takes the line away.
func (f *follower) end() {
	if f.drawn {
		f.app.notes().EndProgress()
		f.drawn = false
	}
}
