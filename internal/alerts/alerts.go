// Package alerts tells people when one of them is needed, and when nobody is any more: by a
// webhook, by mail, or both.
//
// Each process says every few seconds what it sees waiting. What people know by now, and the
// messages that are to be sent, change in one transaction of one process at a time, so that
// a change is told once however many processes there are and whenever one is killed
// (invariant 29). Whoever is free sends what is stored.
package alerts

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/crmmind/mksync/internal/phrases"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer/status"
)

// Config says whom to tell, and how.
type Config struct {
	Webhook  *Webhook // nil: not that way
	Mail     *Mail    // nil: not that way
	Language phrases.Language
	// Installation tells several apart; "": there is only one.
	Installation string
	// Console is the address of the console, to which messages lead; "": not known.
	Console string
	Pace    Pace
}

// Channels are the ways that are configured.
func (c Config) Channels() []store.AlertChannel {
	var all []store.AlertChannel
	for _, s := range c.senders() {
		all = append(all, s.channel())
	}
	return all
}

func (c Config) senders() []sender {
	var all []sender
	if c.Webhook != nil {
		all = append(all, c.Webhook)
	}
	if c.Mail != nil {
		all = append(all, c.Mail)
	}
	return all
}

// Pace is how fast alerts are decided on and sent.
type Pace struct {
	Look     time.Duration // between two looks at what waits
	Stale    time.Duration // after which it is not heeded what a process saw
	Patience time.Duration // for what may heal by itself
	Calm     time.Duration // for which nobody is needed before it is over
	Remind   time.Duration // between two messages while it stays so

	Send        time.Duration // between two looks at what is to be sent
	Timeout     time.Duration // of one try
	First, Last time.Duration // rests between tries
	Tries       int           // after which a message is given up
}

// UsualPace tells of a decision that waits within half a minute, and tries to send for a day.
var UsualPace = Pace{
	Look: 15 * time.Second, Stale: 45 * time.Second, Patience: 5 * time.Minute, Calm: 20 * time.Second, Remind: 24 * time.Hour,
	Send: 5 * time.Second, Timeout: 20 * time.Second, First: 5 * time.Second, Last: 15 * time.Minute, Tries: 100,
}

// Store keeps what people know, and the messages to them.
type Store interface {
	DecideAlerts(ctx context.Context, known any, decide func(now time.Time) []store.Alert) error
	TakeAlert(ctx context.Context, channel store.AlertChannel, lease time.Duration) (*store.Alert, error)
	AlertSent(ctx context.Context, id string) error
	AlertFailed(ctx context.Context, id, reason string, rest time.Duration) error
	AlertGivenUp(ctx context.Context, id, reason string) error
}

// Alerts tells people.
type Alerts struct {
	cfg     Config
	store   Store
	status  func(context.Context) status.Status
	log     *slog.Logger
	process string
}

// New returns the alerts of one process, which sees what status says.
func New(cfg Config, s Store, status func(context.Context) status.Status, log *slog.Logger) *Alerts {
	return &Alerts{cfg: cfg, store: s, status: status, log: log, process: uuid.NewString()}
}

// Run decides and sends until ctx ends. What does not work is tried again.
func (a *Alerts) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return every(ctx, a.cfg.Pace.Look, a.look) })
	for _, s := range a.cfg.senders() {
		g.Go(func() error {
			return every(ctx, a.cfg.Pace.Send, func(ctx context.Context) { a.deliver(ctx, s) })
		})
	}
	return g.Wait()
}

// every does something again and again until ctx ends.
func every(ctx context.Context, pause time.Duration, do func(context.Context)) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			do(ctx)
		}
	}
}

// look says what this process sees waiting, and decides whether people are told. Where the
// database is away nothing is decided: nobody could note what was told.
func (a *Alerts) look(ctx context.Context) {
	began := time.Now()
	waiting := a.status(ctx).Waiting
	var k known
	err := a.store.DecideAlerts(ctx, &k, func(now time.Time) []store.Alert {
		told := k.step(a.cfg.Pace, now, now.Add(-time.Since(began)), a.process, waiting)
		if told == nil {
			return nil
		}
		var alerts []store.Alert
		for _, channel := range a.cfg.Channels() {
			alerts = append(alerts, store.Alert{Channel: channel, Type: told.about, Reasons: told.reasons})
		}
		return alerts
	})
	if err != nil && ctx.Err() == nil {
		a.log.Debug("alerts not decided on", "error", err)
	}
}
