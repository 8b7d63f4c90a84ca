// Package cluster tests mksync as it runs on several machines: three NATS servers that keep
// each stream three times, a Postgres that is followed by a standby, three processes of
// mksync, and a proxy on every wire between them. Whatever can go wrong with one of them
// does, while people edit on both sides.
//
// Every server and every mksync is a process of its own: this test's binary, which is told
// by a variable what to be.
package cluster

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/telemetry"
	"github.com/crmmind/mksync/internal/testenv"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
)

const (
	// rolesVariable makes this binary be mksync, with these roles.
	rolesVariable = "MKSYNC_TEST_CLUSTER_ROLES"
	// natsVariable makes it be a NATS server, of which the variable says everything.
	natsVariable = "MKSYNC_TEST_CLUSTER_NATS"
	// raceVariable has the race detector's options.
	raceVariable = "GORACE"
)

func TestMain(m *testing.M) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	switch {
	case os.Getenv(rolesVariable) != "":
		exit(runMksync(ctx))
	case os.Getenv(natsVariable) != "":
		exit(runNATS(ctx))
	}
	stop()

	// A process with the race detector otherwise waits a second at its end.
	_ = os.Setenv(raceVariable, os.Getenv(raceVariable)+" atexit_sleep_ms=0")
	testenv.Main(m, wire.Leaks()...)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "mksync:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runMksync is `mksync run --roles`.
func runMksync(ctx context.Context) error {
	cfg, err := config.Load("", os.Environ(), config.NeedDatabase, config.NeedMetaKocka)
	if err != nil {
		return err
	}
	log := telemetry.NewLogger(os.Stderr, telemetry.LogConfig{Level: cfg.LogLevel, Format: cfg.LogFormat})
	return service.Run(ctx, cfg, service.Start{Options: service.Options{
		Version: world.Version,
		Roles:   strings.Split(os.Getenv(rolesVariable), ","),
		Pace:    world.QuickPace,
	}}, log)
}
