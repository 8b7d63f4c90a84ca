-- +goose Up

-- What the partner was to the ERP before it was retired with its contact: {"buyer": true, "supplier": false}.
ALTER TABLE metakocka_contact_mappings ADD COLUMN flags jsonb;
-- The keys of a contact whose match waits for a person, by which it is looked at again.
ALTER TABLE metakocka_contact_mappings ADD COLUMN held_keys text[];
CREATE INDEX metakocka_contact_mappings_held ON metakocka_contact_mappings USING gin (held_keys) WHERE held_keys IS NOT NULL;

-- +goose Down
DROP INDEX metakocka_contact_mappings_held;
ALTER TABLE metakocka_contact_mappings DROP COLUMN held_keys, DROP COLUMN flags;
