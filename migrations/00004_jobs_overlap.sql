-- +goose Up

-- Jobs over the same contacts run one after another, others side by side.
ALTER TABLE mksync_jobs
    ADD COLUMN waits_for   uuid[] NOT NULL DEFAULT '{}',  -- earlier jobs over the same contacts
    ADD COLUMN expected_at timestamptz;                   -- when it is likely to be done

-- +goose Down
ALTER TABLE mksync_jobs DROP COLUMN waits_for, DROP COLUMN expected_at;
