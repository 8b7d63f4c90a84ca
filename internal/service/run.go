package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/crmmind/mksync/bus/embedded"
	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/doctor"
	"github.com/crmmind/mksync/internal/telemetry"
)

// Start says how a service starts. What may not be undone has to be asked for.
type Start struct {
	Options
	Migrate      bool // bring mksync's tables up to date first
	LowerStreams bool // let streams that are there get less
}

// Run is the service from its start to its end, which is that of ctx.
func Run(ctx context.Context, cfg config.Config, start Start, log *slog.Logger) error {
	cfg.LowerStreams = start.LowerStreams
	if start.Migrate {
		if _, err := Migrate(ctx, cfg); err != nil {
			return config.ExplainDatabase(cfg, err)
		}
	}

	tracing, err := telemetry.NewTracing(ctx, start.Version, os.Getenv, log)
	if err != nil {
		return err
	}
	if tracing != nil {
		start.Tracing = tracing
		defer tracing.Close(ctx)
	}

	s, err := New(ctx, cfg, start.Options, log)
	if errors.Is(err, embedded.ErrInUse) {
		return fmt.Errorf("%w: mksync runs there already; another process shares its work over MKSYNC_NATS_URL", err)
	}
	if ctx.Err() != nil && err != nil {
		return nil // stopped while it was starting
	}
	if err != nil {
		return err
	}
	defer s.Close()

	for _, f := range doctor.Unprotected(cfg.DatabaseURL.Reveal(), cfg.NATSURL.Reveal(), cfg.NATSEncrypted()) {
		log.Warn("a connection is not protected", "what", f.Detail, "do", f.Do)
	}
	log.Info("mksync is running", "version", start.Version, "roles", strings.Join(start.Roles, ","), "metakocka", cfg.MetaKockaURL)
	err = s.Run(ctx)
	if err == nil {
		log.Info("mksync has stopped")
	}
	return err
}
