-- +goose Up

-- Since when a person is asked about a contact's match, however often it is looked at again
-- meanwhile; null beside held_keys: since the row was stored last.
ALTER TABLE metakocka_contact_mappings ADD COLUMN unclear_since timestamptz;

-- +goose Down
ALTER TABLE metakocka_contact_mappings DROP COLUMN unclear_since;
