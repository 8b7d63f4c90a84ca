package cdc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/crmmind/mksync/coded"
)

// snapshot makes the slot, behind a publication, and publishes the table as it was
// at the slot's consistent point. It is recorded as done only when every row is
// durable; until then the next session begins it anew.
func (s *session) snapshot(ctx context.Context, reason error) error {
	s.setState(StateSnapshot)
	s.logSnapshot(ctx, reason)

	// Stored before anything is done: who is interrupted from here on begins with a snapshot again,
	// and still knows why.
	s.state.SnapshotDone = false
	s.state.TableReplaced = errors.Is(reason, ErrTableReplaced) || !isRepair(reason) && s.state.TableReplaced
	if !isRepair(reason) && s.state.SnapshotReason != "" {
		reason = fmt.Errorf("%s", s.state.SnapshotReason) //nolint:err113 // the reason of the one that was interrupted
	}
	s.state.SnapshotReason = reason.Error()
	s.state.Table = s.facts.table.oid
	s.state.Layout = s.facts.table.layout
	if err := s.save(ctx); err != nil {
		return err
	}

	// The publication before the slot: the slot decodes only what was published when it was made.
	if err := s.ensurePublication(ctx); err != nil {
		return err
	}
	s.state.Publication = s.facts.pub.rows
	slot, err := s.createSlot(ctx)
	if err != nil {
		return err
	}

	var point LSN
	if err := point.Scan(slot.ConsistentPoint); err != nil {
		return fmt.Errorf("read consistent point: %w", err)
	}
	if err := s.publishSnapshot(ctx, slot.SnapshotName, point); err != nil {
		return err
	}

	// Only what is durable may make the snapshot a finished one.
	if err := s.awaitDurable(ctx); err != nil {
		return err
	}
	return s.finishSnapshot(ctx, point)
}

func (s *session) logSnapshot(ctx context.Context, reason error) {
	if isRepair(reason) {
		s.log.WarnContext(ctx, "changes may have been missed: making a new slot and a snapshot", "reason", reason, "slot", s.cfg.Slot)
		return
	}
	s.log.InfoContext(ctx, "taking a snapshot", "reason", reason, "table", s.cfg.Table)
}

func (s *session) finishSnapshot(ctx context.Context, point LSN) error {
	s.state.SnapshotDone = true
	s.state.SnapshotPos = point
	s.state.Confirmed = point
	s.state.LastEvent = Position{}
	switch {
	case s.count > 0:
		s.state.LastEvent = s.newest
	case s.sinkIsOurs():
		s.state.LastEvent = s.last.Pos
	}
	s.newest = s.state.LastEvent
	s.missed = nil
	s.facts.slot = slotFacts{found: true, confirmed: point}
	s.log.InfoContext(ctx, "snapshot is stored", "rows", s.count, "lsn", point.String())
	return s.save(ctx)
}

// createSlot makes the slot, in place of one that cannot be used any more.
func (s *session) createSlot(ctx context.Context) (pglogrepl.CreateReplicationSlotResult, error) {
	var none pglogrepl.CreateReplicationSlotResult
	if s.facts.slot.found {
		err := pglogrepl.DropReplicationSlot(ctx, s.conn, s.cfg.Slot, pglogrepl.DropReplicationSlotOptions{})
		if err != nil && pgCode(err) != codeNoObject {
			return none, s.explainSlot("drop slot", err)
		}
	}
	slot, err := pglogrepl.ParseCreateReplicationSlot(s.conn.Exec(ctx, createSlotCommand(s.cfg.Slot, s.facts.server.version)))
	if err != nil {
		return none, s.explainSlot("create slot", err)
	}
	return slot, nil
}

// failoverVersion is the first Postgres whose standbys can have the slot as well.
const failoverVersion = 170000

// createSlotCommand makes the slot with an exported snapshot. Where standbys can have the
// slot, they may (sync_replication_slots says whether they do): the log is then still there
// when one of them is promoted.
func createSlotCommand(slot string, version int) string {
	if version < failoverVersion {
		return "CREATE_REPLICATION_SLOT " + quoteIdent(slot) + " LOGICAL pgoutput EXPORT_SNAPSHOT"
	}
	return "CREATE_REPLICATION_SLOT " + quoteIdent(slot) + " LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER)"
}

// explainSlot turns what Postgres says about a slot into what the listener does about it.
func (s *session) explainSlot(verb string, err error) error {
	switch pgCode(err) {
	case codeObjectInUse:
		return fmt.Errorf("%s: %w", verb, errSlotBusy)
	case codeConfigLimit:
		return allSlotsUsed(err)
	case codeNoRight:
		return &SetupError{
			What: coded.Say("doctor.slot.denied", "role \"{role}\" may not use replication slots", s.facts.server.role),
			Do:   coded.Say("doctor.replication.denied_do", "run as a superuser: ALTER ROLE {role} REPLICATION", quoteIdent(s.facts.server.role)), Err: err,
		}
	}
	return fmt.Errorf("%s: %w", verb, err)
}

// publishSnapshot reads the table in the slot's exported snapshot on a second
// connection. The rows are streamed: the sink's back-pressure reaches Postgres.
func (s *session) publishSnapshot(ctx context.Context, name string, point LSN) error {
	conn, err := connect(ctx, s.cfg, false)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s.reader.Store(&reader{conn.PID(), stop})
	defer s.reader.Store(nil)
	if err := s.readSnapshot(ctx, conn, name, point); err != nil {
		return cmp.Or(madeRoom(ctx), err)
	}
	return nil
}

func (s *session) readSnapshot(ctx context.Context, conn *pgconn.PgConn, name string, point LSN) error {
	_, err := exec(ctx, conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT "+quoteLiteral(name)+
		"; SET LOCAL row_security = off; LOCK TABLE "+s.cfg.quotedTable()+" IN ACCESS SHARE MODE")
	if err != nil {
		return s.explainRead(err)
	}
	cols, err := snapshotColumns(ctx, conn, s.cfg)
	if err != nil {
		return fmt.Errorf("read columns of %s: %w", s.cfg.Table, err)
	}
	if listed := s.facts.pub.columns; listed != nil { // what is left out on purpose goes nowhere
		cols = slices.DeleteFunc(cols, func(c Column) bool { return !slices.Contains(listed, c.Name) })
	}
	w, err := s.newSnapshotWriter(ctx, cols, point)
	if err != nil {
		return err
	}
	if _, err := conn.CopyTo(ctx, w, "COPY (SELECT "+columnList(cols)+" FROM "+s.cfg.quotedTable()+") TO STDOUT"); err != nil {
		return s.explainRead(err)
	}
	return nil
}

func (s *session) explainRead(err error) error {
	if pgCode(err) == codeNoRight {
		return &SetupError{
			What: coded.Say("doctor.table.part_closed", "role \"{role}\" may not read all of {table} ({words})", s.facts.server.role, s.cfg.Table, pgMessage(err)),
			Do:   coded.Say("doctor.table.part_closed_do", "grant SELECT on {table}, and BYPASSRLS where it has row-level security", s.cfg.quotedTable()), Err: err,
		}
	}
	return fmt.Errorf("read snapshot of %s: %w", s.cfg.Table, err)
}

// columnsQuery gives the columns that pgoutput sends as well, where the publication
// lists none.
const columnsQuery = `SELECT a.attname, a.atttypid, EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY(i.indkey::int2[])
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) OR c.relreplident = 'f'
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum`

func snapshotColumns(ctx context.Context, conn *pgconn.PgConn, cfg Config) ([]Column, error) {
	rows, err := exec(ctx, conn, fmt.Sprintf(columnsQuery, quoteLiteral(cfg.schema()), quoteLiteral(cfg.table())))
	if err != nil {
		return nil, err
	}
	cols := make([]Column, len(rows))
	for i, r := range rows {
		oid, err := strconv.ParseUint(r[1], 10, 32)
		if err != nil {
			return nil, err
		}
		cols[i] = Column{Name: r[0], TypeOID: uint32(oid), Key: r[2] == "t"}
	}
	return cols, nil
}

func columnList(cols []Column) string {
	names := make([]string, len(cols))
	for i, c := range cols {
		names[i] = quoteIdent(c.Name)
	}
	return strings.Join(names, ", ")
}

// snapshotWriter publishes each line that COPY sends: Postgres puts one row into
// one message.
type snapshotWriter struct {
	ctx    context.Context //nolint:containedctx // io.Writer has no place for it
	s      *session
	reader copyReader
	row    Row
	key    int
	ev     Event
}

func (s *session) newSnapshotWriter(ctx context.Context, cols []Column, point LSN) (*snapshotWriter, error) {
	w := &snapshotWriter{ctx: ctx, s: s, key: -1, row: Row{Columns: cols}}
	for i, c := range cols {
		if c.Name == s.cfg.KeyColumn {
			w.key = i
		}
	}
	if w.key < 0 {
		return nil, fmt.Errorf("%w: %s has no column %q", ErrKeyUnknown, s.cfg.Table, s.cfg.KeyColumn)
	}
	w.ev = Event{Op: OpSnapshot, After: &w.row, SystemID: s.systemID, Pos: Position{LSN: point - 1}}
	return w, nil
}

func (w *snapshotWriter) Write(line []byte) (int, error) {
	if err := w.reader.read(line, &w.row); err != nil {
		return 0, err
	}
	w.ev.Key = string(w.row.Values[w.key].Text)
	w.ev.Pos.Ordinal++
	if err := w.s.publish(w.ctx, &w.ev); err != nil {
		return 0, err
	}
	return len(line), nil
}
