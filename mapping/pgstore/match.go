package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// MatchContacts pages through the contacts by id, each with where its link stands.
func (s *Store) MatchContacts(ctx context.Context, after string, limit int) ([]store.MatchContact, error) {
	t := s.table()
	rows, err := s.pool.Query(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY c.%s LIMIT %d",
		t.matchColumns(), t.matchTables(), t.key.behind("c."+t.key.name, "$1", after), t.key.name, limit), append([]any{after}, t.args...)...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read contacts: %w", err))
	}
	found, err := t.collectMatch(rows)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read contacts: %w", err))
	}
	return found, nil
}

// MatchPartners pages through the partners as last seen, without those that are
// missing, by id.
func (s *Store) MatchPartners(ctx context.Context, after string, limit int) ([]store.MatchPartner, error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		SELECT p.metakocka_id, p.name, p.data, coalesce(m.contact_id::text, ''), m.id IS NULL AND EXISTS (SELECT FROM metakocka_contact_mappings d WHERE d.metakocka_id = p.metakocka_id), p.parted
		FROM mksync_partners p
		LEFT JOIN metakocka_contact_mappings m ON m.metakocka_id = p.metakocka_id AND m.`+livingLink+`
		WHERE p.missing_since IS NULL AND p.metakocka_id > $1 ORDER BY p.metakocka_id LIMIT %d`, limit), after)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.MatchPartner, error) {
		var p store.MatchPartner
		err := row.Scan(&p.MetaKockaID, &p.Name, &p.Data, &p.Holder, &p.Former, &p.Parted)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return found, nil
}

// SeenParties pages through the partners as last seen, by id, without those that
// are missing and those that only tombstones name. Each partner's links are looked
// up by its id: a join of the tables would go through all links for every page.
func (s *Store) SeenParties(ctx context.Context, after string, limit int) ([]store.SeenParty, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT p.metakocka_id, p.data, coalesce(m.alive, false)
		FROM mksync_partners p
		CROSS JOIN LATERAL (SELECT bool_or(l.`+livingLink+`) AS alive
			FROM metakocka_contact_mappings l WHERE l.metakocka_id = p.metakocka_id) m
		WHERE p.missing_since IS NULL AND p.metakocka_id > $1 AND coalesce(m.alive, true)
		ORDER BY p.metakocka_id`+limitSQL(limit), after)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.SeenParty, error) {
		var p store.SeenParty
		err := row.Scan(&p.MetaKockaID, &p.Data, &p.Linked)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return found, nil
}

// Rivals waits until no other process matches a contact with one of the keys,
// keeps it so until the session ends, and reads what a first match needs, in one
// round trip. The intents come first: a creation that ends in between is seen
// among the partners.

// Rivals implements store.Session.
func (s *Session) Rivals(ctx context.Context, keys mapping.MatchKeys) (r store.Rivals, err error) {
	var names []string
	for _, name := range keys.All() {
		names = append(names, s.store.lockName(keyLock, name))
	}
	if len(names) == 0 {
		return r, nil
	}

	read := &store.Rivals{} // not r: what is read for who waits no longer goes nowhere
	err = s.lock.more(ctx, names, func(b *pgx.Batch) { s.queueRivals(b, keys, read) })
	if err != nil {
		return r, fmt.Errorf("match contact %s: %w", s.id, err)
	}
	return *read, nil
}

// queueRivals reads only what is mksync's own: the connection of all locks must not wait
// for somebody who alters the contacts table.
func (s *Session) queueRivals(b *pgx.Batch, keys mapping.MatchKeys, r *store.Rivals) {
	b.Queue(unresolvedSQL).Query(func(rows pgx.Rows) (err error) {
		r.Unresolved, err = collectLinks(rows)
		return err
	})
	b.Queue(observedSQL+matchObserved, keys.Names(), keys.ByName()).Query(func(rows pgx.Rows) (err error) {
		r.Seen, err = collectObserved(rows)
		return err
	})
	b.Queue(deniedSQL, s.id).Query(func(rows pgx.Rows) (err error) {
		r.Not, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
}
