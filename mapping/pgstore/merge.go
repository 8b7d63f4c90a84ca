package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// Absorb merges the loser, a session of the same WithContacts, into this
// session's contact, in one transaction (invariants 17, 18): both contacts only when
// they still hold what Load read. It sets the record's id, the loser's row and
// what the table made of the winner.
// Errors: ErrContactChanged, *mapping.ContactRefusedError.
func (s *Session) Absorb(ctx context.Context, loser store.Session, m *store.ContactMerge, ch store.MergeChange) error {
	l, err := s.companion(loser)
	if err != nil {
		return err
	}

	err = s.store.change(ctx, s.lock, func(tx pgx.Tx) (err error) {
		if m.LoserRow, err = l.take(ctx, tx); err != nil {
			return err
		}
		if m.WinnerAfter, err = s.writeOrKeep(ctx, tx, ch); err != nil {
			return err
		}
		noted(ch.WinnerHistory, m.WinnerAfter, true)
		if err := saveLinks(ctx, tx, s.table, ch.Loser, ch.Winner); err != nil {
			return err
		}
		if err := noteMerge(ctx, tx, l.id, s.id, ch); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, wakeSQL, freed(m.LoserLink, ch.Loser), l.id); err != nil {
			return err
		}
		return addMerge(ctx, tx, m)
	})
	if err != nil {
		return fmt.Errorf("merge contact %s into %s: %w", l.id, s.id, err)
	}
	return nil
}

// Release takes a merge back, in one transaction: the loser's row is there again,
// the winner, only while it holds what Load read, has what it had, and so have
// the links. Errors: ErrContactChanged, *mapping.ContactRefusedError.
func (s *Session) Release(ctx context.Context, loser store.Session, m *store.ContactMerge, ch store.MergeChange) error {
	l, err := s.companion(loser)
	if err != nil {
		return err
	}

	err = s.store.change(ctx, s.lock, func(tx pgx.Tx) error {
		winner, err := s.writeOrKeep(ctx, tx, ch) // first: a value may be allowed once only
		if err != nil {
			return err
		}
		if err := l.putBack(ctx, tx, m.LoserRow); err != nil {
			return err
		}
		if err := saveLinks(ctx, tx, s.table, ch.Winner, ch.Loser); err != nil {
			return err
		}
		noted(ch.WinnerHistory, winner, true)
		if err := noteMerge(ctx, tx, l.id, s.id, ch); err != nil {
			return err
		}
		return closeMerge(ctx, tx, m)
	})
	if err != nil {
		return fmt.Errorf("take the merge of contact %s into %s back: %w", l.id, s.id, err)
	}
	return nil
}

// companion is the session of the other contact, under the same locks.
func (s *Session) companion(other store.Session) (*Session, error) {
	o, ok := other.(*Session)
	if !ok || o.lock != s.lock {
		return nil, errors.New("merge contacts: the two sessions are not of one WithContacts")
	}
	return o, nil
}

// take deletes the contact and returns its row.
func (s *Session) take(ctx context.Context, tx pgx.Tx) (row json.RawMessage, err error) {
	names, sql := s.table.takeSQL()
	err = tx.QueryRow(ctx, sql, append(s.readArgs(), names)...).Scan(&row)
	if err != nil {
		return nil, s.unlessChanged(ctx, tx, err, s.table.deleteRefusal)
	}
	return row, nil
}

// unchanged locks the contact and reports whether it holds what Load read.
func (s *Session) unchanged(ctx context.Context, tx pgx.Tx) (bool, error) {
	sql := fmt.Sprintf("SELECT FROM %s AS c WHERE %s FOR UPDATE", s.table.table, s.table.unchangedSQL(2))
	tag, err := tx.Exec(ctx, sql, s.readArgs()...)
	return tag.RowsAffected() > 0, err
}

// writeOrKeep writes the change's fields, or where there are none makes sure that
// the contact is as it was read.
func (s *Session) writeOrKeep(ctx context.Context, tx pgx.Tx, ch store.MergeChange) (mapping.Contact, error) {
	if len(ch.Fields) > 0 {
		return s.writeFields(ctx, tx, ch.Contact, ch.Fields)
	}
	return s.keep(ctx, tx)
}

// keep makes sure that the contact is as it was read, and stays so.
func (s *Session) keep(ctx context.Context, tx pgx.Tx) (mapping.Contact, error) {
	unchanged, err := s.unchanged(ctx, tx)
	if err == nil && !unchanged {
		err = store.ErrContactChanged
	}
	return s.table.contact(s.raw), err
}

// writeFields writes fields of the contact and returns what the table made of it.
func (s *Session) writeFields(ctx context.Context, tx pgx.Tx, c mapping.Contact, fields []mapping.Field) (stored mapping.Contact, err error) {
	settings, err := s.table.settings(c, fields, s.raw)
	switch {
	case err != nil:
		return stored, err
	case len(settings) == 0:
		return s.keep(ctx, tx)
	}

	sql, args := s.update(settings)
	raw := make([]*string, len(s.table.read))
	err = tx.QueryRow(ctx, sql, args...).Scan(scanTargets(raw)...)
	if err != nil {
		return stored, s.unlessChanged(ctx, tx, err, s.table.refusal)
	}
	return s.table.contact(raw), nil
}

// putBack inserts a row that take returned, with every column that there still
// is and that the database does not compute.
func (s *Session) putBack(ctx context.Context, tx pgx.Tx, row json.RawMessage) error {
	var values map[string]*string
	if err := json.Unmarshal(row, &values); err != nil {
		return fmt.Errorf("read the merged contact's row: %w", err)
	}

	// By the row's own columns, not by the fields: what mksync knows nothing of comes back as well.
	var names, casts []string
	var args []any
	for _, name := range slices.Sorted(maps.Keys(values)) {
		col, there := s.table.all[name]
		if !there || col.generated {
			continue
		}
		args = append(args, values[name])
		names = append(names, col.name)
		casts = append(casts, fmt.Sprintf("CAST($%d::text AS %s)", len(args), col.typ))
	}

	_, err := tx.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)",
		s.table.table, strings.Join(names, ", "), strings.Join(casts, ", ")), args...)
	if err != nil {
		return s.table.refusal(err)
	}
	return nil
}

// takeSQL is deleteSQL that returns the row: an object of all columns as text,
// which any type is read back from. The names are the last argument.
func (c *contacts) takeSQL() (names []string, sql string) {
	names = slices.Sorted(maps.Keys(c.all))
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = "c." + c.all[name].name + "::text"
	}
	return names, fmt.Sprintf("%s RETURNING jsonb_object($%d::text[], ARRAY[%s])", c.deleteSQL(), len(c.read)+2, strings.Join(texts, ", "))
}

// saveLinks stores links in their order: the one that gives a partner up first.
func saveLinks(ctx context.Context, tx pgx.Tx, t *contacts, links ...*store.Link) error {
	for _, l := range links {
		if l == nil {
			continue
		}
		b := &pgx.Batch{}
		b.Queue(saveLinkSQL, t.linkArgs(l)...)
		queueSearched(b, l, mapping.Contact{}, false)
		queueClosing(b, l)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return fmt.Errorf("store the link of contact %s: %w", l.ContactID, err)
		}
	}
	return nil
}

// noteMerge stores what the history says of the two contacts.
func noteMerge(ctx context.Context, tx pgx.Tx, loserID, winnerID string, ch store.MergeChange) error {
	b := &pgx.Batch{}
	queueHistory(b, &store.Link{ContactID: loserID}, ch.LoserHistory)
	queueHistory(b, &store.Link{ContactID: winnerID}, ch.WinnerHistory)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("store the history of contacts %s and %s: %w", loserID, winnerID, err)
	}
	return nil
}

// Hindrance tells what keeps the contact from being merged into the winner: what
// waits for a person, missing rights, and rows of other tables that refer to it,
// which the database would delete or cut off with it.
func (s *Session) Hindrance(ctx context.Context, winnerID string) (h store.Hindrance, err error) {
	t := s.table
	var mayDelete bool
	err = s.store.pool.QueryRow(ctx, fmt.Sprintf(`
		SELECT has_table_privilege(to_regclass($2), 'DELETE'),
			(SELECT count(*) FROM mksync_conflicts x JOIN metakocka_contact_mappings m ON m.id = x.link_id WHERE m.contact_id = $1 AND x.`+parkedConflict+`),
			(SELECT count(*) FROM mksync_deletions x JOIN metakocka_contact_mappings m ON m.id = x.link_id WHERE m.contact_id = $1 AND x.`+openDeletion+`),
			coalesce((SELECT array_agg(e.key ORDER BY e.key) FROM %[1]s l JOIN %[1]s w ON w.%[2]s = %[3]s, jsonb_each_text(to_jsonb(l)) e
				WHERE l.%[2]s = %[4]s AND coalesce(e.value, '') <> '' AND coalesce(to_jsonb(w)->>e.key, '') = '' AND NOT e.key = ANY($4)), '{}')`,
		t.table, t.key.name, t.key.value("$3"), t.key.value("$1")), s.id, t.table, winnerID, t.ownNames()).Scan(&mayDelete, &h.Conflicts, &h.Deletions, &h.Unknown)
	if err != nil {
		return h, fmt.Errorf("look at contact %s: %w", s.id, err)
	}
	h.MayNotDelete = !mayDelete
	h.Referrers, err = s.Referrers(ctx)
	return h, err
}

// ownNames are the columns of the canonical fields, and those that the database
// computes.
func (c *contacts) ownNames() []string {
	var names []string
	for name, col := range c.all {
		synced := slices.ContainsFunc(c.owned(), func(own column) bool { return own.name == col.name })
		if synced || col.generated {
			names = append(names, name)
		}
	}
	return names
}

// owned are the columns that fields are read from and written to.
func (c *contacts) owned() []column {
	own := slices.Clone(c.read)
	for _, p := range c.places {
		own = append(own, p.also...)
	}
	return own
}

// Referrers names the tables whose rows refer to the contact by a foreign key,
// and those that may not be looked into.
func (s *Session) Referrers(ctx context.Context) ([]string, error) {
	rows, err := s.store.pool.Query(ctx, `
		SELECT k.conrelid::regclass::text, string_agg(quote_ident(a.attname), '+' ORDER BY u.n),
			string_agg(format('r.%I = c.%I', a.attname, f.attname), ' AND ' ORDER BY u.n), has_table_privilege(k.conrelid, 'SELECT')
		FROM pg_constraint k, unnest(k.conkey, k.confkey) WITH ORDINALITY AS u (own, theirs, n), pg_attribute a, pg_attribute f
		WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = to_regclass($1)
			AND a.attrelid = k.conrelid AND a.attnum = u.own AND f.attrelid = k.confrelid AND f.attnum = u.theirs
		GROUP BY k.oid, k.conrelid ORDER BY 1, 2`, s.table.table)
	if err != nil {
		return nil, fmt.Errorf("look for what refers to contact %s: %w", s.id, err)
	}

	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[foreignKey])
	if err != nil {
		return nil, fmt.Errorf("look for what refers to contact %s: %w", s.id, err)
	}

	var found []string
	for _, k := range keys {
		if !k.Readable {
			found = append(found, k.String()+" (which mksync's role may not read)")
			continue
		}
		var refers bool
		err := s.store.pool.QueryRow(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM %s AS c JOIN %s AS r ON %s WHERE c.%s = %s)",
			s.table.table, k.Table, k.Joins, s.table.key.name, s.table.key.value("$1")), s.id).Scan(&refers)
		if err != nil {
			return nil, fmt.Errorf("look for what refers to contact %s in %s: %w", s.id, k.Table, err)
		}
		if refers {
			found = append(found, k.String())
		}
	}
	return found, nil
}

// foreignKey is what of a table names contacts: columns, joined by +, that are
// quoted, and the condition that joins a row r of it with the contact c.
type foreignKey struct {
	Table, Columns, Joins string
	Readable              bool
}

func (k foreignKey) String() string { return k.Table + "." + k.Columns }
