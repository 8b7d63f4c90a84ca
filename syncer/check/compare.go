package check

import (
	"context"
	"errors"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/metakocka"
	"github.com/crmmind/mksync/syncer"
)

// checkPage is how many pairs are read at once.
const checkPage = 500

// compare looks at every pair once.
func (run *checkRun) compare(ctx context.Context) error {
	var absent, held []store.Pair
	linked := 0

	for after := ""; ; {
		pairs, err := run.store.Pairs(ctx, after, checkPage)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			run.count(p)
			if syncer.Paired(p) {
				linked++
			}
			if !run.judged(p) {
				absent = append(absent, p)
			}
			if heldMatch(p) {
				held = append(held, p)
			}
			after = p.ContactID
		}
		if len(pairs) < checkPage {
			break
		}
	}

	// Both of these ask MetaKocka or match anew: they come when all pairs were read.
	if err := run.judgeHeld(ctx, held); err != nil {
		return err
	}
	return run.doubt(ctx, absent, linked)
}

// heldMatch reports whether the contact's match waits for a person.
func heldMatch(p store.Pair) bool {
	return p.Contact != nil && p.InScope && p.Link != nil && p.Link.Status == store.StatusHeld && p.Link.MetaKockaID == "" && p.Deletion == ""
}

// judgeHeld matches held contacts anew, as the first match of all does: one that is
// clear by now has no reason to wait.
func (run *checkRun) judgeHeld(ctx context.Context, held []store.Pair) error {
	if len(held) == 0 {
		return nil
	}
	plan, err := run.matcher.Fresh(ctx)
	if err != nil {
		return err
	}
	for _, p := range held {
		d, planned := plan.Contact(p.ContactID)
		if planned && !syncer.Proposes(d, p.Link.Proposal) && (d.Verdict == match.VerdictLink || d.Verdict == match.VerdictCreate) {
			run.note(syncer.Finding{ContactID: p.ContactID, MappingID: p.Link.ID, Kind: syncer.FindingUnlinked})
		}
	}
	return nil
}

func (run *checkRun) count(p store.Pair) {
	if p.Contact != nil && p.InScope {
		run.rep.Contacts++
	}
	if p.Link != nil && p.Link.Status.Alive() {
		run.rep.Links++
	}
}

// judged notes what the sweep shows of a pair; false: the sweep lacks its partner.
func (run *checkRun) judged(p store.Pair) bool {
	f, err := run.reconciler.Judge(p, run.seen.swept)
	if err != nil {
		return false
	}
	run.note(f)
	return true
}

func (run *checkRun) note(f syncer.Finding) {
	if f.Kind != "" {
		run.findings = append(run.findings, f)
	}
}

// doubt asks by id for partners that the sweep did not bring.
func (run *checkRun) doubt(ctx context.Context, absent []store.Pair, linked int) error {
	tooMany := syncer.Unlikely(len(absent), linked)
	for _, p := range absent {
		f, err := run.reconciler.Judge(p, run.seen.ask(ctx))
		if err != nil {
			return err
		}
		if tooMany && f.Kind == syncer.FindingPartnerGone {
			return coded.Fail("refusal.unlikely_check", "{missing} of {linked} linked partners are missing in MetaKocka, which is unlikely: check the company and the key", len(absent), linked)
		}
		run.note(f)
	}
	return nil
}

// settle looks at the findings again, for as long as changes under way may
// bring them in order by themselves.
func (run *checkRun) settle(ctx context.Context) error {
	if !run.req.settle {
		return nil
	}
	deadline := time.Now().Add(run.cfg.Patience)
	for len(run.findings) > 0 && time.Now().Before(deadline) {
		if err := syncer.Pause(ctx, run.cfg.Look); err != nil {
			return err
		}
		if err := run.again(ctx); err != nil {
			return err
		}
	}
	return nil
}

// again judges the findings anew, page by page.
func (run *checkRun) again(ctx context.Context) error {
	old := run.findings
	run.findings = nil

	for len(old) > 0 {
		n := min(checkPage, len(old))
		var ids []string
		for _, f := range old[:n] {
			ids = append(ids, f.ContactID)
		}
		old = old[n:]

		pairs, err := run.store.PairsOf(ctx, ids)
		if err != nil {
			return err
		}

		var held []store.Pair
		for _, p := range pairs {
			if heldMatch(p) {
				held = append(held, p)
			}
			if err := run.judgeAgain(ctx, p); err != nil {
				return err
			}
		}

		if err := run.judgeHeld(ctx, held); err != nil {
			return err
		}
	}
	return nil
}

// judgeAgain asks for the partner where the pair is still not in order: the
// sweep may have seen it before it was written.
func (run *checkRun) judgeAgain(ctx context.Context, p store.Pair) error {
	f, err := run.reconciler.Judge(p, run.seen.swept)
	if f.Kind == syncer.FindingDiffers || errors.Is(err, syncer.ErrAbsent) {
		f, err = run.reconciler.Judge(p, run.seen.ask(ctx))
	}
	if err != nil {
		return err
	}
	run.note(f)
	return nil
}

// sighting is every partner as one fresh sweep saw it.
type sighting struct {
	erp      syncer.Reader
	partners map[string]metakocka.Partner
}

// swept gives what the sweep brought.
func (s *sighting) swept(id string) (metakocka.Partner, error) {
	if p, ok := s.partners[id]; ok {
		return p, nil
	}
	return metakocka.Partner{}, syncer.ErrAbsent
}

// ask gives the partner as MetaKocka has it now, and remembers it.
func (s *sighting) ask(ctx context.Context) func(id string) (metakocka.Partner, error) {
	return func(id string) (metakocka.Partner, error) {
		p, err := s.erp.Get(ctx, id)
		if err == nil {
			s.partners[id] = p
		}
		return p, syncer.AboutAll(err)
	}
}
