package pgstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// observeSQL keeps since when the partner is known as it is, when it is seen so again.
const observeSQL = `
	INSERT INTO mksync_partners AS p (metakocka_id, hash, name, tax_number, email, data, changed_after, keys)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (metakocka_id) DO UPDATE SET hash = excluded.hash, name = excluded.name, tax_number = excluded.tax_number,
		email = excluded.email, data = excluded.data, keys = excluded.keys, missing_since = NULL,
		changed_after = CASE WHEN p.hash IN (excluded.hash, 'lost:' || excluded.hash) THEN p.changed_after ELSE excluded.changed_after END,
		observed_at = CASE WHEN p.hash IN (excluded.hash, 'lost:' || excluded.hash) THEN p.observed_at ELSE clock_timestamp() END`

func observeArgs(p *store.ObservedPartner) []any {
	return []any{p.MetaKockaID, p.Hash, p.Name, p.TaxNumber, p.Email, p.Data, nullTime(p.ChangedAfter), p.Keys.All()}
}

// SeenPartners gives every partner that was ever seen, by id, and those that are
// linked and were not seen yet.
func (s *Store) SeenPartners(ctx context.Context) (map[string]store.SeenPartner, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT coalesce(p.metakocka_id, m.metakocka_id), coalesce(p.hash, ''),
			p.missing_since IS NOT NULL, m.metakocka_id IS NOT NULL, coalesce(m.held, false)
		FROM mksync_partners p
		FULL JOIN (SELECT l.metakocka_id, d.id IS NOT NULL AS held FROM metakocka_contact_mappings l
			LEFT JOIN mksync_deletions d ON d.link_id = l.id AND d.side = 'metakocka' AND d.`+openDeletion+`
			WHERE l.metakocka_id IS NOT NULL AND l.`+livingLink+`) m USING (metakocka_id)`)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}

	seen := map[string]store.SeenPartner{}
	var id string
	var row store.SeenPartner

	_, err = pgx.ForEachRow(rows, []any{&id, &row.Hash, &row.Missing, &row.Linked, &row.Held}, func() error {
		row.InPart = strings.Contains(row.Hash, keptInPart)
		row.Hash = strings.Replace(row.Hash, keptInPart, "", 1)
		seen[id] = row
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return seen, nil
}

// Observe stores partners as just seen. Those that the database cannot hold are kept
// in part, and their ids returned.
func (s *Store) Observe(ctx context.Context, partners []store.ObservedPartner) (inParts []string, err error) {
	err = observe(ctx, s.pool, partners...)
	if !unfit(err) {
		return nil, err
	}
	for _, p := range partners {
		err := observe(ctx, s.pool, p)
		if unfit(err) {
			inParts = append(inParts, p.MetaKockaID)
			if p, err = inPart(ctx, s.pool, p); err == nil {
				err = observe(ctx, s.pool, p)
			}
		}
		if err != nil {
			return inParts, err
		}
	}
	return inParts, nil
}

// observe stores partners, all or none of them.
func observe(ctx context.Context, db database, partners ...store.ObservedPartner) error {
	b := &pgx.Batch{}
	ids := make([]string, len(partners))
	for i := range partners {
		ids[i] = partners[i].MetaKockaID
	}
	b.Queue(wakeForSQL, ids) // by the keys that they may have no longer
	for i := range partners {
		b.Queue(observeSQL, observeArgs(&partners[i])...)
	}
	if err := db.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("store partners: %w", err)
	}
	return nil
}

// ForgetHashes makes every partner differ from what is stored of it until it is observed
// again: its event may be lost. When it changed stays known.
func (s *Store) ForgetHashes(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "UPDATE mksync_partners SET hash = 'lost:' || hash WHERE hash <> '' AND hash NOT LIKE 'lost:%'")
	if err != nil {
		return fmt.Errorf("forget partners' hashes: %w", err)
	}
	return nil
}

// ForeignNames are names of contacts and of partners seen before that have no
// Latin letter and no digit; the first thousand.
func (s *Store) ForeignNames(ctx context.Context) ([]string, error) {
	t := s.table()
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT DISTINCT name FROM (SELECT name FROM mksync_partners UNION ALL
			SELECT coalesce(nullif(%s, ''), %s) FROM %s AS c) n WHERE name <> '' AND name !~* '[a-zčšž0-9]' LIMIT 1000`,
		t.textOf(mapping.FieldCompanyName), t.textOf(mapping.FieldName), t.table))
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read names: %w", err))
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read names: %w", err))
	}
	return found, nil
}

const missingSQL = "UPDATE mksync_partners SET missing_since = coalesce(missing_since, clock_timestamp()) WHERE metakocka_id = ANY($1)"

// MarkMissing remembers that the partners were not found any more.
func (s *Store) MarkMissing(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	b.Queue(wakeForSQL, ids)
	b.Queue(missingSQL, ids)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("store missing partners: %w", err)
	}
	return nil
}

// MatchObserved finds partners as last seen by a contact's keys, those with its
// number or e-mail first; who has only its name is one of few.
func (s *Store) MatchObserved(ctx context.Context, keys mapping.MatchKeys) ([]store.ObservedPartner, error) {
	return s.observed(ctx, matchObserved, keys.Names(), keys.ByName())
}

const (
	observedSQL   = "SELECT metakocka_id, hash, name, tax_number, email, data, first_seen_at, observed_at FROM mksync_partners "
	matchObserved = `WHERE missing_since IS NULL AND keys && ($1::text[] || CASE WHEN (SELECT count(*) FROM (SELECT FROM mksync_partners
			WHERE missing_since IS NULL AND keys && $2::text[] LIMIT 21) n) <= 20 THEN $2::text[] ELSE '{}' END)
		ORDER BY keys && $1::text[] DESC, first_seen_at, metakocka_id LIMIT 40`
)

// Observed is a partner as last seen; nil: it never was, or is missing.
func (s *Store) Observed(ctx context.Context, metakockaID string) (*store.ObservedPartner, error) {
	found, err := s.observed(ctx, "WHERE missing_since IS NULL AND metakocka_id = $1", metakockaID)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// SeenBefore tells which of the partners were seen up to the one with a number.
func (s *Store) SeenBefore(ctx context.Context, ids []string, number int64) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, "SELECT metakocka_id FROM mksync_partners WHERE metakocka_id = ANY($1) AND number <= $2", ids, number)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	found := map[string]bool{}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { found[id] = true; return nil })
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return found, nil
}

func (s *Store) observed(ctx context.Context, where string, args ...any) ([]store.ObservedPartner, error) {
	rows, err := s.pool.Query(ctx, observedSQL+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	partners, err := collectObserved(rows)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return partners, nil
}

func collectObserved(rows pgx.Rows) ([]store.ObservedPartner, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.ObservedPartner, error) {
		var p store.ObservedPartner
		err := row.Scan(&p.MetaKockaID, &p.Hash, &p.Name, &p.TaxNumber, &p.Email, &p.Data, &p.FirstSeenAt, &p.ObservedAt)
		if strings.Contains(p.Hash, keptInPart) {
			p.Hash = "" // it is not as it is here
		}
		return p, err
	})
}

// Snapshot tells which transactions a read sees now.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	var text string
	if err := s.pool.QueryRow(ctx, "SELECT pg_current_snapshot()::text").Scan(&text); err != nil {
		return store.Snapshot{}, fmt.Errorf("read the database's snapshot: %w", err)
	}
	return store.ParseSnapshot(text)
}

// Now is the database's clock, which all stored times are by.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := s.pool.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return now, fmt.Errorf("read the database's clock: %w", err)
	}
	return now, nil
}

// PollState is what the poller remembers; zero before the first poll.
func (s *Store) PollState(ctx context.Context) (p store.PollState, err error) {
	_, err = s.LoadState(ctx, store.PollStateKey, &p)
	return p, err
}

// SavePollState remembers the poller's state.
func (s *Store) SavePollState(ctx context.Context, p store.PollState) error {
	return s.SaveState(ctx, store.PollStateKey, p)
}
