package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/crmmind/mksync/mapping/store"
)

// keepJobs is how long finished jobs can be looked at.
const keepJobs = "30 days"

const jobColumns = `j.id::text, j.operation, j.request, j.status, j.doing, j.paused, j.paused_said, j.total, j.done, j.failed, j.result, coalesce(j.error, ''), j.error_said,
	j.created_at, j.started_at, j.finished_at, coalesce(j.created_by, ''), coalesce(j.finished_by, ''), j.expected_at,
	ARRAY(` + waitsForSQL + ` ORDER BY w.number)`

// openJob is true of a job that is not finished.
const openJob = "status IN ('queued', 'running')"

// cutOffJob is true of a job j that was cancelled and whose result, with what was
// done until then, is not stored yet.
const cutOffJob = "j.status = 'cancelled' AND j.started_at IS NOT NULL AND j.result IS NULL AND j.error IS NULL"

// waitsForSQL are the open jobs that j has to wait for.
const waitsForSQL = "SELECT w.id::text FROM mksync_jobs w WHERE w.id = ANY (j.waits_for) AND w." + openJob + " AND j." + openJob

// readyJob is true of a job j that is to be worked on.
const readyJob = "(j." + openJob + " AND NOT EXISTS (" + waitsForSQL + ") OR " + cutOffJob + ")"

func scanJob(row pgx.CollectableRow) (store.Job, error) {
	var j store.Job
	var started, finished, expected *time.Time
	var paused, failed said
	err := row.Scan(&j.ID, &j.Operation, &j.Request, &j.Status, &j.Doing, &paused.words, &paused.record, &j.Total, &j.Done, &j.Failed, &j.Result, &failed.words, &failed.record,
		&j.CreatedAt, &started, &finished, &j.CreatedBy, &j.FinishedBy, &expected, &j.WaitsFor)
	j.Paused = paused.text()
	j.Error = failed.text()
	j.StartedAt = deref(started)
	j.FinishedAt = deref(finished)
	j.ExpectedAt = deref(expected)
	return j, err
}

// querier is the pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// readJob reads at most one job; nil: there is none.
func readJob(ctx context.Context, q querier, sql string, args ...any) (*store.Job, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	j, err := pgx.CollectExactlyOneRow(rows, scanJob)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // documented
	}
	return &j, err
}

// addJobSQL queues a job behind those open ones that work on the same contacts:
// one of the two works on all there are, or both name a contact, or a partner,
// or one names a contact and the other its partner.
var addJobSQL = `
	WITH mine AS MATERIALIZED (` + jobScopeSQL("$2::jsonb") + `)
	INSERT INTO mksync_jobs AS j (operation, request, created_by, waits_for)
	SELECT $1, $2, $3, ARRAY(SELECT o.id FROM mksync_jobs o WHERE o.` + openJob + ` AND (` + jobOfAllSQL("o.request") + ` OR ` + jobOfAllSQL("$2::jsonb") + `
		OR EXISTS ((` + jobScopeSQL("o.request") + `) INTERSECT SELECT side, key FROM mine)))
	WHERE (SELECT count(*) FROM mksync_jobs WHERE ` + openJob + `) < $4 RETURNING ` + jobColumns

func jobOfAllSQL(request string) string {
	return fmt.Sprintf("coalesce((%[1]s->>'syncAll')::boolean, (%[1]s->>'importAll')::boolean, %[1]s ? 'asOf')", request)
}

// jobScopeSQL are the contacts and partners that a request names, and the
// contacts of the partners: each as what it is, for a contact may have a partner's id.
func jobScopeSQL(request string) string {
	named := func(list string) string {
		return fmt.Sprintf("jsonb_array_elements_text(coalesce(%s->'%s', '[]'))", request, list)
	}
	return `SELECT 'crm' AS side, key FROM ` + named("contactIds") + ` AS c (key) UNION ALL SELECT 'metakocka', key FROM ` + named("metakockaIds") + ` AS p (key)
		UNION ALL SELECT 'crm', l.contact_id::text FROM ` + named("metakockaIds") + ` AS q (key) JOIN metakocka_contact_mappings l ON l.metakocka_id = q.key`
}

// AddJob queues a job, and forgets those that were finished long ago.
// mapping.ErrTooManyJobs.
func (s *Store) AddJob(ctx context.Context, operation string, request json.RawMessage, by string) (job store.Job, err error) {
	// One at a time, so that of two that overlap one sees the other.
	err = s.inTurn(ctx, jobsLock, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM mksync_jobs WHERE finished_at < now() - interval '"+keepJobs+"'")
		if err != nil {
			return err
		}
		j, err := readJob(ctx, tx, addJobSQL, operation, request, nullText(by), store.MostOpenJobs)
		switch {
		case err != nil:
			return err
		case j == nil:
			return store.ErrTooManyJobs
		}
		job = *j
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrTooManyJobs) {
		err = fmt.Errorf("store job: %w", err)
	}
	return job, err
}

// Job is one job; nil: there is none.
func (s *Store) Job(ctx context.Context, id string) (*store.Job, error) {
	j, err := readJob(ctx, s.pool, "SELECT "+jobColumns+" FROM mksync_jobs j WHERE j.id = $1", id)
	if err != nil {
		return nil, fmt.Errorf("read job: %w", err)
	}
	return j, nil
}

// Jobs lists jobs without their results, newest first; before is the id of the
// last one of the page before.
func (s *Store) Jobs(ctx context.Context, before string, limit int) ([]store.Job, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+strings.Replace(jobColumns, "j.result", "NULL::jsonb", 1)+` FROM mksync_jobs j
		WHERE $1 = '' OR j.number < (SELECT b.number FROM mksync_jobs b WHERE b.id::text = $1) ORDER BY j.number DESC`+limitSQL(limit), before)
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	jobs, err := pgx.CollectRows(rows, scanJob)
	if err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	return jobs, nil
}

// ReadyJobs are the open jobs that wait for no other, and the cancelled ones that
// are still without a result, oldest first; also those that a process works on.
func (s *Store) ReadyJobs(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, "SELECT j.id::text FROM mksync_jobs j WHERE "+readyJob+" ORDER BY j.number")
	if err != nil {
		return nil, fmt.Errorf("look for jobs: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for jobs: %w", err)
	}
	return ids, nil
}

// TakeJob takes a job up, a cancelled one as it is; nil: it is not ready any more.
func (s *Store) TakeJob(ctx context.Context, id string) (*store.Job, error) {
	j, err := readJob(ctx, s.pool, `UPDATE mksync_jobs AS j SET status = CASE status WHEN 'cancelled' THEN status ELSE 'running' END,
			started_at = coalesce(started_at, now()), expected_at = NULL
		WHERE j.id = $1 AND `+readyJob+` RETURNING `+jobColumns, id)
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
func (s *Store) SaveJob(ctx context.Context, j store.Job, items []store.JobItem) (going bool, err error) {
	b := &pgx.Batch{}
	for _, i := range items {
		b.Queue(`INSERT INTO mksync_job_items (job_id, id, item) VALUES ($1, $2, $3)
			ON CONFLICT (job_id, id) DO UPDATE SET item = excluded.item`, j.ID, i.ID, i.Item)
	}
	b.Queue(`UPDATE mksync_jobs SET doing = $2, paused = $3, paused_said = $8, total = $4, done = $5, failed = $6, expected_at = $7
		WHERE id = $1 AND status = 'running' RETURNING true`,
		j.ID, j.Doing, j.Paused.String(), j.Total, j.Done, j.Failed, nullTime(j.ExpectedAt), j.Paused.Record()).QueryRow(func(row pgx.Row) error {
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
func (s *Store) FinishJob(ctx context.Context, j store.Job) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE mksync_jobs SET status = CASE status WHEN 'running' THEN $2 ELSE status END, doing = '', paused = '', paused_said = NULL, expected_at = NULL,
				total = $3, done = $4, failed = $5, result = $6, error = $7, error_said = $8, finished_at = coalesce(finished_at, now()) WHERE id = $1`,
			j.ID, string(j.Status), j.Total, j.Done, j.Failed, j.Result, nullText(j.Error.String()), j.Error.Record())
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
	_, err := s.pool.Exec(ctx, `UPDATE mksync_jobs SET status = 'cancelled', finished_at = now(), finished_by = $2, expected_at = NULL
		WHERE id = $1 AND `+openJob, id, nullText(by))
	if err != nil {
		return fmt.Errorf("cancel job: %w", err)
	}
	return nil
}
