-- +goose Up

-- What became of a form, for other processes to which the same one is sent: codes and ids, and
-- no value of a contact. NULL: it is under way, or it is no form.
ALTER TABLE mksync_used ADD COLUMN became jsonb;

-- +goose Down
ALTER TABLE mksync_used DROP COLUMN became;
