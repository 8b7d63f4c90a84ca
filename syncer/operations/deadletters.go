package operations

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// DeadLetter is a key's events that could not be applied, as users see them.
type DeadLetter struct {
	ID          string `json:"id"`
	Consumer    string `json:"consumer"`
	ContactID   string `json:"contactId,omitempty"`   // of a contact's events
	MetaKockaID string `json:"metakockaId,omitempty"` // of a partner's
	Reason      string `json:"reason"`
	// Said is the reason as a code with parameters.
	Said     coded.Text `json:"said,omitzero"`
	Count    int        `json:"count"`
	Subject  string     `json:"subject"`
	Stream   string     `json:"stream"`
	Sequence uint64     `json:"sequence"`
	StoredAt time.Time  `json:"storedAt"`
}

func deadLetterOf(l bus.DeadLetter) DeadLetter {
	dead := DeadLetter{
		ID: deadLetterID(l), Consumer: l.Consumer, Reason: l.Reason.String(), Said: said(l.Reason), Count: l.Count,
		Subject: l.Subject, Stream: l.Stream, Sequence: l.Seq, StoredAt: l.Time,
	}
	if l.Stream == bus.StreamPartners {
		dead.MetaKockaID = l.Key
	} else {
		dead.ContactID = l.Key
	}
	return dead
}

func deadLetterID(l bus.DeadLetter) string { return strconv.FormatUint(l.ID, 10) }

// DeadLetters lists the dead letters, oldest first.
func (a *API) DeadLetters(ctx context.Context, p Page) (List[DeadLetter], error) {
	limit, err := p.limit()
	if err != nil {
		return List[DeadLetter]{}, err
	}
	after, err := p.number()
	if err != nil {
		return List[DeadLetter]{}, err
	}
	all, err := a.deadLetters.DeadLetters(ctx)
	if err != nil {
		return List[DeadLetter]{}, err
	}
	for len(all) > 0 && all[0].ID <= uint64(after) { //nolint:gosec // not negative
		all = all[1:]
	}
	return listOf(all[:min(limit, len(all))], limit, deadLetterOf, deadLetterID), nil
}

// RetryDeadLetter redrives a dead letter: its consumer tries it again
// as soon as it runs; one that fails again becomes a new dead letter.
func (a *API) RetryDeadLetter(ctx context.Context, r EntryRequest) (dead DeadLetter, err error) {
	l, err := a.deadLetter(ctx, r.ID)
	if err != nil {
		return dead, err
	}
	return deadLetterOf(l), noLetter(l.ID, a.deadLetters.RetryDeadLetter(ctx, l.ID))
}

// DeadLetterGroupRequest chooses all dead letters that were put aside for one reason.
type DeadLetterGroupRequest struct {
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// DeadLetterGroup is what was done with a group.
type DeadLetterGroup struct {
	Retried int          `json:"retried"`
	Items   []DeadLetter `json:"items"`
}

// RetryDeadLetters redrives all dead letters of one reason. One that was replaced or removed
// meanwhile is left out.
func (a *API) RetryDeadLetters(ctx context.Context, r DeadLetterGroupRequest) (g DeadLetterGroup, err error) {
	g.Items = []DeadLetter{}
	if r.Reason == "" {
		return g, syncer.Refuse(syncer.CodeMalformed, "reason_missing", "reason: is missing")
	}

	all, err := a.deadLetters.DeadLetters(ctx)
	if err != nil {
		return g, err
	}

	for _, l := range all {
		if l.Reason.String() != r.Reason {
			continue
		}
		err := a.deadLetters.RetryDeadLetter(ctx, l.ID)
		switch {
		case errors.Is(err, bus.ErrNotFound):
			continue
		case err != nil:
			return g, err
		}
		g.Retried++
		g.Items = append(g.Items, deadLetterOf(l))
	}

	if g.Retried == 0 {
		return g, syncer.Refuse(syncer.CodeNotFound, "letter.none", "no dead letter has this reason")
	}
	return g, nil
}

// DiscardRequest throws a dead letter away, for a reason that a person gives.
type DiscardRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
	By     string `json:"by,omitempty"`
}

// DiscardDeadLetter throws a dead letter away: its events are not applied. What the contact
// and the partner differ in is seen with the next event of either.
func (a *API) DiscardDeadLetter(ctx context.Context, r DiscardRequest) (dead DeadLetter, err error) {
	if err := checkReason(r.Reason, true); err != nil {
		return dead, err
	}
	l, err := a.deadLetter(ctx, r.ID)
	if err != nil {
		return dead, err
	}
	dead = deadLetterOf(l)
	e := store.Entry{
		ContactID: dead.ContactID, MetaKockaID: dead.MetaKockaID, Act: store.ActDiscard, Note: r.Reason,
		Why: store.Why{Cause: store.BecausePerson, By: r.By, EventID: l.Header.Get(event.HeaderID)},
	}
	if _, err := a.contactID("id", dead.ContactID); err != nil {
		e.ContactID = "" // what is no contact's id has no history
	}

	// The row comes second: one that comes first tells of what may not be done.
	if err := a.deadLetters.DiscardDeadLetter(ctx, l.ID); err != nil {
		return dead, noLetter(l.ID, err)
	}
	return dead, a.records.Tell(context.WithoutCancel(ctx), e)
}

// noLetter is err, or that the dead letter is not there any more.
func noLetter(id uint64, err error) error {
	if errors.Is(err, bus.ErrNotFound) {
		return syncer.Refuse(syncer.CodeNotFound, "letter.none_such", "no such dead letter: {letter}", id)
	}
	return err
}

// deadLetter is the one that an id names: its own, or its mapping's, contact's or partner's.
func (a *API) deadLetter(ctx context.Context, id string) (l bus.DeadLetter, err error) {
	if err := a.anyID("id", id); err != nil {
		return l, err
	}
	all, err := a.deadLetters.DeadLetters(ctx)
	if err != nil {
		return l, err
	}
	keys, err := a.keysOf(ctx, id)
	if err != nil {
		return l, err
	}

	var found []bus.DeadLetter
	for _, l := range all {
		if keys[eventsOf{l.Stream, l.Key}] || deadLetterID(l) == id {
			found = append(found, l)
		}
	}
	return pick("dead letter", id, found, deadLetterID, func(bus.DeadLetter) bool { return true })
}

// keysOf are the keys of events that an id of a mapping, contact or partner stands for, by
// their stream: a contact may have a partner's id.
func (a *API) keysOf(ctx context.Context, id string) (map[eventsOf]bool, error) {
	keys := map[eventsOf]bool{{bus.StreamContacts, id}: true, {bus.StreamPartners, id}: true}
	queries := []store.LinkQuery{{MetaKockaID: id}}
	if u, err := checkUUID("id", id); err == nil {
		queries = append(queries, store.LinkQuery{ID: u})
	}
	if contact, err := a.contactID("id", id); err == nil {
		keys[eventsOf{bus.StreamContacts, contact}] = true
		queries = append(queries, store.LinkQuery{ContactID: contact})
	}

	for _, q := range queries {
		links, err := a.records.Links(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			keys[eventsOf{bus.StreamContacts, l.ContactID}] = true
			if l.MetaKockaID != "" {
				keys[eventsOf{bus.StreamPartners, l.MetaKockaID}] = true
			}
		}
	}
	return keys, nil
}

// eventsOf are the events of one contact or partner.
type eventsOf struct{ stream, key string }
