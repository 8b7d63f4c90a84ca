-- +goose Up

-- Whose partner a conflict was about: the values are the partner's, too, and go with it,
-- also where the contact has another one by now.
ALTER TABLE mksync_conflicts ADD COLUMN metakocka_id varchar(255);
UPDATE mksync_conflicts c SET metakocka_id = m.metakocka_id FROM metakocka_contact_mappings m WHERE m.id = c.link_id;
CREATE INDEX mksync_conflicts_partner ON mksync_conflicts (metakocka_id);

-- A partner's history: to list it, and to take the values out of it.
CREATE INDEX mksync_history_partner ON mksync_history (metakocka_id, id) WHERE metakocka_id IS NOT NULL;

-- +goose Down
DROP INDEX mksync_history_partner;
ALTER TABLE mksync_conflicts DROP COLUMN metakocka_id;
