-- +goose Up

-- Each write to either side, and each decision. No foreign keys: a row outlives its contact
-- and its link. Of a person who is deleted or anonymized only the fields' names stay.
CREATE TABLE mksync_history (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    contact_id    uuid NOT NULL,
    metakocka_id  varchar(255),
    side          text CHECK (side IN ('crm', 'metakocka')),  -- what was written; null: nothing, it is a decision
    act           text NOT NULL,
    cause         text NOT NULL CHECK (cause IN ('event', 'poll', 'check', 'match', 'merge', 'undo', 'person', 'job')),
    by            text,  -- null: mksync itself
    rule          text,  -- the conflict rules that decided
    event_id      text,
    job           text,
    changed_after timestamptz,  -- when the other side was changed, as far as that is known
    changed_at    timestamptz,
    fields        jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX mksync_history_contact ON mksync_history (contact_id, id);
CREATE INDEX mksync_history_at ON mksync_history USING brin (at);  -- rows are added in its order, and it costs them nothing
CREATE INDEX mksync_history_job ON mksync_history (job) WHERE job IS NOT NULL;

-- +goose Down
DROP TABLE mksync_history;
