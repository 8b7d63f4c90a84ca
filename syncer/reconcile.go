package syncer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// saveTimeout bounds the storing of what has already happened.
const saveTimeout = 15 * time.Second

// Saving is the context for storing what has already happened, in MetaKocka above all:
// that goes on when the caller has given up.
func Saving(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
}

// Reconciler brings one contact and one partner together. It is the only writer
// to either side (invariant 1). It is safe for use by many goroutines.
type Reconciler struct {
	cfg         Config
	links       Links
	deadLetters DeadLetters
	past        Past
	lanes       Lanes
	log         *slog.Logger

	watch    intentWatch
	absences absences
	refusals *refusals
	troubles *troubles
	unkept   unkept

	unclearable sync.Map // attributes in which MetaKocka keeps the remove marker as a text
}

// NewReconciler checks the policy and returns a ready Reconciler.
func NewReconciler(cfg Config, links Links, deadLetters DeadLetters, past Past, lanes Lanes, log *slog.Logger) (*Reconciler, error) {
	if err := cfg.Policy.Validate(); err != nil {
		return nil, fmt.Errorf("check field policy: %w", err)
	}
	return &Reconciler{cfg: cfg, links: links, deadLetters: deadLetters, past: past, lanes: lanes, log: log, refusals: newRefusals(), troubles: &troubles{log: log}, unkept: unkept{states: links, log: log, kept: map[mapping.Field]time.Time{}}}, nil
}

// Contact reconciles a contact with its partner, and finds or makes the partner
// where there is none. Calling it again does no harm, whenever the last call
// was cut off.
//
// Errors: *RejectError (this contact cannot be brought over; stored on the
// link), *PendingError, *PausedError, *metakocka.TransientError, or the
// database's.
func (r *Reconciler) Contact(ctx context.Context, contactID string, t Trigger) (Result, error) {
	return r.reconcile(ctx, contactID, t, (*task).run)
}

// step is what is done to a contact under its lock.
type step func(k *task, ctx context.Context) error

// reconcile does a step to a contact, and again where what was read is out of date.
func (r *Reconciler) reconcile(ctx context.Context, contactID string, t Trigger, do step) (res Result, err error) {
	defer r.recovered(contactID, &err)
	ctx, ended := traced(ctx, t)
	defer func() { ended(res, err) }()

	waited := false
	looked := map[string]bool{}
	for try := 0; ; try++ {
		res = Result{}
		err = r.links.WithContact(ctx, contactID, func(s store.Session) error {
			k := r.task(s, contactID, t)
			k.waited = waited
			k.looked = looked
			err := k.unlessNotHeld(ctx, do(k, ctx))
			res = k.result()
			return r.settleDeadLetters(ctx, t.Work, res, err)
		})
		again := errors.Is(err, store.ErrContactChanged) || errors.Is(err, ErrAgain)

		if due := dueEvent(err); due != nil && !waited {
			r.await(ctx, contactID, due)
			waited = true
			continue
		}

		// Not under this contact's lock: the other one has a lock of its own.
		if rival := unknownRival(err); rival != "" {
			if _, err := r.lookUp(ctx, rival, t); err != nil {
				return res, err
			}
			looked[rival] = true
			continue
		}

		if !again || try >= maxTries {
			return res, err
		}
	}
}

// Renamed lets a contact that got another id keep its partner: the link goes with it.
// Where it cannot, because the new id has a link, the old id counts as deleted.
func (r *Reconciler) Renamed(ctx context.Context, from, to string, t Trigger) error {
	if err := awaitVisible(ctx, t.XIDs, r.links.Snapshot); err != nil {
		return err
	}
	if err := r.links.MoveLink(ctx, from, to); err != nil {
		return err
	}
	_, err := r.Contact(ctx, from, Trigger{Cause: CauseContact, CRMChangedAt: t.CRMChangedAt, Lane: t.Lane, Work: t.Work, XIDs: t.XIDs, EventID: t.EventID, Deleted: true})
	return err
}

// HeldTruncate says why the deletions are held that a TRUNCATE means.
var HeldTruncate = coded.Say("note.held.truncate", "the contacts table was truncated")

// Truncated holds the deletions that a TRUNCATE of the contacts table means, once its
// transactions can be seen.
func (r *Reconciler) Truncated(ctx context.Context, xids []uint32) (held int64, err error) {
	if err := awaitVisible(ctx, xids, r.links.Snapshot); err != nil {
		return 0, err
	}
	return r.links.HoldAll(ctx, HeldTruncate, store.Why{Cause: store.BecauseEvent})
}

// settleDeadLetters puts aside what cannot be brought over, and removes what was put
// aside before of a link that is in order now. Under the contact's lock, what
// happened last also stands last.
func (r *Reconciler) settleDeadLetters(ctx context.Context, work Work, res Result, err error) error {
	var rejected *RejectError
	switch {
	case err == nil:
		r.deadLetters.ForgetContact(ctx, res.ContactID)
		r.deadLetters.ForgetPartner(ctx, res.MetaKockaID)
		if work != nil {
			work.Forgot(res.ContactID)
			work.Forgot(res.MetaKockaID)
		}
	case errors.As(err, &rejected) && work != nil:
		if failed := work.PutAside(ctx, rejected.Reason); failed != nil {
			return failed
		}
	}
	return err
}

// maxTries bounds how often a contact that is edited all the time is read again
// in one reconcile.
const maxTries = 5

// Policy is the configured policy without the fields the contacts table lacks, and
// without sending what the installation does not keep.
func (r *Reconciler) Policy() mapping.Policy {
	p := mapping.Policy{Fields: map[mapping.Field]mapping.FieldPolicy{}, TieWinner: r.cfg.Policy.TieWinner}
	for _, f := range mapping.Fields() {
		p.Fields[f] = mapping.FieldPolicy{Direction: mapping.DirectionOff, Rule: mapping.RuleNewest}
	}
	for _, f := range r.links.Fields() {
		p.Fields[f] = r.unkept.policy(f, r.cfg.Policy.For(f))
	}
	return p
}

// task is one reconcile of one contact, under the contact's lock.
type task struct {
	*Reconciler
	s   store.Session
	t   Trigger
	id  string
	erp ERP // in the trigger's lane

	// What else is asked for, by the entry of its own.
	said      *answer         // what a person says of the match; nil: nothing
	restoring restorations    // fields that are taken back
	found     bool            // a partner was seen that matches the contact
	waited    bool            // for an event that tells when the contact was changed
	looked    map[string]bool // contacts whose creations without an answer were looked up

	st       store.State
	loadedAt time.Time // by this machine's clock, for elapsed time only
	link     store.Link
	readAt   time.Time       // the database's clock just before the partner was last read
	sent     []mapping.Field // written to MetaKocka
	standing error           // why MetaKocka did not empty what the last write was to empty; nil: it did
	bare     bool            // the partner was refused with notes and website, and made without right after
	journal  map[mapping.Field]store.ConflictRecord
	lapsed   []mapping.Field        // decisions that do not hold
	denied   []store.Answer         // what a person said, to be stored with the link
	byHand   bool                   // a person links the two
	resent   bool                   // the partner's creation was sent before, and made none
	replaced []store.ConflictRecord // conflicts whose outcome was written by an update without an answer
	story    chronicle
	traceID  string // of the trace that it is done in; "": none
}

func (r *Reconciler) task(s store.Session, contactID string, t Trigger) *task {
	return &task{Reconciler: r, s: s, t: t, id: contactID, erp: r.lanes(t.Lane)}
}

// run is the reconcile of a contact.
func (k *task) run(ctx context.Context) error {
	if err := k.load(ctx); err != nil {
		return err
	}
	return k.present(ctx, k.together)
}

// present does next to a contact that can be synced, and to another what it takes.
func (k *task) present(ctx context.Context, next func(context.Context) error) error {
	switch {
	case k.st.Contact == nil:
		return k.contactGone(ctx)
	case !k.st.InScope:
		return k.leftOut(ctx)
	case len(k.st.NoText) > 0:
		return k.noText(ctx)
	}
	return next(ctx)
}

// together brings a contact and its partner together, from where their link stands.
func (k *task) together(ctx context.Context) error {
	switch {
	case k.st.Link == nil:
		k.link.ContactID = k.id
		k.link.Status = store.StatusPending
		return k.first(ctx)
	case k.link.Status == store.StatusDeleted:
		return k.comeBack(ctx)
	case k.link.Intent != nil && k.link.Intent.Kind == store.IntentRetire && k.link.Status.Alive():
		if k.open(k.id, k.link.Intent) {
			return k.pending()
		}
		return k.comeBack(ctx)
	case k.link.Status == store.StatusUnlinked:
		return k.unlinked(ctx)
	case k.link.MetaKockaID == "" && k.link.Intent != nil:
		return k.resolve(ctx)
	case k.link.MetaKockaID == "":
		return k.first(ctx)
	}

	// A link that somebody wrote by hand has no base.
	k.link.Base = k.link.BaseOr(mapping.Base{})
	return k.update(ctx)
}

// noText puts a contact aside whose row holds bytes that are no text, as a database
// without an encoding takes them: what they were meant to be is for a person to say. A
// tombstone stays one.
func (k *task) noText(ctx context.Context) error {
	names := make([]string, len(k.st.NoText))
	for i, f := range k.st.NoText {
		names[i] = string(f)
	}
	reason := coded.Say("note.value.no_text", "{fields}: the contact's row holds bytes that are no text in UTF-8: correct it in the CRM", strings.Join(names, ", "))
	if k.st.Link != nil && !k.link.Status.Alive() {
		return &RejectError{reason}
	}
	k.link.ContactID = k.id
	return k.reject(ctx, reason)
}

func (k *task) load(ctx context.Context) error {
	var st store.State
	err := awaitVisible(ctx, k.t.XIDs, func(ctx context.Context) (snap store.Snapshot, err error) {
		st, err = k.s.Load(ctx)
		return st.Snapshot, err
	})
	if err != nil {
		return err
	}

	// Others leave the contact to a replay, which has the last word meanwhile.
	if st.Replayed && k.t.Cause != CauseReplay {
		return &PendingError{ContactID: k.id, After: 2 * time.Second, Replayed: true}
	}

	k.st = st
	k.loadedAt = time.Now()
	k.traceID = traceID(ctx)
	if st.Link != nil {
		k.link = *st.Link
	}
	k.link.UpdatedBy = k.t.By
	k.journal = map[mapping.Field]store.ConflictRecord{}
	k.story.begin(st.Link)
	return nil
}

// now is the database's clock, carried on by elapsed time.
func (k *task) now() time.Time { return k.st.Now.Add(time.Since(k.loadedAt)) }

func (k *task) result() Result {
	if k.link.ID == "" {
		return Result{ContactID: k.id}
	}
	return Result{
		LinkID: k.link.ID, ContactID: k.id, MetaKockaID: k.link.MetaKockaID,
		Status: k.link.Status, LastError: k.link.LastError,
	}
}

// save stores the link. It goes on when the caller has given up, because what
// it stores has happened.
func (k *task) save(ctx context.Context, ch store.Change) error {
	ctx, cancel := Saving(ctx)
	defer cancel()

	if k.t.CRMChangedAt.After(k.link.CRMChangedAt) {
		k.link.CRMChangedAt = k.t.CRMChangedAt
	}

	// Keys are held for a match that waits, and for one that was not begun.
	if k.link.Status != store.StatusHeld && (k.link.Status != store.StatusPending || k.link.MetaKockaID != "") {
		k.link.HeldKeys = nil
		k.link.Proposal = nil
	}

	ch.Link = k.link
	ch.Conflicts = k.replaced
	ch.Lapsed = k.lapsed
	ch.Freed = k.freed()
	ch.Unpaired = k.unpaired()
	ch.Denied = k.denied
	ch.ByHand = k.byHand
	for _, f := range mapping.Fields() {
		if c, noted := k.journal[f]; noted {
			ch.Conflicts = append(ch.Conflicts, c)
		}
	}

	ch.History = k.chronicled(ch)

	err := k.s.Save(ctx, &ch)
	k.tell(ch.History, err)
	if err != nil {
		return err
	}

	k.remember(ch)
	k.replaced = nil
	k.lapsed = nil
	k.denied = nil
	k.byHand = false
	k.journal = map[mapping.Field]store.ConflictRecord{}
	return nil
}

// remember takes the link as it was stored.
func (k *task) remember(ch store.Change) {
	k.link = ch.Link
	k.story.store(ch.Link)
	k.story.notes = nil
	for _, e := range ch.History {
		k.story.tell(e)
	}
}

// settle ends a reconcile with a status and stores it.
func (k *task) settle(ctx context.Context, status store.Status, reason coded.Text, ch store.Change) error {
	k.link.Status = status
	k.link.LastError = reason
	k.link.RetryAt = time.Time{}
	k.link.Retries = 0
	if status == store.StatusSynced || status == store.StatusPartial || status == store.StatusConflict {
		k.link.LastSyncedAt = k.now()
	}
	return k.save(ctx, ch)
}
