package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// Session works on one contact while its lock is held. It has a connection for as long as
// a statement takes, or a transaction, which begins with the proof that the lock is held.
type Session struct {
	store *Store
	lock  *locks
	id    string

	table *contacts // as of the last Load, or the beginning
	raw   []*string // the values of its columns as of the last Load
	grown bool      // the new link makes it time to analyze
}

// loaded is what a read of the contact brought, how many columns its table had then,
// and which table was StateTable.
type loaded struct {
	st     store.State
	width  int16
	tables uint32
}

func (s *Store) session(lock *locks, id string) *Session {
	return &Session{store: s, lock: lock, id: id, table: s.table()}
}

// Load reads the contact and its link, in one round trip. It sees what was committed
// before the lock was got.
func (s *Session) Load(ctx context.Context) (store.State, error) {
	got, err := s.load(ctx)
	if err == nil && got.width != s.table.width {
		// A column was added: an event of it must not be taken for nothing new.
		if err = s.store.refresh(ctx); err == nil {
			got, err = s.load(ctx)
		}
	}
	if err != nil {
		return store.State{}, err
	}
	if got.tables != s.store.tables {
		return store.State{}, ErrTablesReplaced
	}
	return got.st, nil
}

func (s *Session) load(ctx context.Context) (*loaded, error) {
	t := s.store.table()
	return s.scan(s.store.pool.QueryRow(ctx, t.loadSQL(), append([]any{s.id}, t.args...)...), t)
}

func (s *Session) scan(row pgx.Row, t *contacts) (*loaded, error) {
	got := &loaded{}
	st := &got.st
	raw := make([]*string, len(t.read))
	var exists bool
	var snapshot string
	var updatedAt, sweptAt *time.Time
	link, linkTargets := newLinkRow()
	var seen observedRow
	targets := append([]any{&st.Now, &snapshot, &sweptAt, &exists, &st.InScope, &st.ByHand, &st.Halt, &updatedAt, &st.Replayed, &got.width, &st.PartnersSeen, &got.tables}, scanTargets(raw)...)
	targets = append(append(targets, linkTargets...), &seen.hash, &seen.data, &seen.observedAt, &seen.changedAfter)

	err := row.Scan(targets...)
	if err == nil {
		st.Snapshot, err = store.ParseSnapshot(snapshot)
	}
	if err != nil {
		return nil, fmt.Errorf("read contact %s: %w", s.id, err)
	}
	st.Filtered = !st.InScope
	st.InScope = st.InScope && !st.ByHand
	s.table = t
	s.raw = raw
	st.UpdatedAt = deref(updatedAt)
	st.SweptAt = deref(sweptAt)
	if exists {
		contact := t.contact(raw)
		st.Contact = &contact
		st.NoText = t.noText(raw)
		st.Located = contact.Country != t.written(raw).Country
	}

	st.Link = t.current(link)
	st.Observed = seen.partner(st.Link)
	return got, nil
}

// observedRow receives the linked partner as last seen; nulls when it was not.
type observedRow struct {
	hash                     *string
	data                     []byte
	observedAt, changedAfter *time.Time
}

func (r observedRow) partner(l *store.Link) *store.ObservedPartner {
	if r.hash == nil {
		return nil
	}
	return &store.ObservedPartner{
		MetaKockaID: l.MetaKockaID, Hash: *r.hash, Data: r.data,
		ObservedAt: deref(r.observedAt), ChangedAfter: deref(r.changedAfter),
	}
}

func (c *contacts) loadSQL() string {
	return fmt.Sprintf(`
		SELECT clock_timestamp(), pg_current_snapshot()::text, (p.value->>'sweptAt')::timestamptz, c.%[1]s IS NOT NULL, %[2]s, `+leftOutSQL("k.id")+`, h.value, %[3]s,
			EXISTS (SELECT FROM mksync_replays r WHERE r.contact_id = k.id AND r.until > clock_timestamp() AND r.until < clock_timestamp() + `+longestReservation+`),
			coalesce(%[7]s, 0), coalesce((SELECT max(number) FROM mksync_partners), 0), `+stateTableSQL+`, %[4]s, %[5]s,
			o.hash, o.data, o.observed_at, o.changed_after
		FROM (SELECT %[8]s AS id) AS k
		LEFT JOIN %[6]s AS c ON c.%[1]s = k.id
		LEFT JOIN metakocka_contact_mappings AS m ON m.contact_id = k.id
		LEFT JOIN mksync_partners AS o ON o.metakocka_id = m.metakocka_id AND o.missing_since IS NULL AND o.hash NOT LIKE '%%`+keptInPart+`%%'
		LEFT JOIN mksync_state AS p ON p.key = '`+store.PollStateKey+`'
		LEFT JOIN mksync_state AS h ON h.key = '`+store.HaltKey+`'`,
		c.key.name, c.configured, c.changedSQL(), c.selectList(), linkColumns, c.table, c.widthSQL(), c.key.value("$1"))
}

// Save stores a change whole or not at all (invariant 17). A contact is written only when it
// still holds what Load read (ErrContactChanged). The link's base takes what
// the table made of the written values, the change's Judge sees it, and the link
// takes its id.
// Errors: ErrContactChanged, ErrPartnerTaken, *store.ContactRefusedError.
func (s *Session) Save(ctx context.Context, ch *store.Change) error {
	err := s.store.pool.with(ctx, func(conn *ownConn) error {
		return s.fitting(ctx, conn, ch, func() error {
			if fields := s.table.known(ch.ToCRM); len(fields) > 0 {
				return s.saveBoth(ctx, conn, ch, fields)
			}
			return s.saveChange(ctx, conn, s.beginning(), ch)
		})
	})
	if err != nil {
		return fmt.Errorf("store contact %s: %w", s.id, err)
	}
	return nil
}

// saveBoth writes fields of the contact and then the rest of the change. Where its columns
// hold the values already (a name in another order), the contact is not written.
func (s *Session) saveBoth(ctx context.Context, conn *ownConn, ch *store.Change, fields []mapping.Field) error {
	settings, err := s.table.settings(ch.Contact, append(slices.Clone(fields), s.table.known(ch.Also)...), s.raw)
	if err != nil {
		return err
	}

	b := s.beginning()
	if len(settings) > 0 {
		raw := make([]*string, len(s.table.read))
		sql, args := s.update(settings)
		err = s.open(ctx, conn, sql, args, func(row pgx.Row) error { return row.Scan(scanTargets(raw)...) })
		if err != nil {
			return s.unlessChanged(ctx, conn, err, s.table.refusal)
		}
		s.raw = raw
		b = &pgx.Batch{}
	}

	stored := s.table.contact(s.raw)
	noted(ch.History, stored, len(settings) > 0)
	for _, f := range fields {
		ch.Link.Base.CRM.Set(f, stored.Get(f))
	}
	if ch.Judge != nil {
		ch.Judge(&ch.Link, stored)
	}
	return s.saveChange(ctx, conn, b, ch)
}

// beginning begins a transaction that stores nothing unless the lock is held still.
func (s *Session) beginning() *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	s.lock.queueProof(b)
	return b
}

// unlessChanged tells why a write of the contact met no row: it was changed since
// Load, or the database swallows the write, which is a refusal like others.
func (s *Session) unlessChanged(ctx context.Context, db rowReader, err error, refused func(error) error) error {
	if !errors.Is(err, pgx.ErrNoRows) {
		return refused(err)
	}
	var unchanged bool
	sql := fmt.Sprintf("SELECT EXISTS (SELECT FROM %s AS c WHERE %s)", s.table.table, s.table.unchangedSQL(2))
	if err := db.QueryRow(ctx, sql, s.readArgs()...).Scan(&unchanged); err != nil {
		return err
	}
	if unchanged {
		return refused(err)
	}
	return store.ErrContactChanged
}

// rowReader is a connection, or a transaction on it.
type rowReader interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// update is the statement that writes values into the contact while it holds what Load
// read.
func (s *Session) update(settings []setting) (sql string, args []any) {
	args = []any{s.id}
	for _, v := range settings {
		args = append(args, v.value)
	}
	return s.table.updateSQL(settings), append(args, s.readArgs()[1:]...)
}

// open begins a transaction with a statement that gives one row, in one round
// trip. After an error it is rolled back.
func (s *Session) open(ctx context.Context, conn *ownConn, sql string, args []any, scan func(pgx.Row) error) error {
	b := s.beginning()
	b.Queue(sql, args...).QueryRow(scan)
	b.Queue("SET CONSTRAINTS ALL IMMEDIATE") // what is checked at the end is the contact's refusal, too
	return rolledBack(ctx, conn, conn.SendBatch(ctx, b).Close())
}

// rolledBack ends a transaction in which there was an error. If that does not
// work the connection is dropped, which ends it too.
func rolledBack(ctx context.Context, conn *ownConn, err error) error {
	if err != nil && !conn.Conn().IsClosed() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		if _, failed := conn.Exec(bounded, "ROLLBACK"); failed != nil {
			_ = conn.Conn().Close(bounded)
		}
	}
	return err
}

// readArgs are the key and the values as of the last Load.
func (s *Session) readArgs() []any {
	args := []any{s.id}
	for _, v := range s.raw {
		args = append(args, v)
	}
	return args
}

// Insert adds the contact of this session's id, with its link. Errors as Save.
func (s *Session) Insert(ctx context.Context, ch *store.Change) error {
	err := s.store.pool.with(ctx, func(conn *ownConn) error {
		return s.fitting(ctx, conn, ch, func() error { return s.insert(ctx, conn, ch) })
	})
	if err != nil {
		return fmt.Errorf("add contact %s: %w", s.id, err)
	}
	return nil
}

func (s *Session) insert(ctx context.Context, conn *ownConn, ch *store.Change) error {
	t := s.table
	var fields []mapping.Field
	for _, f := range t.fields {
		if ch.Contact.Get(f) != "" {
			fields = append(fields, f)
		}
	}

	raw := make([]*string, len(t.read))
	settings, err := t.settings(ch.Contact, fields, raw)
	if err != nil {
		return err
	}
	settings = append(append(settings, t.demands...), t.emptied()...)
	sql, args := t.insertSQL(settings)
	args[0] = s.id

	// The filter looks at the row as it is stored, with the table's defaults.
	err = s.open(ctx, conn, sql, args, func(row pgx.Row) error {
		var key string
		var taken bool
		switch err := row.Scan(append(scanTargets(raw), &key, &taken)...); {
		case err != nil:
			return err
		case key != s.id:
			return &store.ContactRefusedError{Reason: coded.Say("note.refused.key", "a trigger of the table gives a new contact another key than it was made with")}
		case taken:
			return nil
		}
		return &store.ContactRefusedError{Reason: coded.Say("note.refused.filter", "the configured filter leaves the new contact out: let its columns have defaults that the filter takes")}
	})
	if err != nil {
		return t.insertRefusal(err, named(settings))
	}

	// What the database made of the values is what the sides agreed on.
	stored := t.contact(raw)
	noted(ch.History, stored, true)
	for _, f := range fields {
		ch.Link.Base.CRM.Set(f, stored.Get(f))
	}

	if ch.Judge != nil {
		ch.Judge(&ch.Link, stored)
	}
	return s.saveChange(ctx, conn, &pgx.Batch{}, ch)
}

// DeleteContact removes the contact and stores its link's change with it, only
// when the contact still holds what Load read: an edit made since is not lost.
// Errors: ErrContactChanged, *store.ContactRefusedError.
func (s *Session) DeleteContact(ctx context.Context, ch *store.Change) error {
	err := s.store.pool.with(ctx, func(conn *ownConn) error {
		var deleted bool
		err := s.open(ctx, conn, s.table.deleteSQL()+" RETURNING true", s.readArgs(), func(row pgx.Row) error { return row.Scan(&deleted) })
		if err != nil {
			return s.unlessChanged(ctx, conn, err, s.table.deleteRefusal)
		}
		ch.ContactGone = true
		return s.saveChange(ctx, conn, &pgx.Batch{}, ch)
	})
	if err != nil {
		return fmt.Errorf("delete contact %s: %w", s.id, err)
	}
	return nil
}
