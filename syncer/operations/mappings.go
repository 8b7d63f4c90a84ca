package operations

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// Mapping is a link as users see it.
type Mapping struct {
	ID            string       `json:"id"`
	ContactID     string       `json:"contactId"`
	MetaKockaID   string       `json:"metakockaId"`
	MetaKockaType string       `json:"metakockaType"`
	SyncStatus    store.Status `json:"syncStatus"`
	LastSyncedAt  *time.Time   `json:"lastSyncedAt"`
	LastError     string       `json:"lastError"`
	// Said is the last error as a code with parameters.
	Said      coded.Text      `json:"said,omitzero"`
	Differing []mapping.Field `json:"differing,omitempty"`
	CreatedAt time.Time       `json:"createdAt"`
	CreatedBy string          `json:"createdBy,omitempty"`
	UpdatedAt time.Time       `json:"updatedAt"`
	UpdatedBy string          `json:"updatedBy,omitempty"`
	LeftOut   string          `json:"leftOut,omitempty"` // why a person leaves the contact out
}

func mappingOf(l store.Link) Mapping {
	return Mapping{
		ID: l.ID, ContactID: l.ContactID, MetaKockaID: l.MetaKockaID, MetaKockaType: l.Type, SyncStatus: l.Status,
		LastSyncedAt: known(l.LastSyncedAt), LastError: l.LastError.String(), Said: said(l.LastError), Differing: l.Differing,
		CreatedAt: l.CreatedAt, CreatedBy: l.CreatedBy, UpdatedAt: l.UpdatedAt, UpdatedBy: l.UpdatedBy,
	}
}

// MappingRequest names a mapping by its contact or by its partner.
type MappingRequest struct {
	ContactID   string `json:"contactId,omitempty"`
	MetaKockaID string `json:"metakockaId,omitempty"`
}

// Mapping looks one mapping up: of a partner the living one, else the newest
// tombstone.
func (a *API) Mapping(ctx context.Context, r MappingRequest) (m Mapping, err error) {
	switch {
	case (r.ContactID == "") == (r.MetaKockaID == ""):
		return m, syncer.Refuse(syncer.CodeMalformed, "request.mapping", "contactId or metakockaId: exactly one of them is needed")
	case r.MetaKockaID != "":
		if err := checkID("metakockaId", r.MetaKockaID); err != nil {
			return m, err
		}
		link, err := a.records.LinkByPartner(ctx, r.MetaKockaID)
		if err != nil || link == nil {
			return m, syncer.OrNotFound(err, "partner.without_mapping", "no mapping names partner {partner}", r.MetaKockaID)
		}
		return a.mappingOf(ctx, *link)
	}

	contactID, err := a.contactID("contactId", r.ContactID)
	if err != nil {
		return m, err
	}

	links, err := a.records.Links(ctx, store.LinkQuery{ContactID: contactID})
	if err != nil || len(links) == 0 {
		return m, syncer.OrNotFound(err, "contact.without_mapping", "contact {contact} has no mapping", contactID)
	}
	return a.mappingOf(ctx, links[0])
}

// MappingsRequest chooses mappings; empty fields choose all.
type MappingsRequest struct {
	ContactID   string       `json:"contactId,omitempty"`
	MetaKockaID string       `json:"metakockaId,omitempty"`
	Status      store.Status `json:"status,omitempty"`
	Page
}

func (r MappingsRequest) query(a *API) (q store.LinkQuery, err error) {
	q = store.LinkQuery{MetaKockaID: r.MetaKockaID}
	if r.ContactID != "" {
		if q.ContactID, err = a.contactID("contactId", r.ContactID); err != nil {
			return q, err
		}
	}

	if r.MetaKockaID != "" {
		if err := checkID("metakockaId", r.MetaKockaID); err != nil {
			return q, err
		}
	}

	if q.Status, err = checkStatus(r.Status); err != nil {
		return q, err
	}

	if r.After != "" {
		if q.After, err = a.contactID("after", r.After); err != nil {
			return q, err
		}
	}

	q.Limit, err = r.limit()
	return q, err
}

// checkStatus refuses what is no status of a mapping; empty: any.
func checkStatus(s store.Status) (store.Status, error) {
	if s != "" && !slices.Contains(store.Statuses(), s) {
		return "", syncer.Refuse(syncer.CodeMalformed, "request.status", "status: {status} is none of {known}", strconv.Quote(clip(string(s))), store.Statuses())
	}
	return s, nil
}

// Mappings lists mappings by contact id.
func (a *API) Mappings(ctx context.Context, r MappingsRequest) (List[Mapping], error) {
	q, err := r.query(a)
	if err != nil {
		return List[Mapping]{}, err
	}
	found, err := a.records.Links(ctx, q)
	l := listOf(found, q.Limit, mappingOf, func(l store.Link) string { return l.ContactID })
	if err != nil {
		return l, err
	}
	return l, a.noteLeftOut(ctx, l.Items)
}

func (a *API) mappingOf(ctx context.Context, l store.Link) (Mapping, error) {
	one := []Mapping{mappingOf(l)}
	err := a.noteLeftOut(ctx, one)
	return one[0], err
}

// noteLeftOut notes which of the mappings' contacts a person leaves out.
func (a *API) noteLeftOut(ctx context.Context, mappings []Mapping) error {
	ids := make([]string, len(mappings))
	for i, m := range mappings {
		ids[i] = m.ContactID
	}
	found, err := a.records.LeftOut(ctx, store.LeftOutQuery{Of: ids})
	reasons := map[string]string{}
	for _, o := range found {
		reasons[o.ContactID] = o.Reason
	}
	for i := range mappings {
		mappings[i].LeftOut = reasons[mappings[i].ContactID]
	}
	return err
}

// Partner is a partner as last seen, and the mapping that names it if one does.
type Partner struct {
	MetaKockaID   string       `json:"metakockaId"`
	Name          string       `json:"name"`
	TaxNumber     string       `json:"taxNumber"`
	Email         string       `json:"email"`
	ContactID     string       `json:"contactId,omitempty"`
	MappingID     string       `json:"mappingId,omitempty"`
	MappingStatus store.Status `json:"mappingStatus,omitempty"` // deleted, unlinked: no contact is linked any more
	FirstSeenAt   time.Time    `json:"firstSeenAt"`
	ObservedAt    time.Time    `json:"observedAt"`
}

func partnerOf(p store.ListedPartner) Partner {
	return Partner{
		MetaKockaID: p.MetaKockaID, Name: p.Name, TaxNumber: p.TaxNumber, Email: p.Email, ContactID: p.ContactID,
		MappingID: p.LinkID, MappingStatus: p.LinkStatus, FirstSeenAt: p.FirstSeenAt, ObservedAt: p.ObservedAt,
	}
}

// PartnersRequest chooses partners: all, or those no contact is linked with.
type PartnersRequest struct {
	Unsynced bool `json:"unsynced,omitempty"`
	Page
}

// Partners lists the partners that the last poll saw.
func (a *API) Partners(ctx context.Context, r PartnersRequest) (List[Partner], error) {
	limit, err := r.limit()
	if err == nil && r.After != "" {
		err = checkID("after", r.After)
	}
	if err != nil {
		return List[Partner]{}, err
	}
	found, err := a.records.ListPartners(ctx, store.PartnerQuery{Unsynced: r.Unsynced, After: r.After, Limit: limit})
	return listOf(found, limit, partnerOf, func(p store.ListedPartner) string { return p.MetaKockaID }), err
}

// Orphan is a mapping that has lost a side, and what pruning does with it.
type Orphan struct {
	ID          string           `json:"id"`
	ContactID   string           `json:"contactId"`
	MetaKockaID string           `json:"metakockaId"`
	SyncStatus  store.Status     `json:"syncStatus"`
	Kind        store.OrphanKind `json:"kind"`
	Pruning     string           `json:"pruning"` // hold, remove, none
}

func orphanOf(o store.Orphan) Orphan {
	return Orphan{o.LinkID, o.ContactID, o.MetaKockaID, o.Status, o.Kind, pruning[o.Kind]}
}

// pruning is what becomes of each kind: nothing that a person could miss is
// removed, and no deletion is applied without being approved.
var pruning = map[store.OrphanKind]string{
	store.OrphanContactGone: "hold",
	store.OrphanBothGone:    "remove",
	store.OrphanPartnerGone: "none",
}

// OrphansRequest asks for a page of the orphans.
type OrphansRequest struct{ Page }

// Orphans lists the mappings that have lost a side.
func (a *API) Orphans(ctx context.Context, r OrphansRequest) (l List[Orphan], err error) {
	limit, err := r.limit()
	if err != nil {
		return l, err
	}
	after := ""
	if r.After != "" {
		if after, err = a.contactID("after", r.After); err != nil {
			return l, err
		}
	}
	found, err := a.records.Orphans(ctx, after, limit)
	return listOf(found, limit, orphanOf, func(o store.Orphan) string { return o.ContactID }), err
}

// Pruned is what was done with the orphans.
type Pruned struct {
	Removed int64 `json:"removed"` // tombstones that guarded nothing
	Held    int64 `json:"held"`    // deletions that now wait for a person
}

// Prune removes tombstones whose contact and partner are both gone, and holds
// the deletion of links whose contact is gone.
func (a *API) Prune(ctx context.Context, _ Nothing) (p Pruned, err error) {
	who, _ := CallerOf(ctx)
	asked := store.Why{Cause: store.BecausePerson, By: who.Name}
	if p.Held, err = a.records.HoldAll(ctx, coded.Say("note.held.pruned", "the contact is gone and no deletion was seen"), asked); err != nil {
		return p, err
	}
	p.Removed, err = a.records.RemoveTombstones(ctx)
	return p, err
}
