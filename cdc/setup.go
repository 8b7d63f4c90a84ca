package cdc

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// minVersion is the oldest Postgres whose catalogs have what is asked for here.
const minVersion = 130000

// facts are what the catalogs say about everything the listener needs.
type facts struct {
	server serverFacts
	table  tableFacts
	pub    publicationFacts
	slot   slotFacts
}

type serverFacts struct {
	walLevel   string
	standby    bool
	version    int
	slotsMax   int
	slotsUsed  int
	role       string
	database   string
	mayPublish bool // may create objects in the database
}

type tableFacts struct {
	found      bool
	oid        uint32
	identity   string // relreplident: d, n, f, i
	selectable bool
	owned      bool
	hasKey     bool
	keyInIdent bool // the replica identity's index holds the key column
}

type publicationFacts struct {
	found    bool
	complete bool // publishes all four operations
	hasTable bool
	owned    bool
	lostIt   bool // it held the table once, and this role may add it again
	// rows names the catalog's rows by which the table is published; whatever is
	// changed and changed back leaves others. Empty: the table is not published.
	rows string
}

type slotFacts struct {
	found     bool
	plugin    string
	database  string
	active    bool
	lost      bool
	confirmed LSN
}

func loadFacts(ctx context.Context, conn *pgconn.PgConn, cfg Config) (facts, error) {
	var f facts
	for _, load := range []func() error{
		func() (err error) { f.server, err = loadServer(ctx, conn); return err },
		func() (err error) { f.table, err = loadTable(ctx, conn, cfg); return err },
		func() (err error) { f.pub, err = loadPublication(ctx, conn, cfg); return err },
		func() (err error) { f.slot, err = loadSlot(ctx, conn, cfg); return err },
	} {
		if err := load(); err != nil {
			return f, fmt.Errorf("read set-up of the database: %w", err)
		}
	}
	return f, nil
}

const serverQuery = `SELECT current_setting('wal_level'), pg_is_in_recovery(), current_setting('server_version_num'),
current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots),
current_user, current_database(), has_database_privilege(current_database(), 'CREATE')`

func loadServer(ctx context.Context, conn *pgconn.PgConn) (serverFacts, error) {
	r, err := execRow(ctx, conn, serverQuery)
	if err != nil {
		return serverFacts{}, err
	}
	f := serverFacts{walLevel: r[0], standby: r[1] == "t", role: r[5], database: r[6], mayPublish: r[7] == "t"}
	f.version, _ = strconv.Atoi(r[2])
	f.slotsMax, _ = strconv.Atoi(r[3])
	f.slotsUsed, _ = strconv.Atoi(r[4])
	return f, nil
}

const tableQuery = `SELECT c.oid, c.relreplident,
has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), pg_has_role(c.relowner, 'USAGE'),
a.attnum IS NOT NULL,
EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY(i.indkey::int2[])
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %s AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')`

func loadTable(ctx context.Context, conn *pgconn.PgConn, cfg Config) (tableFacts, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(tableQuery,
		quoteLiteral(cfg.KeyColumn), quoteLiteral(cfg.schema()), quoteLiteral(cfg.table())))
	if err != nil || len(rows) == 0 {
		return tableFacts{}, err
	}
	r := rows[0]
	oid, err := strconv.ParseUint(r[0], 10, 32)
	return tableFacts{
		found: true, oid: uint32(oid), identity: r[1],
		selectable: r[2] == "t", owned: r[3] == "t", hasKey: r[4] == "t", keyInIdent: r[5] == "t",
	}, err
}

// publicationQuery names a row of pg_publication with its xmin: ALTER PUBLICATION
// writes the row anew. A table is let in by itself, by a table of which it is a
// partition, or by its schema; older versions know no schemas in publications, so
// pg_depend is asked.
const publicationQuery = `WITH t AS (SELECT c.oid, c.relnamespace FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %[1]s AND c.relname = %[2]s),
own AS (SELECT oid FROM t UNION SELECT pg_partition_ancestors(oid)::oid FROM t)
SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate, pg_has_role(p.pubowner, 'USAGE'),
CASE WHEN EXISTS (SELECT 1 FROM pg_publication_tables v WHERE v.pubname = p.pubname AND v.schemaname = %[1]s AND v.tablename = %[2]s)
THEN concat_ws('/', p.oid, p.xmin, (SELECT string_agg(DISTINCT entry.objid::text, ',')
    FROM pg_depend entry JOIN pg_depend object USING (classid, objid)
    WHERE entry.refclassid = 'pg_publication'::regclass AND entry.refobjid = p.oid
    AND (object.refclassid = 'pg_class'::regclass AND object.refobjid IN (SELECT oid FROM own)
      OR object.refclassid = 'pg_namespace'::regclass AND object.refobjid IN (SELECT relnamespace FROM t)))) END
FROM pg_publication p WHERE p.pubname = %[3]s`

func loadPublication(ctx context.Context, conn *pgconn.PgConn, cfg Config) (publicationFacts, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(publicationQuery,
		quoteLiteral(cfg.schema()), quoteLiteral(cfg.table()), quoteLiteral(cfg.Publication)))
	if err != nil || len(rows) == 0 {
		return publicationFacts{}, err
	}
	r := rows[0]
	return publicationFacts{found: true, complete: r[0] == "t", owned: r[1] == "t", hasTable: r[2] != "", rows: r[2]}, nil
}

const slotQuery = `SELECT coalesce(plugin, slot_type), coalesce(database, ''), active, coalesce(wal_status, 'lost') = 'lost',
coalesce(confirmed_flush_lsn, '0/0') FROM pg_replication_slots WHERE slot_name = %s`

func loadSlot(ctx context.Context, conn *pgconn.PgConn, cfg Config) (slotFacts, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(slotQuery, quoteLiteral(cfg.Slot)))
	if err != nil || len(rows) == 0 {
		return slotFacts{}, err
	}
	r := rows[0]
	f := slotFacts{found: true, plugin: r[0], database: r[1], active: r[2] == "t", lost: r[3] == "t"}
	if err := f.confirmed.Scan(r[4]); err != nil {
		return slotFacts{}, fmt.Errorf("read confirmed LSN: %w", err)
	}
	return f, nil
}
