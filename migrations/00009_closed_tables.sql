-- +goose Up

-- Nobody but their owner reads or writes mksync's tables: close.plpgsql does that behind
-- every `mksync migrate up`, so that it holds for the tables of later migrations, too.
-- This one only makes a service ask for it.
SELECT 1;

-- +goose Down
SELECT 1;
