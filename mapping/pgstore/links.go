package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

const linkColumns = `m.id::text, m.contact_id::text, m.metakocka_id, m.metakocka_type, m.sync_status, m.last_synced_at, m.last_error, m.last_error_said,
	m.base, m.base_assumed, m.crm_changed_at, m.partner_observed_at, m.intent, m.overrides, m.differing, m.flags, m.held_keys,
	m.retry_at, m.retries, m.proposal, m.proposal_xid::text, m.created_at, m.created_by, m.updated_at, m.updated_by`

// saveLinkSQL keeps since when a match is unclear as long as it waits for one of the same keys.
const saveLinkSQL = `
	INSERT INTO metakocka_contact_mappings AS m (contact_id, metakocka_id, metakocka_type, sync_status, last_synced_at, last_error, last_error_said,
		base, base_assumed, crm_changed_at, partner_observed_at, intent, overrides, differing, created_by, updated_by, flags, held_keys,
		retry_at, retries, proposal, proposal_xid, unclear_since)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17, $18, $19, $20::jsonb, CASE WHEN $20::jsonb IS NOT NULL THEN pg_current_xact_id() END,
		CASE WHEN $17::text[] IS NOT NULL AND $20::jsonb IS NULL THEN now() END)
	ON CONFLICT (contact_id) DO UPDATE SET
		metakocka_id = excluded.metakocka_id, metakocka_type = excluded.metakocka_type, sync_status = excluded.sync_status,
		last_synced_at = excluded.last_synced_at, last_error = excluded.last_error, last_error_said = excluded.last_error_said, base = excluded.base,
		base_assumed = excluded.base_assumed, crm_changed_at = excluded.crm_changed_at,
		partner_observed_at = excluded.partner_observed_at, intent = excluded.intent, overrides = excluded.overrides,
		differing = excluded.differing, updated_at = now(), updated_by = excluded.updated_by,
		flags = excluded.flags, held_keys = excluded.held_keys, retry_at = excluded.retry_at, retries = excluded.retries,
		proposal = excluded.proposal, proposal_xid = CASE WHEN m.proposal = excluded.proposal THEN m.proposal_xid ELSE excluded.proposal_xid END,
		unclear_since = CASE WHEN excluded.unclear_since IS NOT NULL AND m.proposal IS NULL AND m.held_keys && excluded.held_keys
			THEN coalesce(m.unclear_since, m.updated_at) ELSE excluded.unclear_since END
	RETURNING m.id::text`

// storedBase is a base with the numbers of the columns that its fields were in then. A
// field whose column is gone, or is another one by now, was never agreed on: else an
// emptied column would be read as an edit, and empty MetaKocka.
type storedBase struct {
	mapping.Base
	Columns map[mapping.Field]columnNumbers `json:"columns,omitempty"`
}

// numbers are those of the synced fields' columns.
func (c *contacts) numbers() map[mapping.Field]columnNumbers {
	numbers := map[mapping.Field]columnNumbers{}
	for f, p := range c.places {
		numbers[f] = p.numbers()
	}
	return numbers
}

// current is the link with what of its base holds for the table as it is.
func (c *contacts) current(r *linkRow) *store.Link {
	l := r.link()
	if l == nil || l.Base == nil {
		return l
	}
	for _, f := range mapping.Fields() {
		p, there := c.places[f]
		if numbers, known := r.base.Columns[f]; !there || known && !slices.Equal(numbers, p.numbers()) {
			l.Base.Forget(f)
		}
	}
	return l
}

// StampBases notes in the bases that do not say which columns their fields are in that
// these are today's.
func (s *Store) StampBases(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `UPDATE metakocka_contact_mappings SET base = base || jsonb_build_object('columns', $1::jsonb)
		WHERE jsonb_typeof(base) = 'object' AND NOT base ? 'columns'`, s.table().numbers())
	if err != nil {
		return fmt.Errorf("note the columns of what was agreed on: %w", err)
	}
	return nil
}

func (c *contacts) linkArgs(l *store.Link) []any {
	var base *storedBase
	if l.Base != nil {
		base = &storedBase{*l.Base, c.numbers()}
	}
	typ := l.Type
	if typ == "" {
		typ = "partner"
	}
	return []any{
		l.ContactID, nullText(l.MetaKockaID), typ, string(l.Status), nullTime(l.LastSyncedAt), nullText(l.LastError.String()), l.LastError.Record(),
		base, l.BaseAssumed, nullTime(l.CRMChangedAt), nullTime(l.PartnerObservedAt), l.Intent, overrides(l.Overrides), fieldNames(l.Differing),
		nullText(l.UpdatedBy), l.Flags, l.HeldKeys, nullTime(l.RetryAt), l.Retries, l.Proposal,
	}
}

func fieldNames(fields []mapping.Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = string(f)
	}
	return names
}

func overrides(o map[mapping.Field]store.Decision) any {
	if len(o) == 0 {
		return nil
	}
	return o
}

// linkRow receives linkColumns; all are null when an outer join found no link.
type linkRow struct {
	id, contactID, partnerID, typ, status, createdBy, updatedBy    *string
	syncedAt, changedAt, observedAt, retryAt, createdAt, updatedAt *time.Time
	retries                                                        *int
	assumed                                                        *bool
	base                                                           *storedBase
	intent                                                         *store.Intent
	overrides                                                      map[mapping.Field]store.Decision
	differing, heldKeys                                            []string
	flags                                                          *store.Flags
	proposal                                                       *store.Proposal
	proposalXID                                                    *string
	lastError                                                      said
}

func newLinkRow() (*linkRow, []any) {
	r := &linkRow{}
	return r, []any{
		&r.id, &r.contactID, &r.partnerID, &r.typ, &r.status, &r.syncedAt, &r.lastError.words, &r.lastError.record,
		&r.base, &r.assumed, &r.changedAt, &r.observedAt, &r.intent, &r.overrides, &r.differing, &r.flags, &r.heldKeys,
		&r.retryAt, &r.retries, &r.proposal, &r.proposalXID, &r.createdAt, &r.createdBy, &r.updatedAt, &r.updatedBy,
	}
}

func (r *linkRow) link() *store.Link {
	if r.id == nil {
		return nil
	}
	l := &store.Link{
		ID: *r.id, ContactID: *r.contactID, MetaKockaID: text(r.partnerID), Type: text(r.typ),
		Status: store.Status(text(r.status)), LastSyncedAt: deref(r.syncedAt), LastError: r.lastError.text(),
		BaseAssumed: *r.assumed, CRMChangedAt: deref(r.changedAt), PartnerObservedAt: deref(r.observedAt),
		Intent: r.intent, Overrides: r.overrides, Flags: r.flags, HeldKeys: r.heldKeys,
		RetryAt: deref(r.retryAt), Retries: *r.retries,
		CreatedAt: deref(r.createdAt), CreatedBy: text(r.createdBy), UpdatedAt: deref(r.updatedAt), UpdatedBy: text(r.updatedBy),
	}

	if r.base != nil {
		l.Base = &r.base.Base
	}
	if l.Proposal = r.proposal; l.Proposal != nil {
		l.Proposal.XID = xidOf(text(r.proposalXID))
	}
	for _, f := range r.differing {
		l.Differing = append(l.Differing, mapping.Field(f))
	}
	return l
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Links lists links by contact id.
func (s *Store) Links(ctx context.Context, q store.LinkQuery) ([]store.Link, error) {
	where, args := linkTerms(q, s.table().key)
	sql := "SELECT " + linkColumns + " FROM metakocka_contact_mappings AS m WHERE " + where + " ORDER BY m.contact_id"
	if q.Limit > 0 {
		sql += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	links, err := collectLinks(rows)
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	return links, nil
}

func collectLinks(rows pgx.Rows) ([]store.Link, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Link, error) {
		r, targets := newLinkRow()
		if err := row.Scan(targets...); err != nil {
			return store.Link{}, err
		}
		return *r.link(), nil
	})
}

func linkTerms(q store.LinkQuery, key contactKey) (string, []any) {
	terms, args := []string{"true"}, []any{}
	add := func(term, value string) {
		if value != "" {
			args = append(args, value)
			terms = append(terms, fmt.Sprintf(term, len(args)))
		}
	}
	add("m.id = $%d::uuid", q.ID)
	add("m.contact_id = "+key.value("$%d"), q.ContactID)
	add("m.metakocka_id = $%d", q.MetaKockaID)
	add("m.sync_status = $%d", string(q.Status))
	if q.HeldMatch {
		terms = append(terms, unclearMatch)
	}
	add("m.contact_id > "+key.value("$%d"), q.After)
	return strings.Join(terms, " AND "), args
}

const (
	partnerLinkSQL = "SELECT " + linkColumns + ` FROM metakocka_contact_mappings AS m WHERE m.metakocka_id = $1
		ORDER BY m.` + tombstone + `, m.updated_at DESC LIMIT 1`
	unresolvedSQL = "SELECT " + linkColumns + " FROM metakocka_contact_mappings AS m WHERE m.intent IS NOT NULL ORDER BY m.contact_id"
)

// LinkByPartner finds the link that names the partner: the living one, else
// the newest tombstone; nil when no link does.
func (s *Store) LinkByPartner(ctx context.Context, metakockaID string) (*store.Link, error) {
	r, targets := newLinkRow()
	err := s.pool.QueryRow(ctx, partnerLinkSQL, metakockaID).Scan(targets...)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // no link is an answer, not an error
	}
	if err != nil {
		return nil, fmt.Errorf("read link of partner %s: %w", metakockaID, err)
	}
	return r.link(), nil
}

// LinkOrIntents finds the link that names the partner, as LinkByPartner, and the
// links that have an intent, in one round trip. The intents are read first: a
// creation that ends in between is seen as a link.
func (s *Store) LinkOrIntents(ctx context.Context, metakockaID string) (link *store.Link, unresolved []store.Link, err error) {
	b := &pgx.Batch{}
	b.Queue(unresolvedSQL).Query(func(rows pgx.Rows) error {
		unresolved, err = collectLinks(rows)
		return err
	})
	b.Queue(partnerLinkSQL, metakockaID).Query(func(rows pgx.Rows) error {
		found, err := collectLinks(rows)
		if err == nil && len(found) > 0 {
			link = &found[0]
		}
		return err
	})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, told(fmt.Errorf("read link of partner %s: %w", metakockaID, err))
	}
	return link, unresolved, nil
}

// Holders tells which contacts hold the partners with a living link.
func (s *Store) Holders(ctx context.Context, metakockaIDs []string) (map[string]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT metakocka_id, contact_id::text FROM metakocka_contact_mappings
		WHERE metakocka_id = ANY($1) AND `+livingLink, metakockaIDs)
	if err != nil {
		return nil, fmt.Errorf("read links of partners: %w", err)
	}
	holders := map[string]string{}
	var partner, contact string
	_, err = pgx.ForEachRow(rows, []any{&partner, &contact}, func() error {
		holders[partner] = contact
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read links of partners: %w", err)
	}
	return holders, nil
}

// MoveLink gives a contact's link to the id that the contact has now, unless the old id
// is there once more or the new one has a link. A tombstone stays with the old id.
func (s *Store) MoveLink(ctx context.Context, from, to string) error {
	both := []string{s.lockName(contactLock, from), s.lockName(contactLock, to)}
	return s.locked(ctx, handOver, both, func(lock *locks) error {
		t := s.table()
		b := &pgx.Batch{}
		lock.queueProof(b)
		b.Queue(fmt.Sprintf(`UPDATE metakocka_contact_mappings SET contact_id = $2, updated_at = now()
			WHERE contact_id = $1 AND sync_status <> 'deleted' AND NOT EXISTS (SELECT FROM %s AS c WHERE c.%s = %s)
			AND NOT EXISTS (SELECT FROM metakocka_contact_mappings WHERE contact_id = $2)`, t.table, t.key.name, t.key.value("$1")), from, to)
		b.Queue(movedAnswersSQL(t.key), from, to)
		b.Queue(movedHistorySQL, from, to)
		b.Queue(t.movedLeftOutSQL(), from, to)
		b.Queue(movedSearchSQL, to)
		if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("move the link of contact %s to %s: %w", from, to, err)
		}
		return nil
	})
}

// UnlinkedContacts finds contacts by a partner's keys that no living link holds, or that are
// left out, but those of which a person said that they are somebody else; twenty at most.
func (s *Store) UnlinkedContacts(ctx context.Context, metakockaID string, keys mapping.MatchKeys) ([]store.MatchContact, error) {
	t := s.table()
	sql, args := t.matchSQL(metakockaID, keys)
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("match contacts: %w", err))
	}
	found, err := t.collectMatch(rows)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("match contacts: %w", err))
	}
	return found, nil
}
