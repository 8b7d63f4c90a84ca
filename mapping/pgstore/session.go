package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/crmmind/mksync/mapping"
)

// Session works on one contact while its lock is held.
type Session struct {
	store *Store
	conn  *pgxpool.Conn
	id    string

	table *contacts // as of the last Load
	raw   []*string // the contact's values as of the last Load
}

// Load reads the contact and its link, in one round trip.
func (s *Session) Load(ctx context.Context) (mapping.State, error) {
	st, width, err := s.load(ctx, s.store.table())
	if err != nil || width == s.table.width {
		return st, err
	}
	// A column was added: an event of it must not be taken for nothing new.
	if err := s.store.refresh(ctx); err != nil {
		return st, err
	}
	st, _, err = s.load(ctx, s.store.table())
	return st, err
}

// load also returns how many columns the contacts table has now.
func (s *Session) load(ctx context.Context, t *contacts) (st mapping.State, width int16, err error) {
	raw := make([]*string, len(t.fields))
	var exists bool
	var snapshot string
	var updatedAt, sweptAt *time.Time
	link, linkTargets := newLinkRow()
	var seen observedRow
	targets := append([]any{&st.Now, &snapshot, &sweptAt, &exists, &st.InScope, &updatedAt, &st.Replayed, &width}, scanTargets(raw)...)
	targets = append(append(targets, linkTargets...), &seen.hash, &seen.data, &seen.observedAt, &seen.changedAfter)
	err = s.conn.QueryRow(ctx, t.loadSQL(), append([]any{s.id}, t.args...)...).Scan(targets...)
	if err != nil {
		return st, 0, fmt.Errorf("read contact %s: %w", s.id, err)
	}
	if st.Snapshot, err = mapping.ParseSnapshot(snapshot); err != nil {
		return st, 0, fmt.Errorf("read contact %s: %w", s.id, err)
	}
	s.table, s.raw = t, raw
	st.UpdatedAt, st.SweptAt = deref(updatedAt), deref(sweptAt)
	if exists {
		contact := t.contact(raw)
		st.Contact = &contact
	}
	st.Link = link.link()
	st.Observed = seen.partner(st.Link)
	return st, width, nil
}

// observedRow receives the linked partner as last seen; nulls when it was not.
type observedRow struct {
	hash                     *string
	data                     []byte
	observedAt, changedAfter *time.Time
}

func (r observedRow) partner(l *mapping.Link) *mapping.ObservedPartner {
	if r.hash == nil {
		return nil
	}
	return &mapping.ObservedPartner{
		MetaKockaID: l.MetaKockaID, Hash: *r.hash, Data: r.data,
		ObservedAt: deref(r.observedAt), ChangedAfter: deref(r.changedAfter),
	}
}

func (c *contacts) loadSQL() string {
	updatedAt := "NULL::timestamptz"
	if c.updatedAt != "" {
		updatedAt = "c." + c.updatedAt + "::timestamptz"
	}
	return fmt.Sprintf(`
		SELECT clock_timestamp(), pg_current_snapshot()::text, (p.value->>'sweptAt')::timestamptz, c.%[1]s IS NOT NULL, %[2]s, %[3]s,
			EXISTS (SELECT FROM mksync_replays r WHERE r.contact_id = k.id AND r.until > clock_timestamp()), coalesce(%[7]s, 0), %[4]s, %[5]s,
			o.hash, o.data, o.observed_at, o.changed_after
		FROM (SELECT $1::uuid AS id) AS k
		LEFT JOIN %[6]s AS c ON c.%[1]s = k.id
		LEFT JOIN metakocka_contact_mappings AS m ON m.contact_id = k.id
		LEFT JOIN mksync_partners AS o ON o.metakocka_id = m.metakocka_id AND o.missing_since IS NULL
		LEFT JOIN mksync_state AS p ON p.key = '`+mapping.PollStateKey+`'`,
		c.key, c.filter, updatedAt, c.selectList(), linkColumns, c.table, c.widthSQL())
}

// Save stores a change whole or not at all (invariant 17). A contact is written only when it
// still holds what Load read (ErrContactChanged). The link's base takes what
// the table made of the written values, and the link its id.
// Errors: ErrContactChanged, ErrPartnerTaken, *mapping.ContactRefusedError.
func (s *Session) Save(ctx context.Context, ch *mapping.Change) error {
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		if fields := s.table.known(ch.ToCRM); len(fields) > 0 {
			if err := s.writeContact(ctx, tx, ch, fields); err != nil {
				return err
			}
		}
		return saveChange(ctx, tx, ch)
	})
	if err != nil {
		return fmt.Errorf("store contact %s: %w", s.id, err)
	}
	return nil
}

func (s *Session) writeContact(ctx context.Context, tx pgx.Tx, ch *mapping.Change, fields []mapping.Field) error {
	values, err := s.table.values(ch.Contact, fields)
	if err != nil {
		return err
	}
	read := s.readArgs()
	args := append(append(read[:1:1], values...), read[1:]...)
	raw := make([]*string, len(s.table.fields))
	err = tx.QueryRow(ctx, s.table.updateSQL(fields), args...).Scan(scanTargets(raw)...)
	if errors.Is(err, pgx.ErrNoRows) {
		return mapping.ErrContactChanged
	}
	if err != nil {
		return refusal(err)
	}
	s.raw = raw
	stored := s.table.contact(raw)
	for _, f := range fields {
		ch.Link.Base.CRM.Set(f, stored.Get(f))
	}
	return nil
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
func (s *Session) Insert(ctx context.Context, ch *mapping.Change) error {
	t := s.store.table()
	var fields []mapping.Field
	for _, f := range t.fields {
		if ch.Contact.Get(f) != "" {
			fields = append(fields, f)
		}
	}
	values, err := t.values(ch.Contact, fields)
	if err != nil {
		return fmt.Errorf("add contact %s: %w", s.id, err)
	}
	err = pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		raw := make([]*string, len(t.fields))
		args := append([]any{s.id}, values...)
		if err := tx.QueryRow(ctx, t.insertSQL(fields), args...).Scan(scanTargets(raw)...); err != nil {
			return refusal(err)
		}
		ch.Link.Base.CRM = t.contact(raw)
		return saveChange(ctx, tx, ch)
	})
	if err != nil {
		return fmt.Errorf("add contact %s: %w", s.id, err)
	}
	return nil
}

// DeleteContact removes the contact and stores its link's change with it, only
// when the contact still holds what Load read: an edit made since is not lost.
// Errors: ErrContactChanged, *mapping.ContactRefusedError.
func (s *Session) DeleteContact(ctx context.Context, ch *mapping.Change) error {
	err := pgx.BeginFunc(ctx, s.conn, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, s.table.deleteSQL(), s.readArgs()...)
		if err != nil {
			return deleteRefusal(err)
		}
		if tag.RowsAffected() == 0 {
			return mapping.ErrContactChanged
		}
		return saveChange(ctx, tx, ch)
	})
	if err != nil {
		return fmt.Errorf("delete contact %s: %w", s.id, err)
	}
	return nil
}

// saveChange stores all of ch but the contact, in one round trip.
func saveChange(ctx context.Context, tx pgx.Tx, ch *mapping.Change) error {
	b := &pgx.Batch{}
	l := &ch.Link
	b.Queue(saveLinkSQL, linkArgs(l)...).QueryRow(func(row pgx.Row) error { return row.Scan(&l.ID) })
	if ch.Observed != nil {
		b.Queue(observeSQL, observeArgs(ch.Observed)...)
	}
	for _, c := range ch.Conflicts {
		b.Queue(conflictSQL, append([]any{l.ContactID}, conflictArgs(c)...)...)
	}
	queueClosing(b, l)
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		if hasCode(err, "23505") {
			return mapping.ErrPartnerTaken
		}
		return err
	}
	return nil
}

func deref(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func nullText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
