package pgstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
	"github.com/crmmind/mksync/mapping/store"
)

// The history: a row for each write to either side and each decision, in the transaction
// that stores the link.

const historySQL = `
	INSERT INTO mksync_history (contact_id, metakocka_id, side, act, cause, by, rule, event_id, job, trace_id, changed_after, changed_at, fields, note)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

// decidedSQL notes a person's decision ($2 act, $3 who) on the link $1, which was no write.
const decidedSQL = `
	INSERT INTO mksync_history (contact_id, metakocka_id, act, cause, by)
	SELECT contact_id, metakocka_id, $2, 'person', $3 FROM metakocka_contact_mappings WHERE id = $1`

// movedHistorySQL lets the rows go with a link that went from contact $1 to $2.
const movedHistorySQL = `UPDATE mksync_history SET contact_id = $2 WHERE contact_id = $1
	AND NOT EXISTS (SELECT FROM metakocka_contact_mappings WHERE contact_id = $1)`

// queueHistory stores entries of the link's contact.
func queueHistory(b *pgx.Batch, l *store.Link, entries []store.Entry) {
	for _, e := range entries {
		b.Queue(historySQL, entryArgs(l, e)...)
	}
}

// Tell stores an entry of a decision that changes nothing else in the store.
func (s *Store) Tell(ctx context.Context, e store.Entry) error {
	if _, err := s.pool.Exec(ctx, historySQL, entryArgs(&store.Link{ContactID: e.ContactID}, e)...); err != nil {
		return fmt.Errorf("store an entry of the history: %w", err)
	}
	return nil
}

func entryArgs(l *store.Link, e store.Entry) []any {
	partner := e.MetaKockaID
	if partner == "" {
		partner = l.MetaKockaID
	}
	fields := e.Fields
	if fields == nil {
		fields = map[mapping.Field]store.EntryField{}
	}
	return []any{
		nullText(l.ContactID), nullText(partner), nullText(string(e.Side)), string(e.Act), string(e.Cause), nullText(e.By), nullText(e.Rules()),
		nullText(e.EventID), nullText(e.Job), nullText(e.TraceID), nullTime(e.ChangedAfter), nullTime(e.ChangedAt), fields, nullText(e.Note),
	}
}

// noted fills what the table made of the written values into the entries of the change
// that write the contact. Where nothing had to be written they tell of no write.
func noted(entries []store.Entry, stored mapping.Contact, written bool) {
	for i := range entries {
		e := &entries[i]
		if e.Side != mapping.SideCRM {
			continue
		}
		for f := range e.Fields {
			e.Wrote(f, stored.Get(f))
		}
		if !written {
			unwritten(e)
		}
	}
}

// unwritten makes an entry of a write one of what both hold.
func unwritten(e *store.Entry) {
	e.Side = ""
	e.Act = store.ActAgree
	for f, v := range e.Fields {
		v.CRM = *v.Written
		v.Written = nil
		v.Sent = nil
		e.Fields[f] = v
	}
}

// History lists entries, newest first.
func (s *Store) History(ctx context.Context, q store.HistoryQuery) ([]store.Entry, error) {
	where, args := historyTerms(q, s.table().key)
	rows, err := s.pool.Query(ctx, `SELECT h.id, h.at, coalesce(h.contact_id::text, ''), coalesce(h.metakocka_id, ''), coalesce(h.side, ''), h.act, h.cause,
			coalesce(h.by, ''), coalesce(h.event_id, ''), coalesce(h.job, ''), coalesce(h.trace_id, ''), h.changed_after, h.changed_at, h.fields, coalesce(h.note, '')
		FROM mksync_history h WHERE `+where+` ORDER BY h.id DESC`+limitSQL(q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (store.Entry, error) {
		var e store.Entry
		var after, at *time.Time
		err := row.Scan(&e.ID, &e.At, &e.ContactID, &e.MetaKockaID, &e.Side, &e.Act, &e.Cause, &e.By, &e.EventID, &e.Job, &e.TraceID, &after, &at, &e.Fields, &e.Note)
		e.ChangedAfter = deref(after)
		e.ChangedAt = deref(at)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return found, nil
}

func historyTerms(q store.HistoryQuery, key contactKey) (string, []any) {
	terms, args := []string{"true"}, []any{}
	add := func(term string, value any, given bool) {
		if given {
			args = append(args, value)
			terms = append(terms, fmt.Sprintf(term, len(args)))
		}
	}
	add("h.id = ANY($%d)", q.IDs, len(q.IDs) > 0)
	add("h.contact_id = "+key.value("$%d"), q.ContactID, q.ContactID != "")
	add("h.metakocka_id = $%d", q.MetaKockaID, q.MetaKockaID != "")
	add("h.at >= $%d", q.Since, !q.Since.IsZero())
	add("h.at < $%d", q.Until, !q.Until.IsZero())
	add("h.by = $%d", q.By, q.By != "")
	add("h.side = $%d", string(q.Side), q.Side != "")
	add("h.job = $%d", q.Job, q.Job != "")
	add("h.id < $%d", q.Before, q.Before > 0)
	add("h.id > $%d", q.Behind, q.Behind > 0)
	return strings.Join(terms, " AND "), args
}

// forgottenAtOnce bounds what one statement takes out of the history.
const forgottenAtOnce = 10_000

// forgetHistory forgets entries that are older than age.
func (s *Store) forgetHistory(ctx context.Context, age time.Duration) error {
	for {
		tag, err := s.pool.Exec(ctx, `DELETE FROM mksync_history WHERE id IN (
			SELECT id FROM mksync_history WHERE at < clock_timestamp() - $1::interval LIMIT $2)`, age, forgottenAtOnce)
		if err != nil {
			return fmt.Errorf("forget the history: %w", err)
		}
		if tag.RowsAffected() < forgottenAtOnce {
			return nil
		}
	}
}
