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

// What contacts are searched by is stored with their links, folded, in the transaction that
// stores the link, and goes with the person. Contacts without a link are read from the
// CRM's table when somebody searches: nothing of theirs is stored.

// searchedSQL stores the words ($2) of contact $1.
const searchedSQL = `
	INSERT INTO mksync_search AS s (link_id, contact_id, words)
	SELECT id, contact_id, $2 FROM metakocka_contact_mappings WHERE contact_id = $1
	ON CONFLICT (link_id) DO UPDATE SET contact_id = excluded.contact_id, words = excluded.words
		WHERE s.words <> excluded.words OR s.contact_id <> excluded.contact_id`

const unsearchedSQL = `DELETE FROM mksync_search WHERE contact_id = $1`

// movedSearchSQL lets the words go with a link that went to contact $1.
const movedSearchSQL = `UPDATE mksync_search s SET contact_id = m.contact_id FROM metakocka_contact_mappings m
	WHERE m.id = s.link_id AND m.contact_id = $1`

// queueSearched stores what a link's contact is searched by; nothing of one that is gone.
func queueSearched(b *pgx.Batch, l *store.Link, contact mapping.Contact, gone bool) {
	if gone || l.Status == store.StatusDeleted {
		b.Queue(unsearchedSQL, l.ContactID)
		return
	}
	b.Queue(searchedSQL, l.ContactID, wordsOf(l, contact))
}

// read is the contact as it is in its table, as far as the session knows.
func (s *Session) read() mapping.Contact {
	if s.raw == nil {
		return mapping.Contact{}
	}
	return s.table.written(s.raw)
}

func wordsOf(l *store.Link, contact mapping.Contact) string {
	base := l.BaseOr(mapping.Base{})
	if contact == (mapping.Contact{}) {
		contact = base.CRM
	}
	return mapping.Searched([]string{l.ContactID, l.MetaKockaID}, contact, base.Partner)
}

// unfilledSQL are the links that nothing is stored for, of contacts behind $1.
func (c *contacts) unfilledSQL(after string) string {
	return fmt.Sprintf(`SELECT %s, %s FROM metakocka_contact_mappings AS m LEFT JOIN %s AS c ON c.%s = m.contact_id
		WHERE m.sync_status <> 'deleted' AND NOT EXISTS (SELECT FROM mksync_search s WHERE s.link_id = m.id) AND %s
		ORDER BY m.contact_id LIMIT %d`, linkColumns, c.selectList(), c.table, c.key.name, c.key.behind("m.contact_id", "$1", after), filledAtOnce)
}

// fillSQL is searchedSQL for who did not have the contact to itself meanwhile: what has been
// stored since is newer, and nothing comes back of who is gone.
const fillSQL = `
	INSERT INTO mksync_search (link_id, contact_id, words)
	SELECT id, contact_id, $2 FROM metakocka_contact_mappings WHERE id = $1::uuid AND sync_status <> 'deleted' FOR SHARE
	ON CONFLICT DO NOTHING`

const filledAtOnce = 1000

// FillSearch stores what contacts are searched by whose links an older version stored.
func (s *Store) FillSearch(ctx context.Context) error {
	_, err := s.TryAlone(ctx, "search", func(ctx context.Context) error {
		for after, more := "", true; more; {
			links, contacts, err := s.unfilled(ctx, after)
			if err != nil {
				return err
			}
			b := &pgx.Batch{}
			for i, l := range links {
				b.Queue(fillSQL, l.ID, wordsOf(&l, contacts[i]))
				after = l.ContactID
			}
			if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
				return fmt.Errorf("store what contacts are searched by: %w", err)
			}
			more = len(links) == filledAtOnce
		}
		return nil
	})
	return err
}

func (s *Store) unfilled(ctx context.Context, after string) (links []store.Link, contacts []mapping.Contact, err error) {
	t := s.table()
	rows, err := s.pool.Query(ctx, t.unfilledSQL(after), after)
	if err != nil {
		return nil, nil, s.stale(ctx, fmt.Errorf("read links: %w", err))
	}
	defer rows.Close()
	for rows.Next() {
		r, targets := newLinkRow()
		raw := make([]*string, len(t.read))
		if err := rows.Scan(append(targets, scanTargets(raw)...)...); err != nil {
			return nil, nil, fmt.Errorf("read links: %w", err)
		}
		links = append(links, *r.link())
		contacts = append(contacts, t.written(raw))
	}
	return links, contacts, s.stale(ctx, rows.Err())
}

// ListContacts lists contacts that have a link, by contact id.
func (s *Store) ListContacts(ctx context.Context, q store.ContactQuery) ([]store.ListedContact, error) {
	t := s.table()
	sql, args := t.listedSQL(q)
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("list contacts: %w", err))
	}
	found, err := pgx.CollectRows(rows, t.listed)
	if err != nil {
		return nil, s.stale(ctx, fmt.Errorf("list contacts: %w", err))
	}
	return found, nil
}

// listedSQL reads links with the names of both sides. $1 is what After is, then come the
// filter's arguments.
func (c *contacts) listedSQL(q store.ContactQuery) (string, []any) {
	args := append([]any{q.After}, c.args...)
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}

	from := "SELECT contact_id FROM metakocka_contact_mappings WHERE true"
	if q.Search.Asks() {
		from = c.foundSQL(q, arg)
	}
	if q.Status != "" {
		from = "SELECT contact_id FROM metakocka_contact_mappings WHERE contact_id IN (" + from + ") AND sync_status = " + arg(string(q.Status))
	}

	return fmt.Sprintf(`
		SELECT m.contact_id::text, m.id::text, coalesce(m.metakocka_id, ''), m.sync_status, m.last_synced_at, coalesce(m.last_error, ''), m.last_error_said, m.differing,
			c.%[1]s IS NOT NULL, coalesce(%[2]s, false), coalesce(p.name, ''), %[3]s
		FROM (SELECT contact_id FROM (%[4]s) f WHERE %[5]s ORDER BY contact_id LIMIT %[6]d) AS k
		JOIN metakocka_contact_mappings m ON m.contact_id = k.contact_id
		LEFT JOIN %[7]s AS c ON c.%[1]s = m.contact_id
		LEFT JOIN mksync_partners p ON p.metakocka_id = m.metakocka_id
		ORDER BY m.contact_id`,
		c.key.name, c.filter, c.selectList(), from, c.key.behind("contact_id", "$1", q.After), q.Limit, c.table), args
}

// foundSQL are the contacts with a link that a search finds: by their words, or by exactly
// the id or the partner's number.
func (c *contacts) foundSQL(q store.ContactQuery, arg func(any) string) string {
	patterns := make([]string, len(q.Search.Words))
	for i, word := range q.Search.Words {
		patterns[i] = "%" + word + "%"
	}
	var terms []string
	if len(patterns) > 0 {
		terms = append(terms, "words LIKE ALL ("+arg(patterns)+"::text[])")
	}
	if q.Search.Number != "" {
		terms = append(terms, "words LIKE "+arg("%"+q.Search.Number+"%"))
	}

	sql := "SELECT contact_id FROM mksync_search WHERE (" + strings.Join(terms, " OR ") + ") AND " + c.key.behind("contact_id", "$1", q.After)
	if q.Exact != "" {
		exact := arg(q.Exact)
		sql += " UNION SELECT contact_id FROM metakocka_contact_mappings WHERE metakocka_id = " + exact +
			" UNION SELECT m.contact_id FROM metakocka_contact_mappings m JOIN mksync_partners p ON p.metakocka_id = m.metakocka_id WHERE p.data->>'count_code' = " + exact
	}
	if q.Key != "" {
		sql += " UNION SELECT contact_id FROM metakocka_contact_mappings WHERE contact_id = " + c.key.value(arg(q.Key))
	}
	return sql
}

func (c *contacts) listed(row pgx.CollectableRow) (store.ListedContact, error) {
	var l store.ListedContact
	var syncedAt *time.Time
	var differing []string
	var lastError said
	raw := make([]*string, len(c.read))
	targets := []any{&l.ContactID, &l.LinkID, &l.MetaKockaID, &l.Status, &syncedAt, &lastError.words, &lastError.record, &differing, &l.Exists, &l.InScope, &l.PartnerName}
	if err := row.Scan(append(targets, scanTargets(raw)...)...); err != nil {
		return l, err
	}
	l.LastSyncedAt = deref(syncedAt)
	l.LastError = lastError.text()
	for _, f := range differing {
		l.Differing = append(l.Differing, mapping.Field(f))
	}
	called(&l, c.written(raw))
	return l, nil
}

// unlinkedAtOnce is how many contacts without a link are looked at in one statement.
const unlinkedAtOnce = 5000

// FindUnlinked lists contacts without a link that a search finds, by contact id: those of the
// CRM's table that are new, and those that the configured filter leaves out. Each is read.
func (s *Store) FindUnlinked(ctx context.Context, search mapping.Search, after string, limit int) ([]store.ListedContact, error) {
	t := s.table()
	var found []store.ListedContact
	for more := true; more && len(found) < limit; {
		rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT c.%[1]s::text, %[2]s, %[3]s FROM %[4]s AS c
			WHERE NOT EXISTS (SELECT FROM metakocka_contact_mappings m WHERE m.contact_id = c.%[1]s) AND %[5]s ORDER BY c.%[1]s LIMIT %[6]d`,
			t.key.name, t.filter, t.selectList(), t.table, t.key.behind("c."+t.key.name, "$1", after), unlinkedAtOnce), append([]any{after}, t.args...)...)
		if err != nil {
			return nil, s.stale(ctx, fmt.Errorf("search contacts: %w", err))
		}

		l := store.ListedContact{Exists: true}
		raw := make([]*string, len(t.read))
		read, err := pgx.ForEachRow(rows, append([]any{&l.ContactID, &l.InScope}, scanTargets(raw)...), func() error {
			after = l.ContactID
			if len(found) < limit && search.Finds(mapping.Searched([]string{l.ContactID}, t.asStored(raw))) {
				called(&l, t.written(raw))
				found = append(found, l)
			}
			return nil
		})
		if err != nil {
			return nil, s.stale(ctx, fmt.Errorf("search contacts: %w", err))
		}
		more = read.RowsAffected() == unlinkedAtOnce
	}
	return found, nil
}

func called(l *store.ListedContact, c mapping.Contact) {
	l.Name = c.Name
	l.CompanyName = c.CompanyName
}
