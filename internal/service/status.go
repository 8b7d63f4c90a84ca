package service

import (
	"cmp"
	"context"
	"errors"

	"github.com/nats-io/nats.go"

	"github.com/crmmind/mksync/bus"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/control"
	"github.com/crmmind/mksync/syncer/operations"
	"github.com/crmmind/mksync/syncer/status"
)

// Status asks the running service, or the database where none runs; by says
// which.
func Status(ctx context.Context, cfg config.Config, version string) (s status.Status, by string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	nc, _ := Dial(ctx, cfg)
	if nc != nil { // else the status names what does not answer
		defer nc.Close()
		instance, err := control.Find(ctx, nc, cfg.Names(), 0)
		if err == nil {
			s, err = operations.OpStatus.Ask(ctx, control.NewClient(nc, cfg.Names()), operations.Nothing{})
		}
		if !errors.Is(err, control.ErrNoService) {
			return s, "the running service, process " + cmp.Or(instance.Process, "unknown") + " on " + cmp.Or(instance.Host, "some machine"), err
		}
	}
	s, err = ownStatus(ctx, cfg, version, nc)
	return s, "the database; no running service answers", err
}

// ownStatus is the status as far as the database and NATS alone know it.
func ownStatus(ctx context.Context, cfg config.Config, version string, nc *nats.Conn) (status.Status, error) {
	if err := checkSchema(ctx, cfg); err != nil {
		return status.Status{}, err
	}
	pool, store, err := OpenStore(ctx, cfg)
	if err != nil {
		return status.Status{}, err
	}
	defer pool.Close()
	m := &status.Monitor{Version: version, SlotName: cfg.Slot, PollInterval: cfg.PollInterval, Figures: store, Heartbeat: cfg.HeartbeatInterval, Patience: Patience(cfg), Alerts: cfg.Told().Channels()}
	m.ColumnsGone = func() []string { return columnsGone(cfg, store.Fields()) }
	if nc != nil {
		m.Connected = nc.IsConnected
		if m.Bus, err = bus.Attach(nc, cfg.Names()); err != nil {
			return status.Status{}, err
		}
	}
	return m.Status(ctx), nil
}
