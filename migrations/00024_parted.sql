-- +goose Up

-- A person parted the partner from the contact that it was linked with. It may hold that
-- contact's data, so an e-mail alone links nobody else with it, until a person says whose it is.
ALTER TABLE mksync_partners ADD COLUMN parted boolean NOT NULL DEFAULT false;

UPDATE mksync_partners p SET parted = true FROM mksync_answers a JOIN metakocka_contact_mappings m USING (contact_id, metakocka_id)
	WHERE p.metakocka_id = a.metakocka_id AND m.sync_status = 'unlinked';

-- +goose Down
ALTER TABLE mksync_partners DROP COLUMN parted;
