-- +goose Up

-- The trace that an entry was made in, where one is kept.
ALTER TABLE mksync_history ADD COLUMN trace_id text;

-- +goose Down
ALTER TABLE mksync_history DROP COLUMN trace_id;
