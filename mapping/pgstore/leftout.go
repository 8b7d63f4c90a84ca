package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// A contact that a person leaves out is to the sync what one outside the filter is:
// contacts.filter says so, which is all that anybody asks.

const (
	leaveOutSQL = `INSERT INTO mksync_left_out (contact_id, reason, by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	takeInSQL   = `DELETE FROM mksync_left_out WHERE contact_id = $1`
)

// restedSQL has nothing of contact $1 wait for a person, or be tried again, that is about who
// its partner is, or why it was refused.
const restedSQL = `UPDATE metakocka_contact_mappings SET sync_status = 'pending', last_error = NULL, last_error_said = NULL, held_keys = NULL, unclear_since = NULL, proposal = NULL, proposal_xid = NULL, retry_at = NULL, retries = 0,
	updated_at = now() WHERE contact_id = $1 AND (sync_status = 'error' OR ` + heldMatch + `)`

// leftOutSQL is true where a person leaves the contact of that key out.
func leftOutSQL(key string) string {
	return "EXISTS (SELECT FROM mksync_left_out hand WHERE hand.contact_id = " + key + ")"
}

// movedLeftOutSQL lets it go with a contact that got another id, from $1 to $2.
func (c *contacts) movedLeftOutSQL() string {
	return fmt.Sprintf(`UPDATE mksync_left_out SET contact_id = $2 WHERE contact_id = $1
		AND NOT EXISTS (SELECT FROM %s AS c WHERE c.%s = %s) AND NOT EXISTS (SELECT FROM mksync_left_out WHERE contact_id = $2)`,
		c.table, c.key.name, c.key.value("$1"))
}

// SetLeftOut leaves the contact out from now on; nil: not any more. Whoever is held for its
// sake, or for one of the keys that it freed, is looked at again.
func (s *Session) SetLeftOut(ctx context.Context, o *store.LeftOut, freed []string, told ...store.Entry) error {
	b := s.beginning()
	if o == nil {
		b.Queue(takeInSQL, s.id)
	} else {
		b.Queue(leaveOutSQL, s.id, o.Reason, nullText(o.By))
		b.Queue(restedSQL, s.id)
		b.Queue(wakeWaitingSQL, store.WaitFor(s.id), []string{})
		b.Queue(wakeSQL, freed, s.id)
	}
	queueHistory(b, &store.Link{ContactID: s.id}, told)
	b.Queue("COMMIT")

	err := s.store.pool.with(ctx, func(conn *ownConn) error {
		return rolledBack(ctx, conn, conn.SendBatch(ctx, b).Close())
	})
	if err != nil {
		return fmt.Errorf("store whether contact %s is left out: %w", s.id, err)
	}
	return nil
}

// LeftOut lists the contacts that a person leaves out, by id.
func (s *Store) LeftOut(ctx context.Context, q store.LeftOutQuery) ([]store.LeftOut, error) {
	key := s.table().key
	terms := key.behind("contact_id", "$1", q.After)
	args := []any{q.After}
	if q.Of != nil {
		terms += " AND contact_id IN (" + key.values("$2") + ")"
		args = append(args, q.Of)
	}
	rows, err := s.pool.Query(ctx, `SELECT contact_id::text, reason, at, coalesce(by, '') FROM mksync_left_out
		WHERE `+terms+` ORDER BY mksync_left_out.contact_id`+limitSQL(q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read contacts that are left out: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.LeftOut])
	if err != nil {
		return nil, fmt.Errorf("read contacts that are left out: %w", err)
	}
	return found, nil
}
