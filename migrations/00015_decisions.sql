-- +goose Up

-- What a person decides beside the links themselves: contacts that are left out by hand,
-- until they are taken in again. No foreign keys, as everywhere.
CREATE TABLE mksync_left_out (
    contact_id uuid PRIMARY KEY,
    reason     text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    by         text
);

-- Why a person decided so, in that person's words; and a decision that is about no contact:
-- that sending pauses, or about a partner's events.
ALTER TABLE mksync_history ADD COLUMN note text;
ALTER TABLE mksync_history ALTER COLUMN contact_id DROP NOT NULL;

-- +goose Down
DELETE FROM mksync_history WHERE contact_id IS NULL;
ALTER TABLE mksync_history ALTER COLUMN contact_id SET NOT NULL;
ALTER TABLE mksync_history DROP COLUMN note;
DROP TABLE mksync_left_out;
