-- +goose Up

-- What became of a form, for other processes to which the same one is sent: codes and ids, and
-- no value of a contact. NULL: it is under way, or it is no form.
ALTER TABLE mksync_used ADD COLUMN became jsonb;

-- Keys are looked for with each link and each partner that is stored, and most of them change
-- in a burst: a list of what is not in the index yet would be read from end to end each time.
ALTER INDEX metakocka_contact_mappings_held SET (fastupdate = off);
ALTER INDEX mksync_partners_keys SET (fastupdate = off);

-- +goose Down
ALTER INDEX mksync_partners_keys RESET (fastupdate);
ALTER INDEX metakocka_contact_mappings_held RESET (fastupdate);
ALTER TABLE mksync_used DROP COLUMN became;
