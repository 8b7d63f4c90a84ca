package pgstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// pairingsSQL joins the pairs of a list ($1, as JSON: [["contact", "partner"], …]) with all
// that is known of them. The list is one argument, because the filter's begin with $2.
func (c *contacts) pairingsSQL() string {
	return fmt.Sprintf(`
		SELECT c.%[1]s IS NOT NULL, c.%[1]s IS NOT NULL AND coalesce(%[2]s, false), coalesce(m.sync_status, ''),
			coalesce(CASE WHEN m.`+livingLink+` THEN m.metakocka_id END, ''), p.data, coalesce(h.contact_id::text, ''),
			EXISTS (SELECT FROM mksync_answers a WHERE a.contact_id = l.contact_id AND a.metakocka_id = l.metakocka_id), %[3]s
		FROM (SELECT %[5]s AS contact_id, pair->>1 AS metakocka_id, n
			FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS list (pair, n)) AS l
		LEFT JOIN %[4]s AS c ON c.%[1]s = l.contact_id
		LEFT JOIN metakocka_contact_mappings m ON m.contact_id = l.contact_id
		LEFT JOIN metakocka_contact_mappings h ON h.metakocka_id = l.metakocka_id AND h.`+livingLink+`
		LEFT JOIN mksync_partners p ON p.metakocka_id = l.metakocka_id AND p.missing_since IS NULL
		ORDER BY l.n`, c.key.name, c.filter, c.selectList(), c.table, c.key.value("(pair->>0)"))
}

// Pairings tell what is known of the pairs, in their order.
func (s *Store) Pairings(ctx context.Context, pairs [][2]string) ([]store.Pairing, error) {
	list, err := json.Marshal(pairs)
	if err != nil {
		return nil, fmt.Errorf("look pairs up: %w", err)
	}

	t := s.table()
	rows, err := s.pool.Query(ctx, t.pairingsSQL(), append([]any{string(list)}, t.args...)...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("look pairs up: %w", err))
	}

	n := 0
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Pairing, error) {
		p := store.Pairing{ContactID: pairs[n][0], MetaKockaID: pairs[n][1]}
		n++
		var there bool
		raw := make([]*string, len(t.read))
		err := row.Scan(append([]any{&there, &p.InScope, &p.Status, &p.LinkedTo, &p.Partner, &p.Holder, &p.Parted}, scanTargets(raw)...)...)
		if there {
			contact := t.contact(raw)
			p.Contact = &contact
		}
		return p, err
	})
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("look pairs up: %w", err))
	}
	return found, nil
}
