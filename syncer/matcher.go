package syncer

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/crmmind/mksync/mapping/match"
	"github.com/crmmind/mksync/mapping/store"
)

// Sides lists both sides for the first match, in pages; *pgstore.Store does.
type Sides interface {
	Snapshot(ctx context.Context) (store.Snapshot, error)
	MatchContacts(ctx context.Context, after string, limit int) ([]store.MatchContact, error)
	MatchPartners(ctx context.Context, after string, limit int) ([]store.MatchPartner, error)
}

// MatchPage is how many contacts or partners are read in one round trip.
const MatchPage = 1000

// planAge is how old a plan may become; one that took long to make, longer.
const (
	planAge   = 30 * time.Second
	planShare = 20 // of the time is spent on something else than planning
)

// Matcher makes plans for the first match and keeps the last one for a while.
// It is safe for use by many goroutines.
type Matcher struct {
	sides Sides

	turn  *semaphore.Weighted // of one: guards what follows, and lets one plan at a time be made
	last  *match.Plan
	until time.Time
}

// NewMatcher returns a ready Matcher.
func NewMatcher(sides Sides) *Matcher {
	return &Matcher{sides: sides, turn: semaphore.NewWeighted(1)}
}

// Plan is a recent plan.
func (m *Matcher) Plan(ctx context.Context) (*match.Plan, error) {
	if err := m.turn.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer m.turn.Release(1)
	if m.last != nil && time.Now().Before(m.until) {
		return m.last, nil
	}
	return m.make(ctx)
}

// Fresh is a plan that is made now.
func (m *Matcher) Fresh(ctx context.Context) (*match.Plan, error) {
	if err := m.turn.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer m.turn.Release(1)
	return m.make(ctx)
}

func (m *Matcher) make(ctx context.Context) (*match.Plan, error) {
	m.last = nil // not two at once in memory
	began := time.Now()
	since, err := m.sides.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	partners, err := m.partners(ctx)
	if err != nil {
		return nil, err
	}
	contacts, err := Pages(ctx, m.sides.MatchContacts, func(c store.MatchContact) string { return c.ID })
	if err != nil {
		return nil, err
	}
	m.last = match.NewPlan(contacts, partners)
	m.last.Since = since
	keep := max(planAge, planShare*time.Since(began))
	m.until = time.Now().Add(keep)
	time.AfterFunc(keep, m.expire)
	return m.last, nil
}

// partners are all partners as last seen; a page at a time is held as JSON.
func (m *Matcher) partners(ctx context.Context) (all []match.Partner, err error) {
	for after := ""; ; {
		page, err := m.sides.MatchPartners(ctx, after, MatchPage)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			seen, err := DecodeSeen(store.ObservedPartner{MetaKockaID: p.MetaKockaID, Data: p.Data})
			if err != nil {
				return nil, err
			}
			party := PartnerParty(seen)
			party.ID = p.MetaKockaID
			party.Parted = p.Parted
			all = append(all, match.Partner{Party: party, Name: p.Name, Holder: p.Holder, Former: p.Former})
			after = p.MetaKockaID
		}
		if len(page) < MatchPage {
			return all, nil
		}
	}
}

// expire lets go of a plan that is too old: it is as large as both sides together.
func (m *Matcher) expire() {
	if m.turn.Acquire(context.Background(), 1) != nil {
		return
	}
	defer m.turn.Release(1)
	if !time.Now().Before(m.until) {
		m.last = nil
	}
}

// Pages reads all pages, each behind the last one's end.
func Pages[T any](ctx context.Context, page func(context.Context, string, int) ([]T, error), key func(T) string) ([]T, error) {
	var all []T
	for after := ""; ; {
		found, err := page(ctx, after, MatchPage)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if len(found) < MatchPage {
			return all, nil
		}
		after = key(found[len(found)-1])
	}
}
