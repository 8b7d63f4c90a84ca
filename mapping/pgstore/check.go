package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// pairsSQL joins the contact ids that keys gives (from $1) with all there is.
func (c *contacts) pairsSQL(keys string) string {
	return fmt.Sprintf(`
		SELECT k.id::text, c.%[1]s IS NOT NULL, coalesce(%[2]s, false), %[3]s, coalesce(d.side, ''), coalesce(hand.reason, ''), hand.at, coalesce(hand.by, ''), %[4]s
		FROM (%[5]s) AS k
		LEFT JOIN %[6]s AS c ON c.%[1]s = k.id
		LEFT JOIN metakocka_contact_mappings AS m ON m.contact_id = k.id
		LEFT JOIN mksync_deletions AS d ON d.link_id = m.id AND d.`+openDeletion+`
		LEFT JOIN mksync_left_out AS hand ON hand.contact_id = k.id
		ORDER BY k.id`, c.key.name, c.filter, c.selectList(), linkColumns, keys, c.table)
}

// Pairs pages through all contacts and all links, by contact id from after on.
func (s *Store) Pairs(ctx context.Context, after string, limit int) ([]store.Pair, error) {
	t := s.table()
	keys := fmt.Sprintf(`SELECT id FROM (
			(SELECT %[1]s AS id FROM %[2]s WHERE %[3]s ORDER BY 1 LIMIT %[5]d) UNION
			(SELECT contact_id FROM metakocka_contact_mappings WHERE %[4]s ORDER BY 1 LIMIT %[5]d)) AS u
		ORDER BY id LIMIT %[5]d`, t.key.name, t.table, t.key.behind(t.key.name, "$1", after), t.key.behind("contact_id", "$1", after), limit)
	return s.pairs(ctx, t, keys, after)
}

// PairsOf reads the pairs of some contacts again.
func (s *Store) PairsOf(ctx context.Context, contactIDs []string) ([]store.Pair, error) {
	t := s.table()
	return s.pairs(ctx, t, t.key.values("$1"), contactIDs)
}

func (s *Store) pairs(ctx context.Context, t *contacts, keys string, from any) ([]store.Pair, error) {
	rows, err := s.pool.Query(ctx, t.pairsSQL(keys), append([]any{from}, t.args...)...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("compare contacts and links: %w", err))
	}
	pairs, err := pgx.CollectRows(rows, t.pair)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("compare contacts and links: %w", err))
	}
	return pairs, nil
}

func (c *contacts) pair(row pgx.CollectableRow) (store.Pair, error) {
	var p store.Pair
	var exists bool
	raw := make([]*string, len(c.read))
	link, linkTargets := newLinkRow()
	var out store.LeftOut
	var outAt *time.Time

	targets := append([]any{&p.ContactID, &exists, &p.InScope}, scanTargets(raw)...)
	targets = append(targets, &p.Deletion, &out.Reason, &outAt, &out.By)
	if err := row.Scan(append(targets, linkTargets...)...); err != nil {
		return p, err
	}

	if outAt != nil {
		out.ContactID = p.ContactID
		out.At = *outAt
		p.LeftOut = &out
	}
	if exists {
		contact := c.contact(raw)
		p.Contact = &contact
	}

	p.Link = c.current(link)
	return p, nil
}

// Terms say which columns hold which fields, and which contacts are synced.
func (s *Store) Terms() string {
	t := s.table()
	return fmt.Sprint(t.table, " ", t.numbers(), " ", t.configured, " ", t.args)
}

// CheckState is what is remembered of full checks; zero before the first.
func (s *Store) CheckState(ctx context.Context) (c store.CheckState, err error) {
	_, err = s.LoadState(ctx, store.CheckStateKey, &c)
	return c, err
}

// SaveCheckState remembers a full check.
func (s *Store) SaveCheckState(ctx context.Context, c store.CheckState) error {
	return s.SaveState(ctx, store.CheckStateKey, c)
}

// LogPosition is where the database's log ends now.
func (s *Store) LogPosition(ctx context.Context) (lsn pglogrepl.LSN, err error) {
	if err := s.pool.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&lsn); err != nil {
		return 0, fmt.Errorf("read the log's position: %w", err)
	}
	return lsn, nil
}

// TruncateWaits tells whether the log that an unread slot keeps holds a TRUNCATE
// of a published table. It takes nothing from the slot.
func (s *Store) TruncateWaits(ctx context.Context, slot, publication string) (waits bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_logical_slot_peek_binary_changes($1, NULL, NULL,
		'proto_version', '1', 'publication_names', $2) WHERE get_byte(data, 0) = ascii('T'))`,
		slot, pgx.Identifier{publication}.Sanitize()).Scan(&waits)
	if err != nil {
		return false, fmt.Errorf("look into slot %s: %w", slot, err)
	}
	return waits, nil
}
