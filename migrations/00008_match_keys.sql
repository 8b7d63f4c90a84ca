-- +goose Up

-- What a partner is found by in a first match: "tax <digits>", "email <address>",
-- "name <folded name>". Names are added where a partner is next seen otherwise.
ALTER TABLE mksync_partners ADD COLUMN keys text[] NOT NULL DEFAULT '{}';
UPDATE mksync_partners SET keys = array_remove(ARRAY[
	'tax ' || nullif(regexp_replace(tax_number, '[^0-9]', '', 'g'), ''), 'email ' || nullif(email, '')], NULL);
CREATE INDEX mksync_partners_keys ON mksync_partners USING gin (keys);

-- Partners of which a person said that they are not the contact's.
CREATE TABLE mksync_answers (
	contact_id uuid NOT NULL,
	metakocka_id varchar(255) NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	by text NOT NULL DEFAULT '',
	PRIMARY KEY (contact_id, metakocka_id)
);

-- +goose Down
DROP TABLE mksync_answers;
DROP INDEX mksync_partners_keys;
ALTER TABLE mksync_partners DROP COLUMN keys;
