-- +goose Up

-- The order in which partners were first seen, by which no clock decides.
ALTER TABLE mksync_partners ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX mksync_partners_number ON mksync_partners (number);

-- +goose Down
ALTER TABLE mksync_partners DROP COLUMN number;
