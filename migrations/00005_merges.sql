-- +goose Up

-- Merges of two contacts: what is left to do of them, and what undoing one needs.
-- No foreign keys: the record outlives contacts and links.
CREATE TABLE mksync_merges (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    loser_id       uuid NOT NULL,
    winner_id      uuid NOT NULL,
    status         text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'merged', 'undoing', 'undone')),
    taken          text[] NOT NULL DEFAULT '{}',  -- fields that the winner took over
    winner_before  jsonb NOT NULL,
    winner_after   jsonb NOT NULL,
    loser_row      jsonb,  -- every column as text; null: it can no longer be undone
    loser_link     jsonb,  -- the links as they were
    winner_link    jsonb,
    moved_id       varchar(255),  -- the loser's partner, which became the winner's
    partner_id     varchar(255),  -- the loser's partner, which is superfluous
    policy         text NOT NULL DEFAULT '',  -- what becomes of it
    partner_before jsonb,
    partner_after  jsonb,
    note           text NOT NULL DEFAULT '',
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by     text,
    finished_at    timestamptz,
    undone_at      timestamptz,
    undone_by      text
);

CREATE INDEX mksync_merges_open ON mksync_merges (id) WHERE status IN ('running', 'undoing');
CREATE INDEX mksync_merges_loser ON mksync_merges (loser_id);
CREATE INDEX mksync_merges_winner ON mksync_merges (winner_id);

-- +goose Down
DROP TABLE mksync_merges;
