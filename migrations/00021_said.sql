-- +goose Up

-- What is said to people, as a code with parameters, beside the words that are made of it.
-- What earlier versions stored has the words alone.
ALTER TABLE metakocka_contact_mappings ADD COLUMN last_error_said jsonb;
ALTER TABLE mksync_deletions ADD COLUMN reason_said jsonb;
ALTER TABLE mksync_merges ADD COLUMN note_said jsonb;
ALTER TABLE mksync_jobs ADD COLUMN paused_said jsonb, ADD COLUMN error_said jsonb;

-- +goose Down
ALTER TABLE metakocka_contact_mappings DROP COLUMN last_error_said;
ALTER TABLE mksync_deletions DROP COLUMN reason_said;
ALTER TABLE mksync_merges DROP COLUMN note_said;
ALTER TABLE mksync_jobs DROP COLUMN paused_said, DROP COLUMN error_said;
