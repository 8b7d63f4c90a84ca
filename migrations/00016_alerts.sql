-- +goose Up

-- Messages to people, one for each way that they go. No contact's data: codes and counts.
CREATE TABLE mksync_alerts (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),  -- what a receiver knows it by
    number     bigint GENERATED ALWAYS AS IDENTITY UNIQUE,  -- their order
    channel    text NOT NULL CHECK (channel IN ('webhook', 'mail')),
    type       text NOT NULL CHECK (type IN ('attention.needed', 'attention.over')),
    reasons    jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tries      integer NOT NULL DEFAULT 0,
    try_at     timestamptz NOT NULL DEFAULT clock_timestamp(),  -- until then it is somebody's who sends it, or rests
    ended_at   timestamptz,  -- sent; with an error: given up
    error      text  -- of the last try
);

CREATE INDEX mksync_alerts_open ON mksync_alerts (channel, number) WHERE ended_at IS NULL;

-- +goose Down
DROP TABLE mksync_alerts;
DELETE FROM mksync_state WHERE key = 'attention';
