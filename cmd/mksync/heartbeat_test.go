package main

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/crmmind/mksync/internal/config"
	"github.com/crmmind/mksync/internal/service"
	"github.com/crmmind/mksync/internal/testenv/keeper"
	"github.com/crmmind/mksync/internal/testenv/long"
	"github.com/crmmind/mksync/internal/testenv/wire"
	"github.com/crmmind/mksync/internal/testenv/world"
)

// TestStandingStillBetweenSlotAndStream: the connection is there, but the server
// gives nothing out. Another process and the listener's own tell so.
func TestStandingStillBetweenSlotAndStream(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.NewBeating(t)
	others, _ := w.Start(service.RolePusher, service.RolePuller, service.RolePoller)
	direct := w.Config.DatabaseURL
	postgres, through := wire.New(t, "postgres", direct.Reveal())
	w.Config.DatabaseURL = config.Secret(through)
	s, stop := w.Start(service.RoleListener)
	w.Beats(others)
	w.NoProblem(others)
	w.Eventually(func() error {
		if said := s.Monitor().Status(t.Context()).NotReady; len(said) > 0 {
			return fmt.Errorf("not ready: %q", said)
		}
		return nil
	})

	postgres.Spoil(t, wire.Toxic{Kind: "timeout", Attributes: map[string]int{"timeout": 0}}, "downstream", 1)
	w.Problem(others, "no heartbeat of the listener came from the slot into the stream")
	postgres.Heal(t)
	w.Beats(others)
	w.NoProblem(others)
	stop()
}

// TestTheStreamsServerStandsStill: with nothing to publish only the heartbeat
// misses the stream.
func TestTheStreamsServerStandsStill(t *testing.T) {
	long.Only(t)
	t.Parallel()
	w := world.NewBeating(t)
	server := startNATS(t)
	w.Config.NATSURL = config.Secret(server.url(t))
	s, _ := w.Start(service.RoleListener)
	w.Beats(s)
	server.Signal(syscall.SIGSTOP, keeper.Unasked)
	w.Problem(s, "the listener's heartbeat does not come from the slot into the stream")
	server.Signal(syscall.SIGCONT, keeper.Unasked)
	w.Beats(s)
}
