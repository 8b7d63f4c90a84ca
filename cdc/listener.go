package cdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/pgsession"
)

// The states of a listener, as Status shows them.
const (
	StateConnecting = "connecting"
	StateSnapshot   = "snapshot"
	StateStreaming  = "streaming"
	StateStandby    = "standby"
	StateStopped    = "stopped"
)

// Status is a listener's condition at one moment.
type Status struct {
	State string
	Slot  string
	// ReceivedLSN is how far the changes were read, ConfirmedLSN how far the
	// slot may forget them.
	ReceivedLSN  LSN
	ConfirmedLSN LSN
	// LagBytes is how much log the server has written since ConfirmedLSN.
	LagBytes    uint64
	LastEventAt time.Time
	// HeartbeatAt is when the newest heartbeat had come all the way; zero: none
	// has. HeartbeatSince is since when one is on its way; zero: none is.
	HeartbeatAt, HeartbeatSince time.Time
	// HeartbeatRefused is why none may be sent, in Postgres's words: then nothing is on its way, and whether
	// changes get through is not known.
	HeartbeatRefused string
	// Problem is why the listener does not work right now; nothing when it does.
	Problem coded.Text
	// Warning is what somebody has to put right although the listener works: what
	// it would not begin with, or what harms others.
	Warning coded.Text
}

// Listener publishes the changes of one table. It is made for one Run.
type Listener struct {
	cfg   Config
	sink  Sink
	store StateStore
	log   *slog.Logger

	silence  time.Duration
	streamed bool              // streamed at least once: problems of the set-up are retried
	backend  pgsession.Backend // of the last session
	missed   error             // a change that the slot would bring again and again, and nobody can read

	mu        sync.Mutex // guards what follows
	status    Status
	serverEnd LSN
}

// New checks the configuration; it does not connect.
func New(cfg Config, sink Sink, store StateStore, log *slog.Logger) (*Listener, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure listener: %w", err)
	}
	return &Listener{
		cfg: cfg, sink: sink, store: store, log: log, silence: cfg.silence,
		status: Status{State: StateStopped, Slot: cfg.Slot},
	}, nil
}

// Run publishes until the context ends, and then returns nil. Before it has
// streamed for the first time it returns a *SetupError for what only a person can
// change; later on such a problem is retried and shown in Status. A changed
// database (ErrSystemChanged) always ends it.
func (l *Listener) Run(ctx context.Context) error {
	defer l.setState(StateStopped)
	wait := l.newBackoff()
	for ctx.Err() == nil {
		l.setState(StateConnecting)
		began := time.Now()
		err := l.runSession(ctx)
		if ctx.Err() != nil {
			break
		}

		if l.fatal(err) {
			l.setProblem(coded.Of(err))
			return err
		}

		// Who was silent for a good reason is given twice as long, or no session would outlast it.
		if errors.Is(err, ErrSilent) {
			l.silence *= 2
		} else {
			l.silence = l.cfg.silence
		}

		if time.Since(began) > l.cfg.BackoffMax {
			wait.Reset()
		}
		l.pause(ctx, err, wait)
	}
	return nil
}

func (l *Listener) newBackoff() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(l.cfg.BackoffMin),
		backoff.WithMaxInterval(l.cfg.BackoffMax),
		backoff.WithMaxElapsedTime(0),
	)
}

func (l *Listener) fatal(err error) bool {
	var setup *SetupError
	return errors.Is(err, ErrSystemChanged) || !l.streamed && errors.As(err, &setup)
}

// pause waits before the next connection: shortly for a slot that another
// instance holds, else longer each time.
func (l *Listener) pause(ctx context.Context, err error, wait *backoff.ExponentialBackOff) {
	d := standbyInterval
	if errors.Is(err, errSlotBusy) {
		l.setState(StateStandby)
		wait.Reset()
	} else {
		d = wait.NextBackOff()
		l.setState(StateConnecting)
		l.setProblem(coded.Of(err))
		l.log.WarnContext(ctx, "listener lost its connection", "error", err, "retry_in", d.String())
	}
	_ = sleep(ctx, d)
}

// sleep returns early, with the context's error, when that ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Status may be called at any time.
func (l *Listener) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	if end := max(l.serverEnd, s.ReceivedLSN); end > s.ConfirmedLSN && s.ConfirmedLSN > 0 {
		s.LagBytes = uint64(end - s.ConfirmedLSN)
	}
	return s
}

func (l *Listener) update(f func(*Status)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.status)
}

// warn shows what somebody has to put right, and logs it once; nil: nothing any more.
func (l *Listener) warn(ctx context.Context, problem error) {
	said := coded.Text{}
	if problem != nil {
		said = coded.Of(problem)
	}
	var before coded.Text
	l.update(func(s *Status) { before, s.Warning = s.Warning, said })
	if !said.IsZero() && said.String() != before.String() {
		l.log.WarnContext(ctx, "the listener works, but something has to be put right", "problem", said)
	}
}

func (l *Listener) setProblem(p coded.Text) { l.update(func(s *Status) { s.Problem = p }) }

// setState changes the state; a state in which the listener works clears the problem.
func (l *Listener) setState(state string) {
	l.update(func(s *Status) {
		s.State = state
		if state != StateStreaming {
			s.Warning = coded.Text{}
		}
		if state == StateStreaming || state == StateSnapshot || state == StateStandby {
			s.Problem = coded.Text{}
		}
	})
}

func (l *Listener) setServerEnd(end LSN) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serverEnd = max(l.serverEnd, end)
}
