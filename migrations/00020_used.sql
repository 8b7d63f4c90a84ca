-- +goose Up

-- What is good once, for all processes that serve the console: sign-ins that were ended before
-- their time, links that signed somebody in, forms that were sent. Random ids and sums alone.
CREATE TABLE mksync_used (
    id    text PRIMARY KEY,
    until timestamptz NOT NULL  -- when it would be good no more anyway
);
CREATE INDEX mksync_used_until ON mksync_used (until);

-- +goose Down
DROP TABLE mksync_used;
