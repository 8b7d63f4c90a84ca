package operations

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// DeadLetter is a key's events that could not be applied, as users see them.
type DeadLetter struct {
	ID          string    `json:"id"`
	Consumer    string    `json:"consumer"`
	ContactID   string    `json:"contactId,omitempty"`   // of a contact's events
	MetaKockaID string    `json:"metakockaId,omitempty"` // of a partner's
	Reason      string    `json:"reason"`
	Count       int       `json:"count"`
	Subject     string    `json:"subject"`
	Stream      string    `json:"stream"`
	Sequence    uint64    `json:"sequence"`
	StoredAt    time.Time `json:"storedAt"`
}

func deadLetterOf(l bus.DeadLetter) DeadLetter {
	dead := DeadLetter{
		ID: deadLetterID(l), Consumer: l.Consumer, Reason: l.Reason, Count: l.Count,
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
	if err := a.anyID("id", r.ID); err != nil {
		return dead, err
	}

	all, err := a.deadLetters.DeadLetters(ctx)
	if err != nil {
		return dead, err
	}

	keys, err := a.keysOf(ctx, r.ID)
	if err != nil {
		return dead, err
	}

	var found []bus.DeadLetter
	for _, l := range all {
		if keys[eventsOf{l.Stream, l.Key}] || deadLetterID(l) == r.ID {
			found = append(found, l)
		}
	}

	l, err := pick("dead letter", r.ID, found, deadLetterID, func(bus.DeadLetter) bool { return true })
	if err != nil {
		return dead, err
	}

	err = a.deadLetters.RetryDeadLetter(ctx, l.ID)
	if errors.Is(err, bus.ErrNotFound) {
		err = syncer.Errorf(syncer.CodeNotFound, "%s", err)
	}
	return deadLetterOf(l), err
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
