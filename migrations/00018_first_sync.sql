-- +goose Up

-- What the first match would do, of a contact that waits for a person's approval, and the
-- transaction that stored it: so it can be told whether it is what a list showed.
ALTER TABLE metakocka_contact_mappings ADD COLUMN proposal jsonb, ADD COLUMN proposal_xid xid8;
CREATE INDEX metakocka_contact_mappings_proposed ON metakocka_contact_mappings (contact_id) WHERE proposal IS NOT NULL;

-- Partners that would become contacts, once a person has approved it. They have no mapping.
CREATE TABLE mksync_imports (
    metakocka_id varchar(255) PRIMARY KEY,
    version      text NOT NULL,
    link_id      uuid,  -- of a contact that waits, and may be the partner's: it goes first
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    xid          xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- +goose Down
DROP TABLE mksync_imports;
DROP INDEX metakocka_contact_mappings_proposed;
ALTER TABLE metakocka_contact_mappings DROP COLUMN proposal, DROP COLUMN proposal_xid;
