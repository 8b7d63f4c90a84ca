package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
)

// MatchContacts pages through the contacts the filter takes, by id, each with
// where its link stands.
func (s *Store) MatchContacts(ctx context.Context, after string, limit int) ([]mapping.MatchContact, error) {
	t := s.table()
	if after == "" {
		after = nilUUID
	}
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		SELECT c.%[1]s::text, coalesce(m.metakocka_id, ''), coalesce(m.sync_status, ''), m.intent IS NOT NULL, %[2]s
		FROM %[3]s AS c LEFT JOIN metakocka_contact_mappings m ON m.contact_id = c.%[1]s
		WHERE c.%[1]s > $1::uuid AND %[4]s ORDER BY c.%[1]s LIMIT %[5]d`,
		t.key, t.selectList(), t.table, t.filter, limit), append([]any{after}, t.args...)...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read contacts: %w", err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (mapping.MatchContact, error) {
		var c mapping.MatchContact
		raw := make([]*string, len(t.fields))
		err := row.Scan(append([]any{&c.ID, &c.MetaKockaID, &c.Status, &c.Unresolved}, scanTargets(raw)...)...)
		c.Contact = t.contact(raw)
		return c, err
	})
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("read contacts: %w", err))
	}
	return found, nil
}

// MatchPartners pages through the partners as last seen, without those that are
// missing, by id.
func (s *Store) MatchPartners(ctx context.Context, after string, limit int) ([]mapping.MatchPartner, error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		SELECT p.metakocka_id, p.name, p.tax_number, p.email,
			jsonb_path_query_array(p.data, 'lax $.partner_contact_list[*].email'),
			coalesce(m.contact_id::text, ''), m.id IS NULL AND EXISTS (SELECT FROM metakocka_contact_mappings d WHERE d.metakocka_id = p.metakocka_id)
		FROM mksync_partners p
		LEFT JOIN metakocka_contact_mappings m ON m.metakocka_id = p.metakocka_id AND m.sync_status NOT IN ('deleted', 'unlinked')
		WHERE p.missing_since IS NULL AND p.metakocka_id > $1 ORDER BY p.metakocka_id LIMIT %d`, limit), after)
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (mapping.MatchPartner, error) {
		var p mapping.MatchPartner
		err := row.Scan(&p.MetaKockaID, &p.Name, &p.TaxNumber, &p.Email, &p.Emails, &p.Holder, &p.Former)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read partners: %w", err)
	}
	return found, nil
}

// WithKeys calls use while no other process matches a contact that has one of
// the keys. The locks are taken in one order, so that two cannot wait for each
// other.
func (s *Session) WithKeys(ctx context.Context, keys []string, use func() error) error {
	if len(keys) == 0 {
		return use()
	}
	const each = `(hashtextextended('key:' || k, 0)) FROM (SELECT DISTINCT k FROM unnest($1::text[]) k ORDER BY k) s`
	if _, err := s.conn.Exec(ctx, "SELECT pg_advisory_lock"+each, keys); err != nil {
		_ = s.conn.Conn().Close(context.WithoutCancel(ctx)) // gives back those that were got
		return fmt.Errorf("lock the keys of contact %s: %w", s.id, err)
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		if _, err := s.conn.Exec(bounded, "SELECT pg_advisory_unlock"+each, keys); err != nil {
			_ = s.conn.Conn().Close(bounded)
		}
	}()
	return use()
}
