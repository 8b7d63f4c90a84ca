package cdc

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/pgsession"
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
	mayPublish bool   // may create objects in the database
	standbys   string // those that a commit waits for, as the server is told
	away       string // the slots of standbys that have to have everything first, and are away
}

type tableFacts struct {
	found       bool
	oid         uint32
	kind        string // relkind: r, p, v, m, f
	persistence string // relpersistence: p, u, t
	replident   string // relreplident: d, n, f, i
	children    bool   // other tables inherit from it, and are no partitions
	keyType     uint32 // 0: there is no such column
	selectable  bool
	owned       bool
	members
}

func (t tableFacts) partitioned() bool { return t.kind == "p" }

type publicationFacts struct {
	found    bool
	complete bool // publishes all four operations
	viaRoot  bool // publishes partitions under the name of their table
	hasTable bool
	owned    bool
	lostIt   bool     // it held the table once, and this role may add it again
	filtered bool     // it has a row filter for the table
	columns  []string // it has a list of columns for the table; nil: none
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
	failover  bool // standbys may have it, too
	confirmed LSN
	waits     *wait // it is being made, and waits for somebody
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

// serverQuery ends with the standbys that everything waits for and nobody uses.
const serverQuery = `SELECT current_setting('wal_level'), pg_is_in_recovery(), current_setting('server_version_num'),
current_setting('max_replication_slots'), (SELECT count(*) FROM pg_replication_slots),
current_user, current_database(), has_database_privilege(current_database(), 'CREATE'), current_setting('synchronous_standby_names'),
coalesce((SELECT string_agg(n, ', ') FROM unnest(` + pgsession.SynchronizedSlots + `) AS n
WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = n AND slot_type = 'physical' AND active AND wal_status IS DISTINCT FROM 'lost')), '')`

func loadServer(ctx context.Context, conn *pgconn.PgConn) (serverFacts, error) {
	r, err := execRow(ctx, conn, serverQuery)
	if err != nil {
		return serverFacts{}, err
	}
	f := serverFacts{walLevel: r[0], standby: r[1] == "t", role: r[5], database: r[6], mayPublish: r[7] == "t", standbys: r[8], away: r[9]}
	f.version, _ = strconv.Atoi(r[2])
	f.slotsMax, _ = strconv.Atoi(r[3])
	f.slotsUsed, _ = strconv.Atoi(r[4])
	return f, nil
}

const tableQuery = `SELECT c.oid, c.relkind, c.relpersistence,
c.relkind <> 'p' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid), coalesce(a.atttypid, 0),
has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), pg_has_role(c.relowner, 'USAGE'), c.relreplident
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %s AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

func loadTable(ctx context.Context, conn *pgconn.PgConn, cfg Config) (tableFacts, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(tableQuery,
		quoteLiteral(cfg.KeyColumn), quoteLiteral(cfg.schema()), quoteLiteral(cfg.table())))
	if err != nil || len(rows) == 0 {
		return tableFacts{}, err
	}
	r := rows[0]
	f := tableFacts{
		found: true, kind: r[1], persistence: r[2], children: r[3] == "t",
		selectable: r[5] == "t", owned: r[6] == "t", replident: r[7],
	}
	if f.oid, err = parseOID(r[0]); err != nil {
		return f, err
	}
	if f.keyType, err = parseOID(r[4]); err != nil {
		return f, err
	}
	f.members, err = loadMembers(ctx, conn, cfg, f.oid)
	return f, err
}

func parseOID(s string) (uint32, error) {
	oid, err := strconv.ParseUint(s, 10, 32)
	return uint32(oid), err
}

// publicationQuery names a row of pg_publication with its xmin: ALTER PUBLICATION
// writes the row anew. A table is let in by itself, by a table of which it is a
// partition, or by its schema; older versions know no schemas in publications, so
// pg_depend is asked.
//
// A row filter and a list of columns are known to newer versions only: the rows of
// the catalog are looked at as JSON, in which older ones just lack them.
const publicationQuery = `WITH t AS (SELECT c.oid, c.relnamespace FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %[1]s AND c.relname = %[2]s),
own AS (SELECT oid FROM t UNION SELECT pg_partition_ancestors(oid)::oid FROM t)
SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate, pg_has_role(p.pubowner, 'USAGE'),
CASE WHEN v IS NOT NULL
THEN concat_ws('/', p.oid, p.xmin, (SELECT string_agg(DISTINCT entry.objid::text, ',')
    FROM pg_depend entry JOIN pg_depend object USING (classid, objid)
    WHERE entry.refclassid = 'pg_publication'::regclass AND entry.refobjid = p.oid
    AND (object.refclassid = 'pg_class'::regclass AND object.refobjid IN (SELECT oid FROM own)
      OR object.refclassid = 'pg_namespace'::regclass AND object.refobjid IN (SELECT relnamespace FROM t)))) END,
p.pubviaroot, v->>'rowfilter' IS NOT NULL,
CASE WHEN EXISTS (SELECT FROM pg_publication_rel e WHERE e.prpubid = p.oid AND e.prrelid IN (SELECT oid FROM own) AND to_jsonb(e)->>'prattrs' IS NOT NULL)
THEN v->'attnames' END
FROM pg_publication p
LEFT JOIN LATERAL (SELECT to_jsonb(w) AS v FROM pg_publication_tables w
    WHERE w.pubname = p.pubname AND w.schemaname = %[1]s AND w.tablename = %[2]s LIMIT 1) AS listed ON true
WHERE p.pubname = %[3]s`

func loadPublication(ctx context.Context, conn *pgconn.PgConn, cfg Config) (publicationFacts, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(publicationQuery,
		quoteLiteral(cfg.schema()), quoteLiteral(cfg.table()), quoteLiteral(cfg.Publication)))
	if err != nil || len(rows) == 0 {
		return publicationFacts{}, err
	}
	r := rows[0]
	f := publicationFacts{
		found: true, complete: r[0] == "t", owned: r[1] == "t", hasTable: r[2] != "", rows: r[2],
		viaRoot: r[3] == "t", filtered: r[4] == "t",
	}
	if r[5] != "" {
		err = json.Unmarshal([]byte(r[5]), &f.columns)
	}
	return f, err
}

const slotQuery = `SELECT coalesce(plugin, slot_type), coalesce(database, ''), active, coalesce(wal_status, 'lost') = 'lost',
coalesce(confirmed_flush_lsn, '0/0'), CASE WHEN confirmed_flush_lsn IS NULL THEN active_pid END, coalesce(to_jsonb(s)->>'failover', 'false') FROM pg_replication_slots s WHERE slot_name = %s`

func loadSlot(ctx context.Context, conn *pgconn.PgConn, cfg Config) (slotFacts, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(slotQuery, quoteLiteral(cfg.Slot)))
	if err != nil || len(rows) == 0 {
		return slotFacts{}, err
	}
	r := rows[0]
	f := slotFacts{found: true, plugin: r[0], database: r[1], active: r[2] == "t", lost: r[3] == "t", failover: r[6] == "true"}
	if err := f.confirmed.Scan(r[4]); err != nil {
		return slotFacts{}, fmt.Errorf("read confirmed LSN: %w", err)
	}
	if maker := r[5]; maker != "" {
		f.waits, err = waitOf(ctx, conn, maker)
	}
	return f, err
}
