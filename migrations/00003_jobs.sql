-- +goose Up

-- Bulk requests that are worked on after they were answered.
CREATE TABLE mksync_jobs (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- the order in which they came
    operation   text NOT NULL,
    request     jsonb NOT NULL,
    status      text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    doing       text NOT NULL DEFAULT '',
    paused      text NOT NULL DEFAULT '',
    total       integer NOT NULL DEFAULT 0,
    done        integer NOT NULL DEFAULT 0,
    failed      integer NOT NULL DEFAULT 0,
    result      jsonb,
    error       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text,
    started_at  timestamptz,
    finished_at timestamptz,
    finished_by text
);

CREATE INDEX mksync_jobs_open ON mksync_jobs (number) WHERE status IN ('queued', 'running');

-- What became of a job's items so far; a job that is taken up again leaves them out.
CREATE TABLE mksync_job_items (
    job_id uuid NOT NULL REFERENCES mksync_jobs (id) ON DELETE CASCADE,
    id     text NOT NULL,
    item   jsonb NOT NULL,
    PRIMARY KEY (job_id, id)
);

-- +goose Down
DROP TABLE mksync_job_items;
DROP TABLE mksync_jobs;
