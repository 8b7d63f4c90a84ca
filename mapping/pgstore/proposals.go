package pgstore

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// First matches that wait for a person's approval: of contacts with their links, of
// partners that would become contacts in mksync_imports.

// xidOf is a transaction's number as Snapshot.Sees takes it.
func xidOf(text string) uint32 {
	n, _ := strconv.ParseUint(text, 10, 64)
	return uint32(n) //nolint:gosec // the low 32 bits are meant
}

// ProposeImport notes that a partner would become a contact. Noted again in the same
// version it stands as it stood.
func (s *Store) ProposeImport(ctx context.Context, metakockaID, version string) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO mksync_imports AS i (metakocka_id, version) VALUES ($1, $2)
		ON CONFLICT (metakocka_id) DO UPDATE SET version = excluded.version, at = excluded.at, xid = excluded.xid, link_id = NULL
		WHERE i.version <> excluded.version OR i.link_id IS NOT NULL`, metakockaID, version)
	if err != nil {
		return fmt.Errorf("store that partner %s waits for approval: %w", metakockaID, err)
	}
	return nil
}

// DropImport forgets that a partner would become a contact.
func (s *Store) DropImport(ctx context.Context, metakockaID string) error {
	if _, err := s.pool.Exec(ctx, dropImportSQL, metakockaID); err != nil {
		return fmt.Errorf("forget that partner %s waits for approval: %w", metakockaID, err)
	}
	return nil
}

// ContestImports lets partners not be imported as long as a contact waits that may be theirs.
func (s *Store) ContestImports(ctx context.Context, linkID string, metakockaIDs []string) error {
	if _, err := s.pool.Exec(ctx, "UPDATE mksync_imports SET link_id = $1 WHERE metakocka_id = ANY($2)", linkID, metakockaIDs); err != nil {
		return fmt.Errorf("keep partners from being imported that a contact may have: %w", err)
	}
	return nil
}

const dropImportSQL = "DELETE FROM mksync_imports WHERE metakocka_id = $1"

// queueNoImport lets a partner not wait for a contact of its own that a contact gets.
func queueNoImport(b *pgx.Batch, l *store.Link, first bool) {
	if first && l.MetaKockaID != "" {
		b.Queue(dropImportSQL, l.MetaKockaID)
	}
}

// ReleaseProposals has all contacts looked at again that wait for approval.
func (s *Store) ReleaseProposals(ctx context.Context) (n int64, err error) {
	done, err := s.pool.Exec(ctx, `UPDATE metakocka_contact_mappings SET sync_status = 'pending', updated_at = now() WHERE `+proposedMatch)
	if err != nil {
		return 0, fmt.Errorf("let first matches go on: %w", err)
	}
	return done.RowsAffected(), nil
}

// Proposals are the links of contacts whose first match waits for approval, by contact id.
func (s *Store) Proposals(ctx context.Context, q store.ProposalQuery) ([]store.Link, error) {
	key := s.table().key
	args := []any{q.After, string(q.Does)}
	terms := key.behind("m.contact_id", "$1", q.After) + " AND m.proposal->>'does' LIKE coalesce(nullif($2, ''), '%')"
	if q.Of != nil {
		terms += " AND m.contact_id IN (" + key.values("$3") + ")"
		args = append(args, q.Of)
	}
	rows, err := s.pool.Query(ctx, "SELECT "+linkColumns+" FROM metakocka_contact_mappings AS m WHERE "+proposedMatch+" AND "+terms+
		" ORDER BY m.contact_id"+limitSQL(q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read first matches: %w", err)
	}
	links, err := collectLinks(rows)
	if err != nil {
		return nil, fmt.Errorf("read first matches: %w", err)
	}
	return links, nil
}

// ProposedImports are the partners that would become contacts, by id.
func (s *Store) ProposedImports(ctx context.Context, q store.ProposalQuery) ([]store.ProposedImport, error) {
	terms, args := "i.metakocka_id > $1", []any{q.After}
	if q.Of != nil {
		terms += " AND i.metakocka_id = ANY($2)"
		args = append(args, q.Of)
	}
	rows, err := s.pool.Query(ctx, `SELECT i.metakocka_id, i.version, i.at, i.xid::text, p.data FROM mksync_imports i
		JOIN mksync_partners p USING (metakocka_id) WHERE `+proposedImport+" AND "+terms+" ORDER BY i.metakocka_id"+limitSQL(q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read partners that wait for approval: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (i store.ProposedImport, err error) {
		var xid string
		err = row.Scan(&i.MetaKockaID, &i.Version, &i.At, &xid, &i.Data)
		i.XID = xidOf(xid)
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("read partners that wait for approval: %w", err)
	}
	return found, nil
}

// CountProposals counts what waits for approval, and says what the count saw.
func (s *Store) CountProposals(ctx context.Context) (store.Proposals, error) {
	return countProposals(ctx, s.pool)
}

// CountProposalsOver is CountProposals over a connection that is no store's.
func CountProposalsOver(ctx context.Context, conn *pgx.Conn, schema string) (store.Proposals, error) {
	return countProposals(ctx, over(conn, schema))
}

func countProposals(ctx context.Context, on rowReader) (p store.Proposals, err error) {
	err = on.QueryRow(ctx, `SELECT pg_current_snapshot()::text,
		(SELECT coalesce(jsonb_object_agg(does, n), '{}') FROM (
			SELECT proposal->>'does' AS does, count(*) AS n FROM metakocka_contact_mappings WHERE `+proposedMatch+` GROUP BY 1
			UNION ALL SELECT 'import', count(*) FROM mksync_imports i WHERE `+proposedImport+`) AS c)`).Scan(&p.AsOf, &p.Counts)
	if err != nil {
		return p, fmt.Errorf("count first matches: %w", err)
	}
	return p, nil
}
