package syncer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
)

// With FirstSyncReview a first match is computed as ever, and then waits: nothing is claimed,
// linked, made or written on either side before a person has approved it (invariant 30). What
// a person says of a match by itself (answer.go) needs no approval besides. An approval is of
// one version of a proposal, and is compared with what the match makes of both sides now.

// How first matches go on.
const (
	FirstSyncAuto   = "auto"   // by themselves
	FirstSyncReview = "review" // once a person has approved each
)

// Reviews reports whether first matches wait for a person's approval.
func (r *Reconciler) Reviews() bool { return r.cfg.FirstSync == FirstSyncReview }

// Approve carries a contact's first match out, where it still is the version of the proposal
// that a person was shown. Else the contact goes on waiting, with what is proposed now. Errors
// as Contact, and a *RequestError that says why not.
func (r *Reconciler) Approve(ctx context.Context, contactID, version string, t Trigger) (Result, error) {
	t.Approved = version
	res, err := r.reconcile(ctx, contactID, t, func(k *task, ctx context.Context) error {
		if err := k.load(ctx); err != nil {
			return err
		}
		if k.link.MetaKockaID != "" && k.link.Status.Alive() && k.link.Status != store.StatusPending {
			return Refuse(CodeConflict, "review.linked", "contact {contact} is linked with partner {partner} already", k.id, k.link.MetaKockaID)
		}
		return k.present(ctx, k.together)
	})
	if err == nil && res.Status == store.StatusHeld {
		err = Refuse(CodeConflict, "review.another", "contact {contact}: what its first match would do is another since it was shown, and was not done: {cause}", res.ContactID, res.LastError)
	}
	return res, err
}

// ApproveImport makes a contact of a partner, as Approve.
func (r *Reconciler) ApproveImport(ctx context.Context, metakockaID, version string, t Trigger) (Result, error) {
	t.Approved = version
	res, err := r.Partner(ctx, metakockaID, t)
	if err == nil && res.Status == store.StatusHeld {
		err = Refuse(CodeConflict, "review.matched", "partner {partner} is not made a contact: contact {contact} matches it by now, which waits for approval: {cause}", metakockaID, res.ContactID, res.LastError)
	}
	return res, err
}

// waits holds a contact whose first match nobody has approved as it is now; partner is the one
// that it would be linked with, nil: one would be made. false: the match may go on.
func (k *task) waits(ctx context.Context, partner *metakocka.Partner, since store.Snapshot) (bool, error) {
	if !k.Reviews() {
		return false, nil
	}
	p := store.Proposal{Does: store.ProposeCreate}
	var candidates []string
	if partner != nil {
		p.Does = store.ProposeLink
		p.MetaKockaID = partner.MKID
		candidates = []string{partner.MKID}

		// Nobody is asked to approve what cannot be done.
		taken, err := k.takenByAnother(ctx, *partner)
		if taken || err != nil {
			return true, err
		}
	}
	p.Version = k.proposalVersion(p, partner)

	// A creation that was sent was approved, whatever became of it.
	begun := k.resent && p.Does == store.ProposeCreate
	if !begun && k.t.Approved != p.Version {
		return true, k.propose(ctx, p, since, candidates)
	}

	// Cut off from here on, it is pending, and looked at again for the sake of its keys.
	k.link.Status = store.StatusPending
	k.link.LastError = coded.Text{}
	k.link.Proposal = nil
	return false, nil
}

// takenByAnother holds a contact for a person's answer whose partner is another contact's.
func (k *task) takenByAnother(ctx context.Context, p metakocka.Partner) (bool, error) {
	holders, err := k.links.Holders(ctx, []string{p.MKID})
	holder := holders[p.MKID]
	if err != nil || holder == "" || holder == k.id {
		return false, err
	}
	return true, k.unlessTaken(ctx, p, store.ErrPartnerTaken)
}

// propose stores what the first match would do. Where the contact waits for just that already
// nothing is stored.
func (k *task) propose(ctx context.Context, p store.Proposal, since store.Snapshot, candidates []string) error {
	p.At = k.now()
	if p.Same(k.link.Proposal) {
		p.At = k.link.Proposal.At
		if k.link.Status == store.StatusHeld {
			return nil
		}
	}
	k.link.Proposal = &p
	return k.hold(ctx, proposalNote(p), since, candidates...)
}

// proposalNote is what is noted with the link.
func proposalNote(p store.Proposal) coded.Text {
	if p.Does == store.ProposeLink {
		return coded.Say("note.review.link", "waits for approval: link it with partner {partner} (mksync review)", p.MetaKockaID)
	}
	return coded.Say("note.review.create", "waits for approval: make a partner of it (mksync review)")
}

// proposalVersion is of what would be done, of all that the contact holds, and of what the
// partner is known by: whatever way it was read.
func (k *task) proposalVersion(p store.Proposal, partner *metakocka.Partner) string {
	var as match.Party
	if partner != nil {
		as = PartnerParty(*partner)
	}
	return versionOf(p.Does, p.MetaKockaID, *k.st.Contact, as.Is.Named().Name, match.Keys(as).All())
}

// importVersion is of all that a contact would be made of.
func importVersion(p metakocka.Partner) string {
	return versionOf(store.ProposeImport, p.MKID, PartnerParty(p).Is, "", nil)
}

func versionOf(does store.Proposed, metakockaID string, of mapping.Contact, name string, keys []string) string {
	text, _ := json.Marshal([]any{does, metakockaID, of, name, keys}) // texts alone
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// insertApproved makes a contact of a partner once a person has approved that. Nobody is told
// of one that waits but whoever asked for it.
func (r *Reconciler) insertApproved(ctx context.Context, p metakocka.Partner, t Trigger) (Result, error) {
	if !r.Reviews() || isAnonymous(p) {
		return r.insert(ctx, p, t)
	}
	res := Result{MetaKockaID: p.MKID}
	version := importVersion(p)
	if t.Approved == version {
		return r.insert(ctx, p, t)
	}
	if err := r.links.ProposeImport(ctx, p.MKID, version); err != nil || t.Cause != CauseRequest {
		return res, err
	}
	if t.Approved != "" {
		return res, Refuse(CodeConflict, "review.another_import", "partner {partner}: what would be imported is another since it was shown, and was not: look at it again (mksync review)", p.MKID)
	}
	return res, Refuse(CodeConflict, "review.import", "partner {partner} waits for approval before a contact is made of it (mksync review)", p.MKID)
}

// Proposes reports whether a contact waits for the approval of what is decided; nil: it does not.
func Proposes(d match.Decision, p *store.Proposal) bool {
	return p != nil && p.MetaKockaID == d.MetaKockaID && (p.Does == store.ProposeLink) == (d.Verdict == match.VerdictLink)
}
