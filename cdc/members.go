package cdc

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// members are the table itself and its partitions: Postgres looks at each of them
// by itself when it writes the log, and when it lets a row of a published table be
// changed.
type members struct {
	flaw  string // of the table itself: one of the flaws below, or empty
	parts int    // partitions
	// part is the first partition that has a flaw, of so many.
	part     string
	partFlaw string
	flawed   int
	// identity holds the columns of all members' replica identities; wholeRow where
	// one is FULL.
	identity []string
	// layout names the catalog's rows by which the table has its partitions, and
	// the files these are in; empty: it has none. A TRUNCATE of a partition makes a
	// new file, as does what writes it anew.
	layout string
}

// What can be wrong with a member.
const (
	flawForeign    = "foreign"
	flawUnlogged   = "unlogged"
	flawIdentity   = "identity"   // no replica identity: a published table's rows may not be changed
	flawDeferrable = "deferrable" // likewise, though there is a primary key
	flawKey        = "key"        // one that does not hold the key
)

const wholeRow = "*"

// membersQuery locks nothing; pg_partition_tree, which would find the partitions as well, does.
// It takes for a replica identity what Postgres does (RelationGetIndexList there): not every
// unique index, and no columns of INCLUDE.
const membersQuery = `WITH RECURSIVE part AS (
    SELECT h.inhrelid AS relid FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent WHERE c.oid = %[1]d AND c.relkind = 'p'
    UNION SELECT h.inhrelid FROM part JOIN pg_inherits h ON h.inhparent = part.relid),
member AS (SELECT c.oid, format('%%I.%%I', n.nspname, c.relname) AS name, c.relkind, c.relpersistence, c.relreplident, i.*
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (SELECT x.indimmediate, x.indisvalid AND x.indisunique AND x.indpred IS NULL AS sound,
        ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY((x.indkey::int2[])[0:x.indnkeyatts - 1])) AS columns
        FROM pg_index x WHERE x.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident END) AS i ON true
    WHERE c.oid = %[1]d OR c.oid IN (SELECT relid FROM part) AND c.relkind <> 'p'),
judged AS (SELECT *, CASE WHEN relkind = 'f' THEN 'foreign' WHEN relpersistence <> 'p' THEN 'unlogged' WHEN relreplident = 'f' THEN ''
    WHEN sound IS NOT TRUE THEN 'identity' WHEN NOT indimmediate THEN 'deferrable' WHEN %[2]s <> ALL(columns) THEN 'key' ELSE '' END AS flaw FROM member),
bad AS (SELECT name, flaw, count(*) OVER () AS n FROM judged WHERE oid <> %[1]d AND flaw <> '' ORDER BY name LIMIT 1)
SELECT (SELECT flaw FROM judged WHERE oid = %[1]d), (SELECT count(*) FROM judged WHERE oid <> %[1]d), (SELECT name FROM bad), (SELECT flaw FROM bad), coalesce((SELECT n FROM bad), 0),
(SELECT jsonb_agg(DISTINCT col) FROM judged, unnest(CASE relreplident WHEN 'f' THEN ARRAY['*'] ELSE columns END) AS col),
CASE WHEN (SELECT relkind FROM judged WHERE oid = %[1]d) = 'p' THEN md5(coalesce((
    SELECT string_agg(concat_ws('/', h.inhrelid, h.xmin, c.relfilenode), ',' ORDER BY h.inhrelid)
    FROM part JOIN pg_inherits h ON h.inhrelid = relid JOIN pg_class c ON c.oid = relid), '')) END`

func loadMembers(ctx context.Context, conn *pgconn.PgConn, cfg Config, oid uint32) (m members, err error) {
	r, err := execRow(ctx, conn, fmt.Sprintf(membersQuery, oid, quoteLiteral(cfg.KeyColumn)))
	if err != nil {
		return m, err
	}
	m = members{flaw: r[0], part: r[2], partFlaw: r[3], layout: r[6]}
	if _, err := fmt.Sscan(r[1]+" "+r[4], &m.parts, &m.flawed); err != nil {
		return m, err
	}
	if r[5] != "" {
		err = json.Unmarshal([]byte(r[5]), &m.identity)
	}
	return m, err
}

// Layout is how the table is partitioned now, to be compared with State.Layout.
func Layout(ctx context.Context, cfg Config) (string, error) {
	cfg = cfg.withDefaults()
	conn, err := connect(ctx, cfg, false)
	if err != nil {
		return "", err
	}
	defer closeConn(conn)
	table, err := loadTable(ctx, conn, cfg)
	if err != nil {
		return "", fmt.Errorf("read the partitions of %s: %w", cfg.Table, err)
	}
	return table.layout, nil
}
