package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping"
)

// keepJobs is how long finished jobs can be looked at.
const keepJobs = "30 days"

const jobColumns = `id::text, operation, request, status, doing, paused, total, done, failed, result, coalesce(error, ''),
	created_at, started_at, finished_at, coalesce(created_by, ''), coalesce(finished_by, '')`

func scanJob(row pgx.CollectableRow) (mapping.Job, error) {
	var j mapping.Job
	var started, finished *time.Time
	err := row.Scan(&j.ID, &j.Operation, &j.Request, &j.Status, &j.Doing, &j.Paused, &j.Total, &j.Done, &j.Failed, &j.Result, &j.Error,
		&j.CreatedAt, &started, &finished, &j.CreatedBy, &j.FinishedBy)
	j.StartedAt, j.FinishedAt = deref(started), deref(finished)
	return j, err
}

// job reads at most one job; nil: there is none.
func (s *Store) job(ctx context.Context, sql string, args ...any) (*mapping.Job, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	j, err := pgx.CollectExactlyOneRow(rows, scanJob)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // documented
	}
	return &j, err
}

// AddJob queues a job, and forgets those that were finished long ago.
// mapping.ErrTooManyJobs.
func (s *Store) AddJob(ctx context.Context, operation string, request json.RawMessage, by string) (mapping.Job, error) {
	_, err := s.pool.Exec(ctx, "DELETE FROM mksync_jobs WHERE finished_at < now() - interval '"+keepJobs+"'")
	if err != nil {
		return mapping.Job{}, fmt.Errorf("remove old jobs: %w", err)
	}
	j, err := s.job(ctx, `INSERT INTO mksync_jobs (operation, request, created_by) SELECT $1, $2, $3
		WHERE (SELECT count(*) FROM mksync_jobs WHERE status IN ('queued', 'running')) < $4 RETURNING `+jobColumns,
		operation, request, nullText(by), mapping.MostOpenJobs)
	switch {
	case err != nil:
		return mapping.Job{}, fmt.Errorf("store job: %w", err)
	case j == nil:
		return mapping.Job{}, mapping.ErrTooManyJobs
	}
	return *j, nil
}

// Job is one job; nil: there is none.
func (s *Store) Job(ctx context.Context, id string) (*mapping.Job, error) {
	j, err := s.job(ctx, "SELECT "+jobColumns+" FROM mksync_jobs WHERE id = $1", id)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return j, nil
}

// Jobs lists jobs without their results, newest first; before is the id of the
// last one of the page before.
func (s *Store) Jobs(ctx context.Context, before string, limit int) ([]mapping.Job, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+jobColumns+` FROM mksync_jobs
		WHERE $1 = '' OR number < (SELECT number FROM mksync_jobs WHERE id::text = $1) ORDER BY number DESC`+limitSQL(limit), before)
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	jobs, err := pgx.CollectRows(rows, scanJob)
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	return jobs, nil
}

// NextJob takes the oldest job up that is not finished; nil: there is none.
func (s *Store) NextJob(ctx context.Context) (*mapping.Job, error) {
	j, err := s.job(ctx, `UPDATE mksync_jobs SET status = 'running', started_at = coalesce(started_at, now())
		WHERE id = (SELECT id FROM mksync_jobs WHERE status IN ('queued', 'running') ORDER BY number LIMIT 1)
		RETURNING `+jobColumns)
	if err != nil {
		return nil, fmt.Errorf("take job up: %w", err)
	}
	return j, nil
}

// JobItems are the items of a job that are finished, by id.
func (s *Store) JobItems(ctx context.Context, jobID string) (map[string]json.RawMessage, error) {
	rows, err := s.pool.Query(ctx, "SELECT id, item FROM mksync_job_items WHERE job_id = $1", jobID)
	if err != nil {
		return nil, fmt.Errorf("read job's items: %w", err)
	}
	items := map[string]json.RawMessage{}
	var id string
	var item json.RawMessage
	_, err = pgx.ForEachRow(rows, []any{&id, &item}, func() error {
		items[id] = append(json.RawMessage{}, item...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read job's items: %w", err)
	}
	return items, nil
}

// SaveJob stores how far a job is and the items finished since; going is false
// when it was cancelled meanwhile.
func (s *Store) SaveJob(ctx context.Context, j mapping.Job, items []mapping.JobItem) (going bool, err error) {
	b := &pgx.Batch{}
	for _, i := range items {
		b.Queue(`INSERT INTO mksync_job_items (job_id, id, item) VALUES ($1, $2, $3)
			ON CONFLICT (job_id, id) DO UPDATE SET item = excluded.item`, j.ID, i.ID, i.Item)
	}
	b.Queue(`UPDATE mksync_jobs SET doing = $2, paused = $3, total = $4, done = $5, failed = $6 WHERE id = $1 AND status = 'running' RETURNING true`,
		j.ID, j.Doing, j.Paused, j.Total, j.Done, j.Failed).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&going)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return false, fmt.Errorf("store job's progress: %w", err)
	}
	return going, nil
}

// FinishJob ends a job that runs; its result holds the items from then on. One
// that was cancelled keeps that status.
func (s *Store) FinishJob(ctx context.Context, j mapping.Job) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE mksync_jobs SET status = CASE status WHEN 'running' THEN $2 ELSE status END, doing = '', paused = '',
				total = $3, done = $4, failed = $5, result = $6, error = $7, finished_at = coalesce(finished_at, now()) WHERE id = $1`,
			j.ID, string(j.Status), j.Total, j.Done, j.Failed, j.Result, nullText(j.Error))
		if err == nil {
			_, err = tx.Exec(ctx, "DELETE FROM mksync_job_items WHERE job_id = $1", j.ID)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("store job's end: %w", err)
	}
	return nil
}

// CancelJob cancels a job that is not finished; its runner notices.
func (s *Store) CancelJob(ctx context.Context, id, by string) error {
	_, err := s.pool.Exec(ctx, `UPDATE mksync_jobs SET status = 'cancelled', finished_at = now(), finished_by = $2
		WHERE id = $1 AND status IN ('queued', 'running')`, id, nullText(by))
	if err != nil {
		return fmt.Errorf("cancel job: %w", err)
	}
	return nil
}
