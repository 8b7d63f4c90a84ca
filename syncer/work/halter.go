package work

import (
	"context"
	"log/slog"
	"time"

	"github.com/crmmind/mksync/mapping/store"
	"github.com/crmmind/mksync/syncer"
)

// Halts tells whether a person has stopped sending; *pgstore.Store does.
type Halts interface {
	Halted(ctx context.Context) (*store.Halt, error)
}

// Halter closes the gate of its process while a person has stopped sending. What is not told
// of it in time is refused by the reconciler, which reads it with each contact.
type Halter struct {
	halts Halts
	gate  *syncer.Gate
	look  time.Duration
	log   *slog.Logger
}

// NewHalter returns a ready Halter; look is how often it looks, a second where it is 0.
func NewHalter(halts Halts, gate *syncer.Gate, look time.Duration, log *slog.Logger) *Halter {
	return &Halter{halts: halts, gate: gate, look: positive(look, time.Second), log: log}
}

// Run looks until ctx ends. Where the database does not tell, all stays as it is.
func (h *Halter) Run(ctx context.Context) error {
	once := syncer.LogOnce{Log: h.log}
	for ctx.Err() == nil {
		halt, err := h.halts.Halted(ctx)
		if err == nil {
			h.gate.Halt(halt)
		}
		once.Warn(ctx, "whether sending is paused is not known", err)
		_ = syncer.Pause(ctx, h.look)
	}
	return nil
}
