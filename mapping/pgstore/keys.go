package pgstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
)

// keysAtOnce is how many partners' keys are looked at in one statement.
const keysAtOnce = 500

// keyed is a partner and the keys it is stored with.
type keyed struct {
	ID   string
	Data []byte
	Keys []string
}

// RenewKeys stores the keys of all partners as they are made today, some hundred at a
// time; keysOf makes them of a partner as it was last seen. What is seen meanwhile
// stays, and so does a partner that cannot be read.
func (s *Store) RenewKeys(ctx context.Context, keysOf func(data []byte) (mapping.MatchKeys, error)) error {
	for after := ""; ; {
		rows, err := s.pool.Query(ctx, `SELECT metakocka_id, data, keys FROM mksync_partners
			WHERE metakocka_id > $1 ORDER BY metakocka_id LIMIT $2`, after, keysAtOnce)
		if err != nil {
			return fmt.Errorf("read partners' keys: %w", err)
		}
		page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[keyed])
		if err != nil {
			return fmt.Errorf("read partners' keys: %w", err)
		}

		b := &pgx.Batch{}
		for _, p := range page {
			keys, err := keysOf(p.Data)
			if all := keys.All(); err == nil && !slices.Equal(all, p.Keys) {
				b.Queue("UPDATE mksync_partners SET keys = $2 WHERE metakocka_id = $1 AND keys = $3", p.ID, all, p.Keys)
			}
		}
		if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("store partners' keys: %w", err)
		}
		if len(page) < keysAtOnce {
			return nil
		}
		after = page[len(page)-1].ID
	}
}
