package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// goneTwoSQL forgets the pairs of contact $1.
const goneTwoSQL = `DELETE FROM mksync_two_contacts WHERE $1 IN (contact_id, other_id)`

// twoSQL fills a statement: %[1]s is the table of such pairs, %[2]s the column of the first,
// named as in the history, %[3]s the type of both, and %[4]s true of the pair $1, $2 whatever
// its order.
func (s *Store) twoSQL(t store.Two, sql string) string {
	table, column, typ := "mksync_two_contacts", "contact_id", s.table().key.typ
	if t.Partners {
		table, column, typ = "mksync_two_partners", "metakocka_id", "varchar"
	}
	pair := fmt.Sprintf("(%[1]s, other_id) IN (($1::%[2]s, $2::%[2]s), ($2::%[2]s, $1::%[2]s))", column, typ)
	return fmt.Sprintf(sql, table, column, typ, pair)
}

// SayTwo remembers that two are two, and tells the history of it; said again, it does nothing.
func (s *Store) SayTwo(ctx context.Context, t store.Two, by string) error {
	_, err := s.pool.Exec(ctx, s.twoSQL(t, `
		WITH said AS (INSERT INTO %[1]s (%[2]s, other_id, by) SELECT $1::%[3]s, $2::%[3]s, $3
			WHERE NOT EXISTS (SELECT FROM %[1]s WHERE %[4]s) ON CONFLICT DO NOTHING RETURNING %[2]s AS id, other_id)
		INSERT INTO mksync_history (%[2]s, act, cause, by, note) SELECT id, 'not_same', 'person', $3, other_id::text FROM said`),
		t.ID, t.OtherID, nullText(by))
	if err != nil {
		return fmt.Errorf("remember that two are two: %w", err)
	}
	return nil
}

// ForgetTwo forgets it again; false: nobody had said so.
func (s *Store) ForgetTwo(ctx context.Context, t store.Two, by string) (was bool, err error) {
	err = s.pool.QueryRow(ctx, s.twoSQL(t, `
		WITH gone AS (DELETE FROM %[1]s WHERE %[4]s RETURNING %[2]s AS id, other_id)
		INSERT INTO mksync_history (%[2]s, act, cause, by, note) SELECT id, 'maybe_same', 'person', $3, other_id::text FROM gone RETURNING true`),
		t.ID, t.OtherID, nullText(by)).Scan(&was)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("forget that two are two: %w", err)
	}
	return was, nil
}

// SaidTwo lists those of which it was said.
func (s *Store) SaidTwo(ctx context.Context) ([]store.Two, error) {
	rows, err := s.pool.Query(ctx, `SELECT false, contact_id::text, other_id::text FROM mksync_two_contacts
		UNION ALL SELECT true, metakocka_id, other_id FROM mksync_two_partners`)
	if err != nil {
		return nil, fmt.Errorf("read which are two: %w", err)
	}
	said, err := pgx.CollectRows(rows, pgx.RowToStructByPos[store.Two])
	if err != nil {
		return nil, fmt.Errorf("read which are two: %w", err)
	}
	return said, nil
}

// forgetTwo forgets pairs of which one is gone.
func (s *Store) forgetTwo(ctx context.Context) error {
	t := s.table()
	for _, sql := range []string{
		fmt.Sprintf(`DELETE FROM mksync_two_contacts t WHERE (SELECT count(*) FROM %s AS c WHERE c.%s IN (t.contact_id, t.other_id)) < 2`, t.table, t.key),
		`DELETE FROM mksync_two_partners t
			WHERE (SELECT count(*) FROM mksync_partners p WHERE p.metakocka_id IN (t.metakocka_id, t.other_id) AND p.missing_since IS NULL) < 2`,
	} {
		if _, err := s.pool.Exec(ctx, sql); err != nil {
			return s.stale(ctx, fmt.Errorf("forget which are two: %w", err))
		}
	}
	return nil
}
