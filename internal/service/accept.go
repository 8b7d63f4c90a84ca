package service

import (
	"context"
	"fmt"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/migrations"
	"github.com/crmmind/mksync/syncer/event"
)

// AcceptDatabase lets the service go on with a database that is not the one it
// knows; the service must not be running.
func AcceptDatabase(ctx context.Context, cfg config.Config) (cdc.Accepted, error) {
	if err := migrations.Check(ctx, cfg.DatabaseURL.Reveal(), Installation(cfg)); err != nil {
		return cdc.Accepted{}, err
	}
	pool, store, err := openStoreOf(ctx, cfg, poolSize, nil, nil)
	if err != nil {
		return cdc.Accepted{}, err
	}
	defer pool.Close()
	a, err := event.ListenerStates{States: store}.AcceptDatabase(ctx, ListenerConfig(cfg))
	if err != nil {
		return a, fmt.Errorf("accept the database: %w", err)
	}
	return a, nil
}
