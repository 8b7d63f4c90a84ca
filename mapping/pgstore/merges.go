package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/coded"
	"github.com/crmmind/mksync/mapping/store"
)

const mergeColumns = `id, loser_id::text, winner_id::text, status, taken, winner_before, winner_after, loser_row, loser_link, winner_link,
	coalesce(moved_id, ''), coalesce(partner_id, ''), policy, partner_before, partner_after, note, note_said,
	created_at, coalesce(created_by, ''), finished_at, undone_at, coalesce(undone_by, '')`

func scanMerge(row pgx.CollectableRow) (store.ContactMerge, error) {
	var m store.ContactMerge
	var finished, undone *time.Time
	var note said
	err := row.Scan(&m.ID, &m.LoserID, &m.WinnerID, &m.Status, &m.Taken, &m.WinnerBefore, &m.WinnerAfter, &m.LoserRow, &m.LoserLink, &m.WinnerLink,
		&m.MovedID, &m.PartnerID, &m.Policy, &m.PartnerBefore, &m.PartnerAfter, &note.words, &note.record,
		&m.CreatedAt, &m.CreatedBy, &finished, &undone, &m.UndoneBy)
	m.Note = note.text()
	m.FinishedAt = deref(finished)
	m.UndoneAt = deref(undone)
	return m, err
}

// Merges lists merges of contacts.
func (s *Store) Merges(ctx context.Context, q store.MergeQuery) ([]store.ContactMerge, error) {
	order := "id DESC"
	if q.Open {
		order = "id"
	}
	key := s.table().key
	rows, err := s.pool.Query(ctx, `SELECT `+mergeColumns+` FROM mksync_merges
		WHERE ($2::text = '' OR id = $1::bigint OR loser_id = $3 OR winner_id = $3 OR moved_id = $2::text OR partner_id = $2::text)
			AND ($4::bigint = 0 OR id = $4) AND (`+key.value("$5")+` IS NULL OR loser_id = $5) AND (`+key.value("$6")+` IS NULL OR winner_id = $6)
			AND (NOT $7 OR `+openMerge+`) AND ($8::bigint = 0 OR id < $8) ORDER BY `+order+limitSQL(q.Limit),
		entryNumber(q.Of), q.Of, key.given(q.Of), q.ID, nullText(q.LoserID), nullText(q.WinnerID), q.Open, q.Before)
	if err != nil {
		return nil, fmt.Errorf("read merges: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanMerge)
	if err != nil {
		return nil, fmt.Errorf("read merges: %w", err)
	}
	return found, nil
}

// addMerge stores a new merge.
func addMerge(ctx context.Context, tx pgx.Tx, m *store.ContactMerge) error {
	err := tx.QueryRow(ctx, `INSERT INTO mksync_merges (loser_id, winner_id, taken, winner_before, winner_after, loser_row, loser_link, winner_link,
			moved_id, partner_id, policy, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id, created_at`,
		m.LoserID, m.WinnerID, fieldNames(m.Taken), m.WinnerBefore, m.WinnerAfter, m.LoserRow, m.LoserLink, m.WinnerLink,
		nullText(m.MovedID), nullText(m.PartnerID), m.Policy, nullText(m.CreatedBy)).Scan(&m.ID, &m.CreatedAt)
	if err != nil {
		return fmt.Errorf("store the merge: %w", err)
	}
	m.Status = store.MergeRunning
	return nil
}

// NoteMerge stores how far a merge is, where it still is as it was; ok is false
// where it is not. What a partner was before is stored once; of a merge whose person was
// erased meanwhile it goes when that is through.
func (s *Store) NoteMerge(ctx context.Context, m store.ContactMerge, was store.MergeStatus) (ok bool, err error) {
	tag, err := s.pool.Exec(ctx, `UPDATE mksync_merges SET status = $3, note = $4, note_said = $8,
			partner_before = CASE WHEN $3 <> 'merged' OR loser_row IS NOT NULL THEN coalesce(partner_before, $5) END,
			partner_after = CASE WHEN $3 <> 'merged' OR loser_row IS NOT NULL THEN $6::jsonb END,
			finished_at = CASE WHEN $3 = 'merged' THEN coalesce(finished_at, now()) ELSE finished_at END, undone_by = $7
		WHERE id = $1 AND status = $2`,
		m.ID, string(was), string(m.Status), m.Note.String(), m.PartnerBefore, m.PartnerAfter, nullText(m.UndoneBy), m.Note.Record())
	if err != nil {
		return false, fmt.Errorf("store merge %d: %w", m.ID, err)
	}
	return tag.RowsAffected() > 0, nil
}

// closeMerge ends a merge that is taken back, with all data that it kept.
func closeMerge(ctx context.Context, tx pgx.Tx, m *store.ContactMerge) error {
	err := tx.QueryRow(ctx, `UPDATE mksync_merges SET status = 'undone', undone_at = now(), undone_by = $2, note = '', note_said = NULL, winner_before = '{}', winner_after = '{}',
			loser_row = NULL, loser_link = NULL, winner_link = NULL, partner_before = NULL, partner_after = NULL
		WHERE id = $1 AND status IN ('merged', 'undoing') RETURNING undone_at`, m.ID, nullText(m.UndoneBy)).Scan(&m.UndoneAt)
	if err != nil {
		return fmt.Errorf("close merge %d: %w", m.ID, err)
	}
	m.Status = store.MergeUndone
	m.Note = coded.Text{}
	return nil
}
