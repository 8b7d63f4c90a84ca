package check

import (
	"context"
	"errors"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// bulkRepair is the number of contacts without a link from which on they are
// matched with the partners as last seen, not looked up one by one.
const bulkRepair = 100

// repair reconciles every finding. It ends early only when MetaKocka or the
// database does not answer.
func (run *checkRun) repair(ctx context.Context) error {
	hold, err := run.holdReason(ctx)
	if err != nil {
		return err
	}
	switch hold.Code {
	case "":
	case notReadYet.Code:
		run.leaveForNow()
	default:
		if err := run.hold(ctx, hold); err != nil {
			return err
		}
	}

	// Many at once are matched with the partners as last seen: each looked up would be a call.
	var plan *match.Plan
	if run.number(syncer.FindingUnlinked) > bulkRepair {
		if plan, err = run.matcher.Fresh(ctx); err != nil {
			return err
		}
	}

	var open []*syncer.Finding
	for i := range run.findings {
		if f := &run.findings[i]; f.Kind != syncer.FindingContactGone || hold.IsZero() {
			open = append(open, f)
		}
	}
	return run.bringInOrder(ctx, open, plan)
}

// bringInOrder reconciles findings. Those whose last write to MetaKocka has no
// answer yet come again until it can no longer take effect: no event will.
func (run *checkRun) bringInOrder(ctx context.Context, open []*syncer.Finding, plan *match.Plan) error {
	for deadline := time.Now().Add(run.cfg.Patience); len(open) > 0; {
		var later []*syncer.Finding

		for _, f := range open {
			t := syncer.Trigger{Cause: syncer.CauseCheck, Lane: metakocka.Bulk, By: run.req.By, Deleted: f.Kind == syncer.FindingContactGone}
			if f.Kind == syncer.FindingUnlinked {
				t.Plan = plan
			}

			res, err := run.reconciler.Contact(ctx, f.ContactID, t)
			var pending *syncer.PendingError
			if errors.As(err, &pending) && !pending.Replayed {
				later = append(later, f)
			}
			if err := noteRepair(f, res, err); err != nil {
				return err
			}
		}

		open = later
		run.unanswered = len(open)
		if len(open) == 0 || time.Now().After(deadline) {
			return nil
		}
		if err := syncer.Pause(ctx, min(run.cfg.Look, time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// noteRepair notes what became of a finding. An error that is about more than the
// one contact is returned.
func noteRepair(f *syncer.Finding, res syncer.Result, err error) error {
	var rejected *syncer.RejectError
	var pending *syncer.PendingError
	switch {
	case err == nil:
		f.Waits = res.Status == store.StatusHeld
		f.Repaired = !f.Waits
		f.Note = string(res.Status)
		if f.Waits {
			f.Noted(res.LastError)
		}
		if res.MetaKockaID != "" {
			f.MetaKockaID = res.MetaKockaID
		}
	case errors.As(err, &rejected), errors.As(err, &pending), errors.Is(err, syncer.ErrAgain), errors.Is(err, store.ErrContactChanged):
		f.Noted(coded.Of(err))
	default:
		return err
	}
	return nil
}

func (run *checkRun) number(kind syncer.FindingKind) (n int) {
	for _, f := range run.findings {
		if f.Kind == kind {
			n++
		}
	}
	return n
}

// hold holds the deletion of every link whose contact is gone.
func (run *checkRun) hold(ctx context.Context, reason coded.Text) error {
	n, err := run.store.HoldAll(ctx, reason, store.Why{Cause: store.BecauseCheck})
	if err != nil {
		return err
	}
	run.log.Warn("contacts are gone; their deletions are held: mksync deletions list", "why", reason, "held", n)
	for i := range run.findings {
		if f := &run.findings[i]; f.Kind == syncer.FindingContactGone {
			f.Waits = true
			f.Noted(coded.Say("note.finding.held", "the deletion is held: {cause}", reason))
		}
	}
	return nil
}

// leaveForNow leaves every contact that is gone to a later check. It holds nothing: nobody
// has to decide what the log is about to tell.
func (run *checkRun) leaveForNow() {
	for i := range run.findings {
		if f := &run.findings[i]; f.Kind == syncer.FindingContactGone {
			f.Noted(notReadYet)
			run.unread++
		}
	}
}

// notReadYet is why it is not known yet whether missing contacts were deleted.
var notReadYet = coded.Say("note.finding.not_read", "the listener has not read far enough to tell a deletion from a TRUNCATE; the next check looks again")

// holdReason says why missing contacts are not to be taken for deleted; nothing where
// they are (invariant 6). Only when the listener has come past what the check read is it
// known that no TRUNCATE is behind it: as long as it comes nearer it is waited for.
func (run *checkRun) holdReason(ctx context.Context) (coded.Text, error) {
	gone := run.number(syncer.FindingContactGone)
	switch {
	case gone == 0:
		return coded.Text{}, nil
	case !run.req.holdAll.IsZero():
		return run.req.holdAll, nil
	case gone > 1 && gone == run.rep.Links:
		return coded.Say("note.held.none_found", "a full check found none of the linked contacts"), nil
	case gone > 10 && gone*2 > run.rep.Links:
		return coded.Say("note.held.half_found", "a full check found less than half of the linked contacts"), nil
	}

	if moved, err := run.moved(ctx); err != nil || moved {
		return heldPartitions, err
	}

	// What the check read may be ahead of what the listener has told of.
	lsn, err := run.store.LogPosition(ctx)
	if err != nil {
		return coded.Text{}, err
	}

	var read cdc.LSN
	for deadline := time.Now().Add(run.cfg.CatchUp); ; {
		reason, now, err := run.underWay(ctx, lsn)
		if err != nil || reason.Code != notReadYet.Code || time.Now().After(deadline) {
			return reason, err
		}
		if now > read {
			read = now
			deadline = time.Now().Add(run.cfg.CatchUp)
		}
		if err := syncer.Pause(ctx, min(run.cfg.Look, time.Second)); err != nil {
			return coded.Text{}, err
		}
	}
}

// moved: partitions of the contacts table came, went or were emptied, whether or not
// the listener has seen it, and their contacts were not yet looked at for that.
func (run *checkRun) moved(ctx context.Context) (bool, error) {
	if run.cfg.Layout == nil {
		return false, nil
	}
	now, err := run.cfg.Layout(ctx)
	if err != nil {
		return false, err
	}
	listener, _, err := event.ListenerStates{States: run.store}.Load(ctx)
	if err != nil {
		return false, err
	}
	state, err := run.store.CheckState(ctx)
	return now != listener.Layout || rearranged(listener, state), err
}

// underWay says what may still turn out to be a TRUNCATE, and how far the listener has
// read, where it reads.
func (run *checkRun) underWay(ctx context.Context, lsn cdc.LSN) (reason coded.Text, read cdc.LSN, err error) {
	slot, err := run.store.Slot(ctx, run.cfg.Slot)
	switch {
	case err != nil:
		return coded.Text{}, 0, err
	case !slot.Found || slot.WALStatus == "lost": // nothing can come of it any more
	case !slot.Active:
		waits, err := run.store.TruncateWaits(ctx, run.cfg.Slot, run.cfg.Publication)
		if err != nil || waits {
			return syncer.HeldTruncate, 0, err
		}
	default:
		listener, _, err := event.ListenerStates{States: run.store}.Load(ctx) // behind the look at who reads
		if err != nil {
			return coded.Text{}, 0, err
		}
		if listener.Stored < lsn {
			return notReadYet, listener.Stored, nil
		}
	}

	// One that the listener has stored may still wait for the pusher.
	waits, err := run.backlog.Unapplied(ctx, bus.StreamContacts, event.ConsumerPusher, event.SubjectTruncate, event.IsOurs)
	if err != nil || waits {
		return syncer.HeldTruncate, 0, err
	}
	return coded.Text{}, 0, nil
}
