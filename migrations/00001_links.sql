-- +goose Up

-- A link pairs a contact of the CRM with a partner of MetaKocka.
-- No foreign key on contacts: the CRM's table stays the CRM's.
CREATE TABLE metakocka_contact_mappings (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    contact_id          uuid NOT NULL,
    metakocka_id        varchar(255),
    metakocka_type      varchar(50) NOT NULL DEFAULT 'partner',
    sync_status         varchar(50) NOT NULL DEFAULT 'pending',
    last_synced_at      timestamptz,
    last_error          text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    created_by          text,
    updated_at          timestamptz NOT NULL DEFAULT now(),
    updated_by          text,
    -- What each side held when they last agreed: {"crm": {...}, "partner": {...}}.
    base                jsonb,
    -- The partner's half of the base is what was sent, not yet what was read back.
    base_assumed        boolean NOT NULL DEFAULT false,
    -- Commit time of the contact's last known change.
    crm_changed_at      timestamptz,
    -- The last moment at which the partner is known to have held its base.
    partner_observed_at timestamptz,
    -- A write that was begun and whose end is not known yet.
    intent              jsonb,
    -- A person's decisions for parked fields: {"phone": "crm"}.
    overrides           jsonb,
    -- Fields in which the two sides knowingly differ.
    differing           text[] NOT NULL DEFAULT '{}',
    CONSTRAINT metakocka_contact_mappings_status CHECK (sync_status IN
        ('pending', 'synced', 'error', 'partial', 'conflict', 'held', 'deleted', 'unlinked'))
);

CREATE UNIQUE INDEX metakocka_contact_mappings_contact ON metakocka_contact_mappings (contact_id);
-- One partner belongs to one living contact (invariant 11); tombstones may share it.
CREATE UNIQUE INDEX metakocka_contact_mappings_partner ON metakocka_contact_mappings (metakocka_id)
    WHERE sync_status NOT IN ('deleted', 'unlinked');
CREATE INDEX metakocka_contact_mappings_any_partner ON metakocka_contact_mappings (metakocka_id);
CREATE INDEX metakocka_contact_mappings_status_idx ON metakocka_contact_mappings (sync_status);
CREATE INDEX metakocka_contact_mappings_intent ON metakocka_contact_mappings (contact_id) WHERE intent IS NOT NULL;

-- The partners as last seen.
CREATE TABLE mksync_partners (
    metakocka_id  varchar(255) PRIMARY KEY,
    hash          text NOT NULL,
    name          text NOT NULL DEFAULT '',
    tax_number    text NOT NULL DEFAULT '',  -- canonical
    email         text NOT NULL DEFAULT '',  -- canonical
    data          jsonb NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    observed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_after timestamptz,  -- it was last seen with other content then
    missing_since timestamptz
);

CREATE INDEX mksync_partners_tax ON mksync_partners (tax_number) WHERE tax_number <> '';
CREATE INDEX mksync_partners_email ON mksync_partners (email) WHERE email <> '';

-- Small things the service must remember: where the listener and the poller are.
CREATE TABLE mksync_state (
    key        text PRIMARY KEY,
    value      jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The conflict journal.
CREATE TABLE mksync_conflicts (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link_id        uuid NOT NULL REFERENCES metakocka_contact_mappings (id) ON DELETE CASCADE,
    field          text NOT NULL,
    base_crm       text NOT NULL,
    base_partner   text NOT NULL,
    crm_value      text NOT NULL,
    partner_value  text NOT NULL,
    crm_changed_at timestamptz,
    partner_after  timestamptz,
    partner_before timestamptz,
    rule           text NOT NULL,
    winner         text NOT NULL DEFAULT '',
    undecidable    boolean NOT NULL DEFAULT false,
    status         text NOT NULL CHECK (status IN ('decided', 'parked', 'resolved', 'undone')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    closed_at      timestamptz,
    closed_by      text
);

CREATE INDEX mksync_conflicts_link ON mksync_conflicts (link_id, created_at);
-- A field of a link waits for a person once, not once per look at it.
CREATE UNIQUE INDEX mksync_conflicts_parked ON mksync_conflicts (link_id, field) WHERE status = 'parked';

-- Deletions: applied ones are counted by the guard, held ones wait for a person.
CREATE TABLE mksync_deletions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    link_id    uuid NOT NULL REFERENCES metakocka_contact_mappings (id) ON DELETE CASCADE,
    side       text NOT NULL CHECK (side IN ('crm', 'metakocka')),
    reason     text NOT NULL DEFAULT '',
    status     text NOT NULL CHECK (status IN ('applied', 'held', 'approved', 'rejected', 'void')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at  timestamptz,
    closed_by  text
);

CREATE INDEX mksync_deletions_recent ON mksync_deletions (created_at);
CREATE UNIQUE INDEX mksync_deletions_held ON mksync_deletions (link_id) WHERE status IN ('held', 'approved');

-- +goose Down
DROP TABLE mksync_deletions;
DROP TABLE mksync_conflicts;
DROP TABLE mksync_state;
DROP TABLE mksync_partners;
DROP TABLE metakocka_contact_mappings;
