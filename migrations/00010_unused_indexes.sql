-- +goose Up

-- Partners are matched by their keys.
DROP INDEX mksync_partners_tax;
DROP INDEX mksync_partners_email;

-- +goose Down
CREATE INDEX mksync_partners_tax ON mksync_partners (tax_number) WHERE tax_number <> '';
CREATE INDEX mksync_partners_email ON mksync_partners (email) WHERE email <> '';
