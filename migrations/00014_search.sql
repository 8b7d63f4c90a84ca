-- +goose Up

-- What each contact is searched by, folded: words of both sides, in a table of their own,
-- because a search reads it all. It goes with the link, and with the contact.
CREATE TABLE mksync_search (
    link_id    uuid PRIMARY KEY REFERENCES metakocka_contact_mappings (id) ON DELETE CASCADE,
    contact_id uuid NOT NULL,
    words      text COLLATE "C" NOT NULL
);

CREATE INDEX mksync_search_contact ON mksync_search (contact_id);
CREATE INDEX mksync_partners_count_code ON mksync_partners ((data->>'count_code'));  -- the partner's number, as people know it

-- +goose Down
DROP INDEX mksync_partners_count_code;
DROP TABLE mksync_search;
