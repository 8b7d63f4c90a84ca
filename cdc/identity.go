package cdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
)

// identity tells one database from another, and from its copies. A copy of the files
// has the system's identifier, a restore to a point in time or a failover begins a
// timeline, a dump makes every table anew, and CREATE DATABASE … TEMPLATE the database.
type identity struct {
	systemID   string // empty: this role may not know
	timeline   int32  // 0: the server is a standby
	database   uint32
	stateTable uint32 // 0: Config names none
}

// identityQuery gives database, state table and timeline.
const identityQuery = `SELECT oid, coalesce(to_regclass(nullif(%s, ''))::oid, 0),
CASE WHEN pg_is_in_recovery() THEN '0' ELSE left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END
FROM pg_database WHERE datname = current_database()`

// readIdentity asks over any connection.
func readIdentity(ctx context.Context, conn *pgconn.PgConn, cfg Config) (id identity, err error) {
	r, err := execRow(ctx, conn, fmt.Sprintf(identityQuery, quoteLiteral(cfg.StateTable)))
	if err != nil {
		return id, fmt.Errorf("identify database: %w", err)
	}
	database, err := strconv.ParseUint(r[0], 10, 32)
	table, err2 := strconv.ParseUint(r[1], 10, 32)
	timeline, err3 := strconv.ParseInt(r[2], 16, 32)
	if err := errors.Join(err, err2, err3); err != nil {
		return id, fmt.Errorf("identify database: %w", err)
	}
	id = identity{database: uint32(database), stateTable: uint32(table), timeline: int32(timeline)}

	id.systemID, err = SystemID(ctx, conn)
	return id, err
}

// SystemID is the identifier of the database system that conn leads to; empty: this role
// may not know.
func SystemID(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	r, err := execRow(ctx, conn, "SELECT system_identifier FROM pg_control_system()")
	switch {
	case pgCode(err) == codeNoRight:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("identify system: %w", err)
	}
	return r[0], nil
}

func (s *session) identify(ctx context.Context) (err error) {
	if s.identity, err = readIdentity(ctx, s.conn, s.cfg); err != nil {
		return err
	}
	id, err := pglogrepl.IdentifySystem(ctx, s.conn)
	if err != nil {
		return fmt.Errorf("identify system: %w", err)
	}
	s.systemID = id.SystemID
	s.timeline = id.Timeline
	s.walEnd = id.XLogPos
	return nil
}

// CheckDatabase tells whether the database that conn leads to is the one that the
// listener's state belongs to. Whoever is about to work on the database asks, over
// each connection: links and bases of another one, or of another time, do not fit what
// MetaKocka holds. Errors: a *SetupError with ErrSystemChanged; ErrStandby.
func CheckDatabase(ctx context.Context, conn *pgconn.PgConn, cfg Config, s State) error {
	id, err := readIdentity(ctx, conn, cfg)
	if err != nil {
		return err
	}
	if id.timeline == 0 {
		return ErrStandby
	}
	return s.belongsTo(id)
}

// belongsTo compares what both know (invariant 13).
func (s State) belongsTo(id identity) error {
	var what coded.Text
	switch {
	case id.systemID != "" && s.SystemID != id.systemID:
		what = coded.Say("doctor.identity.system", "the database system is {system}, but the listener's state belongs to {known}", id.systemID, s.SystemID)
	case id.timeline != 0 && s.Timeline != id.timeline:
		what = coded.Say("doctor.identity.timeline", "the database is on timeline {timeline}, but the listener's state belongs to timeline {known} (a restore or a failover)", id.timeline, s.Timeline)
	case s.Database != 0 && s.Database != id.database:
		what = coded.Say("doctor.identity.number", "the database is number {number} of its server, but the listener's state belongs to number {known} (a dump was restored, or it is a copy)", id.database, s.Database)
	case s.StateTable != 0 && s.StateTable != id.stateTable:
		what = coded.Say("doctor.identity.tables", "mksync's tables are not the ones that the listener's state belongs to (a dump was restored: mksync_state is number {number}, not {known})", id.stateTable, s.StateTable)
	default:
		return nil
	}
	return systemChanged(what)
}

func systemChanged(what coded.Text) error {
	return &SetupError{
		What: what,
		Do: coded.Say("doctor.identity.do", "make sure that this is the right database; to go on with it run `mksync listener accept`: "+
			"the next start begins anew, with a snapshot and a full check"),
		Err: ErrSystemChanged,
	}
}

// StreamOfAnother says that a stream's newest event is of another system: two installations
// use it, each of which would get a part of the other's events (invariant 13).
func StreamOfAnother(of, systemID string) *SetupError {
	return &SetupError{
		What: coded.Say("doctor.streams.another", "the newest event in the stream is of the database system {other}, and this one is {system}: another installation uses the same streams, or did", of, systemID),
		Do: coded.Say("doctor.streams.another_do", "give each installation on one NATS server a name of its own (MKSYNC_INSTANCE); "+
			"where nobody but this one uses these streams any more, run `mksync listener accept`"),
		Err: ErrSystemChanged,
	}
}
