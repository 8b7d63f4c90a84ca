package service

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/crmmind/mksync/cdc"
	"github.com/crmmind/mksync/syncer/status"
)

const (
	// startLook is between two looks at a service that starts.
	startLook = time.Second
	// usualLook is between two looks where no watchdog asks for more.
	usualLook = 30 * time.Second
	// moreTime is what a service that starts asks for with each look: a look that hangs
	// ends the start, as the watchdog ends the work.
	moreTime = time.Minute
)

// notify tells the supervisor that started the process, where it is one that asks to be
// told (systemd's Type=notify; the protocol is sd_notify(3)): that the roles do their
// work for the first time, from then on that how they do can be looked at, and the end.
// An outage of others is no reason to be started again: it is told in words alone.
func (s *Service) notify(ctx context.Context) error {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("read how often the supervisor is to be told: %w", err)
	}
	if !s.tell("STATUS=starting") {
		return nil
	}
	defer s.tell(daemon.SdNotifyStopping)

	every := cmp.Or(watchdog/3, usualLook)
	tick := time.NewTicker(startLook)
	defer tick.Stop()
	for ready := false; ; {
		now := s.look(ctx, every)
		switch {
		case ctx.Err() != nil:
			return nil
		case ready:
			s.tell(daemon.SdNotifyWatchdog, inWords(now))
		case s.works(now):
			ready = true
			tick.Reset(every)
			s.tell(daemon.SdNotifyReady, inWords(now))
		default:
			s.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", moreTime.Microseconds()), inWords(now))
		}

		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// tell sends the supervisor lines; false: there is none, or it cannot be reached. That
// ends nothing here: what it does to those that are silent is its own affair.
func (s *Service) tell(lines ...string) bool {
	told, err := daemon.SdNotify(false, strings.Join(lines, "\n"))
	if err != nil {
		s.log.Warn("the supervisor cannot be told how the service stands", "error", err)
	}
	return told
}

// look is how the service stands. What does not answer in time is named there.
func (s *Service) look(ctx context.Context, limit time.Duration) status.Status {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return s.Monitor().Status(ctx)
}

// works reports whether every role of this process has begun, and nothing keeps it from
// its work.
func (s *Service) works(now status.Status) bool {
	if slices.Contains(s.Roles, RoleAPI) && s.HTTPAddr() == "" {
		return false
	}
	if slices.Contains(s.Roles, RoleListener) && slices.Contains([]string{cdc.StateStopped, cdc.StateConnecting}, now.Listener.State) {
		return false
	}
	return len(now.NotReady) == 0
}

// inWords is the line that `systemctl status` shows.
func inWords(now status.Status) string {
	return "STATUS=" + cmp.Or(strings.Join(now.NotReady, "; "), "ready")
}
