package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/pgstore"
	"github.com/crmmind/mksync/pgsession"
	"github.com/crmmind/mksync/syncer"
	"github.com/crmmind/mksync/syncer/event"
)

// Names of the findings about the database. Those between wal_level and
// max_replication_slots are the listener's own.
const (
	nameDatabase    = "database"
	nameConnection  = "database connection"
	nameEncryption  = "encryption"
	nameReplication = "replication right"
	nameWALLevel    = "wal_level"
	nameTable       = "contacts table"
	nameKey         = "key column"
	nameFields      = "contact fields"
	nameFilter      = "filter"
	nameRights      = "contacts rights"
	nameSecurity    = "row level security"
	nameNew         = "new contacts"
	nameUpdatedAt   = "last change"
	nameSchema      = "mksync's tables"
	nameReaders     = "other readers"
	nameOthers      = "other installations"
	nameOwnSchema   = "schema of its own"
	nameIdentity    = "database's identity"
	nameUnkept      = "fields not kept"
	nameFormer      = "former slot"
	nameMatches     = "first matches"
	nameAlerts      = "alerts"
)

// databaseTimeout bounds everything that is asked of the database.
const databaseTimeout = 45 * time.Second

const connectTimeout = 10 * time.Second

// listenerNames are our names for what the listener's check calls otherwise.
var listenerNames = map[string]string{"connection": nameConnection, "table": nameTable, "server": "server version"}

func checkDatabase(ctx context.Context, cfg Database) side {
	if !cfg.Skip.IsZero() {
		return side{findings: skipped(nameDatabase, cfg.Skip)}
	}

	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	where := serverOf(cfg.URL)
	found := unreachable(ctx, cfg.URL, where)
	if found == nil {
		found = checkListener(ctx, cfg)
	}

	var of event.Database
	if found[0].Status == OK {
		var content []Finding
		content, of = checkContent(ctx, cfg, &where)
		found = append(found, content...)
	} else {
		found = append(found, skipped("database content", noConnection)...)
	}

	where.noReplication = slices.ContainsFunc(found, func(f Finding) bool {
		return f.Name == nameReplication && strings.Contains(f.Detail, "startup parameter")
	})
	return side{findings: found, hints: where.hints(failures(found)), database: of}
}

// unreachable is a finding when no server answers; what a server answers is for
// the listener's check to judge.
func unreachable(ctx context.Context, url string, where server) []Finding {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := pgsession.Connect(ctx, url)
	if err == nil {
		_ = conn.Close(ctx)
		return nil
	}

	var (
		dns *net.DNSError
		op  *net.OpError
	)

	address := net.JoinHostPort(where.host, strconv.Itoa(int(where.port)))
	switch {
	case errors.As(err, &dns):
		return []Finding{fail(nameConnection, coded.Say("doctor.connection.host", "the host {host} is not known", where.host),
			coded.Say("doctor.connection.host_do", "correct MKSYNC_DATABASE_URL"))}
	case errors.As(err, &op):
		return []Finding{fail(nameConnection, coded.Say("doctor.connection.nobody", "no Postgres at {address}: {words}", address, op.Err),
			coded.Say("doctor.connection.nobody_do", "start it, or correct MKSYNC_DATABASE_URL"))}
	case errors.Is(err, context.DeadlineExceeded):
		return []Finding{fail(nameConnection, coded.Say("doctor.connection.silent", "{address} does not answer within {time}", address, connectTimeout),
			coded.Say("doctor.connection.silent_do", "correct MKSYNC_DATABASE_URL, or see that this machine may connect there (firewall)"))}
	default:
		return nil
	}
}

// checkListener asks the listener what it needs; the connection comes first.
func checkListener(ctx context.Context, cfg Database) []Finding {
	var found []Finding
	for _, f := range cdc.Check(ctx, cdc.Config{
		DatabaseURL: cfg.URL, Table: cfg.Table, KeyColumn: cfg.KeyColumn, Slot: cfg.Slot, Publication: cfg.Publication,
	}) {
		name := f.Name
		if ours, renamed := listenerNames[name]; renamed {
			name = ours
		}
		if f.OK {
			found = append(found, ok(name, f.Detail))
		} else {
			found = append(found, fail(name, f.Detail, f.Do))
		}
	}
	return found
}

// checkContent looks at the contacts table and at mksync's own tables, and whose events the
// streams are to hold.
func checkContent(ctx context.Context, cfg Database, where *server) ([]Finding, event.Database) {
	conn, err := pgsession.Connect(ctx, cfg.URL)
	if err != nil {
		return []Finding{fail(nameDatabase, coded.Of(err), coded.Say("doctor.do.again", "try again"))}, event.Database{}
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	contacts, err := checkContacts(ctx, conn, cfg)
	if err != nil {
		contacts = []Finding{unreadable(nameTable, err)}
	}
	schema, err := checkSchema(ctx, conn, cfg)
	if err != nil {
		schema = unreadable(nameSchema, err)
	}

	// Without the marks the host's name has to do.
	where.marks, _ = readMarks(ctx, conn)
	found := append(append(contacts, schema), checkReaders(ctx, conn, cfg.Installation.Schema)...)
	found = append(append(found, where.ownSchema(cfg)...), checkOthers(ctx, cfg)...)
	if schema.Status == OK {
		found = append(append(found, checkState(ctx, conn, cfg)...), checkUnkept(ctx, conn, cfg.Installation.Schema)...)
		found = append(found, checkMatches(ctx, conn, cfg)...)
	}
	found = append(found, checkAlerts(ctx, conn, cfg, schema.Status == OK)...)
	return found, identified(ctx, conn, cfg.Installation.Schema, schema.Status == OK)
}

// checkState looks at what the listener remembers: whether this is its database, and
// which slots it had.
func checkState(ctx context.Context, conn *pgx.Conn, cfg Database) []Finding {
	var state cdc.State
	found, err := pgstore.LoadStateOver(ctx, conn, cfg.Installation.Schema, event.ListenerStateKey, &state)
	if err != nil {
		return []Finding{unreadable(nameIdentity, err)}
	}
	if !found {
		return []Finding{ok(nameIdentity, coded.Say("doctor.identity.none", "no listener has worked on it yet"))}
	}
	var other *cdc.SetupError
	err = cdc.CheckDatabase(ctx, conn.PgConn(), cdc.Config{StateTable: pgstore.StateTable(cfg.Installation.Schema)}, state)
	switch {
	case errors.As(err, &other):
		return []Finding{fail(nameIdentity, other.What, other.Do)}
	case err != nil:
		return []Finding{unreadable(nameIdentity, err)}
	}
	return append([]Finding{ok(nameIdentity, coded.Say("doctor.identity.known", "the one that mksync knows"))}, formerSlots(ctx, conn, cfg, state)...)
}

// checkUnkept tells which fields the MetaKocka installation was found to drop.
func checkUnkept(ctx context.Context, conn *pgx.Conn, schema string) []Finding {
	var unkept syncer.Unkept
	if _, err := pgstore.LoadStateOver(ctx, conn, schema, syncer.UnkeptKey, &unkept); err != nil {
		return []Finding{unreadable(nameUnkept, err)}
	}
	fields := unkept.Fields()
	if len(fields) == 0 {
		return nil
	}
	return []Finding{note(nameUnkept, coded.Say("doctor.unkept.drops", "the MetaKocka installation drops what is sent to it: {fields}", fields),
		coded.Say("doctor.unkept.drops_do", "nothing has to be done: these fields stay in the CRM alone, and are tried again once a day"))}
}

// formerSlots are left behind by another MKSYNC_SLOT.
func formerSlots(ctx context.Context, conn *pgx.Conn, cfg Database, state cdc.State) (found []Finding) {
	rows, err := conn.Query(ctx, `SELECT slot_name, pg_size_pretty(coalesce(pg_current_wal_lsn() - restart_lsn, 0)) FROM pg_replication_slots
		WHERE (slot_name = ANY($1) OR slot_name = $2) AND slot_name <> $3 AND database = current_database()`, state.FormerSlots, state.Slot, cfg.Slot)
	if err != nil {
		return []Finding{unreadable(nameFormer, err)}
	}
	var name, kept string
	_, err = pgx.ForEachRow(rows, []any{&name, &kept}, func() error {
		found = append(found, note(nameFormer, coded.Say("doctor.former.keeps", "the slot {slot}, which mksync had under another MKSYNC_SLOT, keeps {size} of log", name, kept),
			coded.Say("doctor.former.keeps_do", "once mksync streams from slot {slot}: SELECT pg_drop_replication_slot('{former}')", cfg.Slot, name)))
		return nil
	})
	if err != nil {
		return []Finding{unreadable(nameFormer, err)}
	}
	return found
}

func unreadable(name string, err error) Finding {
	return fail(name, coded.Say("doctor.unreadable", "cannot be looked up: {words}", err),
		coded.Say("doctor.unreadable_do", "give the role the right that is missing, or try again"))
}

// noConnection is why what is behind a connection is not looked at.
var noConnection = coded.Say("doctor.no_connection", "there is no connection")

func serverOf(databaseURL string) server {
	pc, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return server{}
	}
	return server{host: pc.Host, port: pc.Port}
}

func readMarks(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `
		SELECT name FROM pg_settings WHERE name = ANY($1)
		UNION ALL SELECT rolname FROM pg_roles WHERE rolname = $2`,
		[]string{markRDS, markCloudSQL, markAzure, markNeon}, markSupabase)
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func failures(found []Finding) []string {
	var names []string
	for _, f := range found {
		if f.Status == Fail {
			names = append(names, f.Name)
		}
	}
	return names
}
