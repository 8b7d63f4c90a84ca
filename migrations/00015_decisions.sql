-- +goose Up

-- What a person decides beside the links themselves: contacts that are left out by hand,
-- until they are taken in again. No foreign keys, as everywhere.
CREATE TABLE mksync_left_out (
    contact_id uuid PRIMARY KEY,
    reason     text NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    by         text
);

-- Likely duplicates of which a person said that they are two.
CREATE TABLE mksync_two_contacts (
    contact_id uuid NOT NULL,
    other_id   uuid NOT NULL,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    by         text,
    PRIMARY KEY (contact_id, other_id)
);

CREATE TABLE mksync_two_partners (
    metakocka_id varchar(255) NOT NULL,
    other_id     varchar(255) NOT NULL,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    by           text,
    PRIMARY KEY (metakocka_id, other_id)
);

-- Why a person decided so, in that person's words; and a decision that is about no contact:
-- that sending pauses, or about a partner's events.
ALTER TABLE mksync_history ADD COLUMN note text;
ALTER TABLE mksync_history ALTER COLUMN contact_id DROP NOT NULL;

-- +goose Down
DELETE FROM mksync_history WHERE contact_id IS NULL;
ALTER TABLE mksync_history ALTER COLUMN contact_id SET NOT NULL;
ALTER TABLE mksync_history DROP COLUMN note;
DROP TABLE mksync_two_partners;
DROP TABLE mksync_two_contacts;
DROP TABLE mksync_left_out;
