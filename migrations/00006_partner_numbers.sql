-- +goose Up

-- The order in which partners were first seen, by which no clock decides.
ALTER TABLE mksync_partners ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;

-- +goose Down
ALTER TABLE mksync_partners DROP COLUMN number;
