package check

import (
	"context"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// Run makes full checks until ctx ends: one every interval, and one with repair
// after each snapshot that the listener took because it may have missed changes, and
// after the stream dropped events that were not worked off.
// One process of all that could does so.
func (c *Checker) Run(ctx context.Context) error {
	once := syncer.LogOnce{Log: c.log}
	for ctx.Err() == nil {
		err := c.store.Alone(ctx, "checker", c.watch)
		once.Warn(ctx, "full check did not succeed; it will be tried again", err)
		_ = syncer.Pause(ctx, c.cfg.Look)
	}
	return nil
}

// watch looks whether a check is due until one fails.
func (c *Checker) watch(ctx context.Context) error {
	for {
		err := event.LookForGap(ctx, c.backlog, c.store, bus.StreamContacts, func(what coded.Text) error {
			c.log.Warn("contacts' events are missing: everything will be compared and brought in order", "what", what.String())
			return event.NoteDropped(ctx, c.store, bus.StreamContacts, what)
		})
		if err != nil {
			return err
		}
		if err := c.look(ctx); err != nil {
			return err
		}
		if err := syncer.Pause(ctx, c.cfg.Look); err != nil {
			return err
		}
	}
}

func (c *Checker) look(ctx context.Context) error {
	state, err := c.store.CheckState(ctx)
	if err != nil {
		return err
	}

	now, err := c.store.Now(ctx)
	if err != nil {
		return err
	}

	// Before anything else is noted on what terms the first contacts are synced: that these
	// change is seen by it alone.
	if state.Terms == "" {
		state.Terms = c.terms()
		if err := c.store.SaveCheckState(ctx, state); err != nil {
			return err
		}
	}

	if since := now.Sub(state.ForgotAt); since < 0 || since >= forgetEvery {
		return c.forget(ctx, state, now)
	}

	if state.Rests(now) {
		return nil
	}

	// What was missed comes before what is only due.
	listener, _, err := event.ListenerStates{States: c.store}.Load(ctx)
	if err != nil {
		return err
	}
	missed := listener.Recovered() && listener.SnapshotPos.String() != state.Recovered
	if missed || rearranged(listener, state) {
		return c.recover(ctx, listener, state)
	}

	if terms := c.terms(); terms != state.Terms {
		return c.changed(ctx, terms)
	}

	switch dropped, err := event.Dropped(ctx, c.store, bus.StreamContacts); {
	case err != nil:
		return err
	case !dropped.IsZero():
		return c.makeUp(ctx)
	}
	return c.periodic(ctx, state, now)
}

// terms are on what the contacts are synced.
func (c *Checker) terms() string {
	return c.store.Terms() + " " + c.reconciler.Terms()
}

// changed brings in order what a change of directions, columns or filter means for
// contacts that no event is about.
func (c *Checker) changed(ctx context.Context, terms string) error {
	rep, err := c.Check(ctx, CheckRequest{Repair: true})
	if err != nil {
		return err
	}
	c.log.Info("the directions, columns or filter changed: everything was checked", rep.summary()...)

	state, err := c.store.CheckState(ctx)
	if err != nil {
		return err
	}
	state.Terms = terms
	return c.store.SaveCheckState(ctx, state)
}

const forgetEvery = 24 * time.Hour

// forget has the store forget what is old, once a day in one process.
func (c *Checker) forget(ctx context.Context, state store.CheckState, now time.Time) error {
	if err := c.store.ForgetOld(ctx, c.cfg.HistoryMaxAge); err != nil {
		return err
	}
	state.ForgotAt = now
	return c.store.SaveCheckState(ctx, state)
}

// usualCheck is how long a check may take that rests no longer for it.
const usualCheck = 30 * time.Second

// rest is how long no check is made by itself after one that failed and took so long to
// look at everything: as configured, and longer in proportion where it took long. So with
// the usual five minutes it rests ten times as long as it took.
func (c *Checker) rest(took time.Duration) time.Duration {
	return time.Duration(float64(c.cfg.Rest) * max(1, took.Seconds()/usualCheck.Seconds()))
}

func (c *Checker) periodic(ctx context.Context, state store.CheckState, now time.Time) error {
	if c.cfg.Interval <= 0 {
		return nil
	}
	if state.Since.IsZero() || now.Before(state.Since) || now.Before(state.At) { // the first time, or the clock was put back
		state.Since = now
		if now.Before(state.At) {
			state.At = now
		}
		return c.store.SaveCheckState(ctx, state)
	}
	if now.Before(state.Since.Add(c.cfg.Interval)) || now.Before(state.At.Add(c.cfg.Interval)) {
		return nil
	}
	rep, err := c.Check(ctx, CheckRequest{settle: true})
	if err == nil && rep.Differing > 0 {
		c.log.Warn("full check found differences: mksync check --repair brings them in order", rep.summary()...)
	}
	return err
}

// rearranged: the partitions changed, and nothing was checked since.
func rearranged(l cdc.State, state store.CheckState) bool {
	return l.Rearranged() != "" && l.Rearranged() != state.Layout
}

var heldPartitions = coded.Say("note.held.partitions", "partitions of the contacts table were attached, detached, emptied or written anew")

// recover finds what was missed before a snapshot, or came and went with a
// partition. The contacts of the snapshot itself are the pusher's; the check comes
// when it is through with them.
func (c *Checker) recover(ctx context.Context, l cdc.State, state store.CheckState) error {
	if err := c.snapshotApplied(ctx); err != nil {
		return err
	}

	r, reason := CheckRequest{Repair: true}, l.SnapshotReason
	switch {
	case rearranged(l, state):
		reason = heldPartitions.String()
		r.holdAll = heldPartitions
	case l.TableReplaced:
		r.holdAll = coded.Say("note.held.replaced", "the contacts table was dropped and made again")
	}

	rep, err := c.Check(ctx, r)
	if err != nil {
		return err
	}
	c.log.Info("everything was checked after the listener may have missed changes", append(rep.summary(), "reason", reason)...)

	// Only what was checked counts as recovered: the check has saved its own state since.
	if state, err = c.store.CheckState(ctx); err != nil {
		return err
	}
	state.Recovered = l.SnapshotPos.String()
	state.Layout = l.Rearranged()
	return c.store.SaveCheckState(ctx, state)
}

// makeUp finds what dropped events would have told.
func (c *Checker) makeUp(ctx context.Context) error {
	rep, err := c.Check(ctx, CheckRequest{Repair: true})
	if err != nil {
		return err
	}
	c.log.Info("everything was checked after events were dropped", rep.summary()...)
	return event.NoteDropped(ctx, c.store, bus.StreamContacts, coded.Text{})
}

// snapshotApplied waits for the snapshot's contacts, but not for ever: one that
// is tried again and again does not hold up the rest.
func (c *Checker) snapshotApplied(ctx context.Context) error {
	deadline := time.Now().Add(c.cfg.Patience)
	for {
		pending, inFlight, err := c.backlog.ConsumerState(ctx, bus.StreamContacts, event.ConsumerPusherBulk)
		if err != nil {
			return err
		}
		if pending == 0 && (inFlight == 0 || time.Now().After(deadline)) {
			return nil
		}
		if err := syncer.Pause(ctx, min(c.cfg.Look, time.Second)); err != nil {
			return err
		}
	}
}

// summary is a report's figures, for the log.
func (r CheckReport) summary() []any {
	args := []any{"links", r.Links, "contacts", r.Contacts, "partners", r.Partners, "differing", r.Differing}
	for _, kind := range []syncer.FindingKind{syncer.FindingDiffers, syncer.FindingUnlinked, syncer.FindingContactGone, syncer.FindingContactBack, syncer.FindingPartnerGone} {
		if n := r.Found[kind]; n > 0 {
			args = append(args, string(kind), n)
		}
	}
	return args
}
