package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// supersededSQL closes a parked entry of field $2 that shows other values than are there
// now: a decision is about the values that were shown, and names them by the entry.
const supersededSQL = `
	UPDATE mksync_conflicts c SET status = 'resolved', closed_at = now() FROM metakocka_contact_mappings m
	WHERE m.contact_id = $1 AND c.link_id = m.id AND c.field = $2 AND c.` + parkedConflict + ` AND (c.crm_value, c.partner_value) <> ($3, $4)`

// lapsedSQL takes the winner from the newest decided entries of fields $2, which were
// decided on other values than there were.
const lapsedSQL = `
	UPDATE mksync_conflicts SET winner = '' WHERE id IN (SELECT max(c.id) FROM mksync_conflicts c
		JOIN metakocka_contact_mappings m ON m.id = c.link_id
		WHERE m.contact_id = $1 AND c.field = ANY($2) AND c.status = 'resolved' AND c.winner <> '' GROUP BY c.field)`

// conflictSQL adds to the journal; a field that is parked already with these values
// keeps its entry.
const conflictSQL = `
	INSERT INTO mksync_conflicts (link_id, metakocka_id, field, base_crm, base_partner, crm_value, partner_value,
		crm_changed_at, partner_after, partner_before, rule, winner, undecidable, status)
	SELECT m.id, m.metakocka_id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM metakocka_contact_mappings m WHERE m.contact_id = $1
	ON CONFLICT (link_id, field) WHERE ` + parkedConflict + ` DO UPDATE SET metakocka_id = excluded.metakocka_id, crm_changed_at = excluded.crm_changed_at,
		partner_after = excluded.partner_after, partner_before = excluded.partner_before`

func conflictArgs(c store.ConflictRecord) []any {
	return []any{
		string(c.Field), c.BaseCRM, c.BasePartner, c.CRM, c.Partner,
		nullTime(c.Times.CRM), nullTime(c.Times.PartnerAfter), nullTime(c.Times.PartnerBefore),
		string(c.Rule), string(c.Winner), c.Undecidable, string(c.Status),
	}
}

// closeJournalSQL closes what a stored link ($1 contact, $2 status, $3 the
// fields that differ) has settled: a parked field on which the sides agree by
// now, or whose link is a tombstone; the deletion of what is there again, and an
// approved one once its tombstone is stored.
var closeJournalSQL = []string{
	`UPDATE mksync_conflicts c SET status = 'resolved', closed_at = now() FROM metakocka_contact_mappings m
		WHERE m.contact_id = $1 AND c.link_id = m.id AND c.` + parkedConflict + ` AND ($2::text <> 'conflict' OR NOT c.field = ANY($3::text[]))`,
	`UPDATE mksync_deletions d SET closed_at = now(), status = CASE
			WHEN $2::text NOT IN ('deleted', 'unlinked') THEN 'void' WHEN d.status = 'held' THEN 'void' ELSE 'applied' END
		FROM metakocka_contact_mappings m WHERE m.contact_id = $1 AND d.link_id = m.id AND $3::text[] IS NOT NULL
			AND (d.` + openDeletion + ` OR d.status = 'applied' AND d.closed_at IS NULL AND $2::text IN ('deleted', 'unlinked'))`,
}

// queueClosing closes the link's open entries where its status says that they
// are settled.
func queueClosing(b *pgx.Batch, l *store.Link) {
	if l.Status == store.StatusDeleted {
		b.Queue(scrubSQL, l.ContactID)
	}
	switch l.Status {
	case store.StatusSynced, store.StatusPartial, store.StatusConflict, store.StatusDeleted, store.StatusUnlinked:
		for _, sql := range closeJournalSQL {
			b.Queue(sql, l.ContactID, string(l.Status), fieldNames(l.Differing))
		}
	case store.StatusPending, store.StatusError, store.StatusHeld:
	}
}

// ofSQL chooses a journal's entries %[1]s, joined with their link m, by any id:
// $1 number, $2 uuid, $3 text, $4 the contacts' key. Whose partner they are about is in %[2]s.
const ofSQL = `($3::text = '' OR %[1]s.id = $1::bigint OR m.id = $2::uuid OR m.contact_id = $4 OR %[2]s.metakocka_id = $3::text)`

// ofArgs reads an id as what it may be.
func (k contactKey) ofArgs(id string) []any {
	var link *string
	if u, err := uuid.Parse(id); err == nil {
		text := u.String()
		link = &text
	}
	return []any{entryNumber(id), link, id, k.given(id)}
}

// entryNumber is an id as the number of a journal's entry; nil: it is none.
func entryNumber(id string) *int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// given is an id as a contact's key; nil: it is none.
func (k contactKey) given(id string) *string {
	key, err := store.KeyType(k.typ).Canonical(id)
	if err != nil {
		return nil
	}
	return &key
}

func limitSQL(limit int) string {
	if limit <= 0 {
		return ""
	}
	return " LIMIT " + strconv.Itoa(limit)
}

// Conflicts lists the conflict journal, oldest first.
func (s *Store) Conflicts(ctx context.Context, q store.RecordQuery) ([]store.ConflictRecord, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT c.id, m.id::text, m.contact_id::text, coalesce(c.metakocka_id, ''), c.field, c.base_crm, c.base_partner, c.crm_value, c.partner_value,
			c.crm_changed_at, c.partner_after, c.partner_before, c.rule, c.winner, c.undecidable, c.status, c.created_at, c.closed_at, coalesce(c.closed_by, '')
		FROM mksync_conflicts c JOIN metakocka_contact_mappings m ON m.id = c.link_id
		WHERE `+fmt.Sprintf(ofSQL, "c", "c")+` AND c.id > $5 AND (NOT $6 OR `+waitingConflict+`) ORDER BY c.id`+limitSQL(q.Limit),
		append(s.table().key.ofArgs(q.Of), q.After, q.Open)...)
	if err != nil {
		return nil, fmt.Errorf("read conflicts: %w", err)
	}

	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.ConflictRecord, error) {
		var c store.ConflictRecord
		var changed, after, before, closed *time.Time
		err := row.Scan(&c.ID, &c.LinkID, &c.ContactID, &c.MetaKockaID, &c.Field, &c.BaseCRM, &c.BasePartner, &c.CRM, &c.Partner,
			&changed, &after, &before, &c.Rule, &c.Winner, &c.Undecidable, &c.Status, &c.CreatedAt, &closed, &c.ClosedBy)
		c.Times = mapping.Times{CRM: deref(changed), PartnerAfter: deref(after), PartnerBefore: deref(before)}
		c.ClosedAt = deref(closed)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("read conflicts: %w", err)
	}
	return found, nil
}

// DecideConflict closes a parked conflict with a person's decision and leaves
// the decision on the link, for the next reconcile to carry out where the values are as shown. It waits for a
// reconcile of the contact that runs. store.ErrNotOpen: it is not parked.
func (s *Store) DecideConflict(ctx context.Context, c store.ConflictRecord, take mapping.Side, by string) error {
	err := s.locked(ctx, handOver, []string{s.lockName(contactLock, c.ContactID)}, func(lock *locks) error {
		return s.change(ctx, lock, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `UPDATE mksync_conflicts SET status = 'resolved', winner = $2, closed_at = now(), closed_by = $3
				WHERE id = $1 AND `+parkedConflict, c.ID, string(take), nullText(by))
			if err == nil && tag.RowsAffected() == 0 {
				return store.ErrNotOpen
			}
			if err != nil {
				return err
			}

			_, err = tx.Exec(ctx, `UPDATE metakocka_contact_mappings SET updated_at = now(), updated_by = $4,
				overrides = coalesce(overrides, '{}') || jsonb_build_object($2::text, jsonb_build_object('take', $3::text, 'crm', $5::text, 'partner', $6::text))
				WHERE id = $1`,
				c.LinkID, string(c.Field), string(take), nullText(by), c.CRM, c.Partner)
			if err == nil {
				err = noteDecision(ctx, tx, c, take, by)
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("decide conflict %d: %w", c.ID, err)
	}
	return nil
}

// noteDecision adds a person's decision to the history.
func noteDecision(ctx context.Context, tx pgx.Tx, c store.ConflictRecord, take mapping.Side, by string) error {
	v := store.EntryField{Base: c.BaseCRM, CRM: c.CRM, MetaKocka: c.Partner, Reason: store.FieldDecided, Rule: c.Rule, Winner: take}
	if c.BasePartner != c.BaseCRM {
		v.BaseMetaKocka = &c.BasePartner
	}
	e := store.Entry{
		Act:    store.ActResolve,
		Why:    store.Why{Cause: store.BecausePerson, By: by},
		Fields: map[mapping.Field]store.EntryField{c.Field: v},
	}
	l := store.Link{ContactID: c.ContactID, MetaKockaID: c.MetaKockaID}
	_, err := tx.Exec(ctx, historySQL, entryArgs(&l, e)...)
	return err
}

// CloseUndone notes that a conflict's outcome was taken back.
func (s *Store) CloseUndone(ctx context.Context, id int64, by string) error {
	_, err := s.pool.Exec(ctx, "UPDATE mksync_conflicts SET status = 'undone', closed_at = now(), closed_by = $2 WHERE id = $1", id, nullText(by))
	if err != nil {
		return fmt.Errorf("close conflict %d: %w", id, err)
	}
	return nil
}

// Slot looks a replication slot up.
func (s *Store) Slot(ctx context.Context, name string) (slot store.Slot, err error) {
	err = s.pool.QueryRow(ctx, `
		SELECT true, active, coalesce(confirmed_flush_lsn::text, ''), greatest(pg_current_wal_lsn() - coalesce(confirmed_flush_lsn, restart_lsn), 0)::bigint,
			coalesce(greatest(pg_current_wal_lsn() - restart_lsn, 0), 0)::bigint, coalesce(wal_status, 'lost'), safe_wal_size
		FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()`, name).
		Scan(&slot.Found, &slot.Active, &slot.ConfirmedLSN, &slot.LagBytes, &slot.RetainedBytes, &slot.WALStatus, &slot.SafeBytes)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return slot, fmt.Errorf("look up slot %s: %w", name, err)
	}
	return slot, nil
}
