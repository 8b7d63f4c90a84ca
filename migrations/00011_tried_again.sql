-- +goose Up

-- When a contact that could not be brought over is tried again by itself, and how often it was.
ALTER TABLE metakocka_contact_mappings ADD COLUMN retry_at timestamptz, ADD COLUMN retries integer NOT NULL DEFAULT 0;
CREATE INDEX metakocka_contact_mappings_retry ON metakocka_contact_mappings (retry_at) WHERE retry_at IS NOT NULL;
UPDATE metakocka_contact_mappings SET retry_at = now() WHERE sync_status = 'error';

-- +goose Down
DROP INDEX metakocka_contact_mappings_retry;
ALTER TABLE metakocka_contact_mappings DROP COLUMN retries, DROP COLUMN retry_at;
