-- +goose Up

-- The contacts that a replay with an authority works on. Until then nothing else
-- reconciles them; a replay that was killed lets go of them by itself.
CREATE TABLE mksync_replays (
    contact_id uuid PRIMARY KEY,
    until      timestamptz NOT NULL
);

-- +goose Down
DROP TABLE mksync_replays;
