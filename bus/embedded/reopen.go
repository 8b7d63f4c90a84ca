package embedded

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A stream whose file could not be written, most often for want of room on the disk, takes
// nothing more for as long as its server runs: it leaves the message that it could not
// store without an answer, and those behind it are refused as not following it. So the
// server is watched, and its store opened anew when something can be written there again.

const (
	lookEvery  = time.Second
	reopenMost = time.Minute // between two tries, where one after the other fails

	// room is what the disk has to have free before the store is opened anew, and probe
	// what is written there first: a quota does not show in what is free.
	room      = 8 << 20
	probe     = 64 << 10
	probeFile = "nats.probe"
)

// Run watches the store until ctx ends, and opens it anew after it could not be written to.
// Clients lose their connection then, and find the server at the same address.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	wait, opened := lookEvery, time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		ns := s.running()
		if why := writeError(ns); why != "" {
			s.refuse(why, ns)
		}
		if s.Refusal() == "" || time.Since(opened) < wait || !s.writable() {
			continue
		}

		// A store that fails again soon is left alone for longer each time.
		if time.Since(opened) > 2*reopenMost {
			wait = lookEvery
		}
		wait, opened = min(2*wait, reopenMost), time.Now()
		if err := s.reopen(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "the embedded NATS server's store cannot be opened anew yet", "error", err, "retry_in", wait.String())
		}
	}
}

// Refusal is why the store takes nothing, for people; empty when it does.
func (s *Server) Refusal() string {
	s.mu.Lock()
	why := s.refusal
	s.mu.Unlock()
	if why == "" {
		return ""
	}
	free := ""
	if n, ok := freeBytes(s.dir); ok {
		free = fmt.Sprintf(", whose disk has %.1f MiB free", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%s (in %s%s); once it can be written to and has %d MiB free, mksync goes on by itself", why, s.dir, free, room>>20)
}

// refuse keeps the first reason, and logs it once.
func (s *Server) refuse(why string, ns *server.Server) {
	s.mu.Lock()
	first := s.refusal == ""
	if first {
		s.refusal = why
		s.streams = streamCount(ns)
	}
	s.mu.Unlock()
	if first {
		s.log.Error("the embedded NATS server's store is stuck; it is opened anew as soon as something can be written there", "problem", s.Refusal())
	}
}

// writeError is why a stream of the server takes nothing more, or all of JetStream.
func writeError(ns *server.Server) string {
	for _, e := range ns.Healthz(&server.HealthzOptions{Details: true}).Errors {
		const mark = " write error: "
		if _, why, ok := strings.Cut(e.Error, mark); ok {
			return why
		}
		if e.Type == server.HealthzErrorJetStream {
			return e.Error
		}
	}
	return ""
}

// writable tries whether there is room to go on.
func (s *Server) writable() bool {
	if free, ok := freeBytes(s.dir); ok && free < room {
		return false
	}
	path := filepath.Join(s.dir, probeFile)
	err := os.WriteFile(path, make([]byte, probe), private)
	return removeIfThere(path) == nil && err == nil
}

// reopen starts the server anew on the same address. It succeeds when every stream that
// was there is there again.
func (s *Server) reopen(ctx context.Context) error {
	if _, port, err := net.SplitHostPort(s.addr); err == nil {
		s.cfg.Port, _ = strconv.Atoi(port)
	}
	s.stop()
	if err := s.serve(ctx); err != nil {
		return err
	}
	if n := streamCount(s.running()); n < s.streams {
		return fmt.Errorf("%w: %d of %d streams are there", errStart, n, s.streams)
	}
	if why := writeError(s.running()); why != "" {
		return fmt.Errorf("%w: %s", errStart, why)
	}

	s.mu.Lock()
	s.refusal = ""
	s.mu.Unlock()
	s.log.Info("the embedded NATS server's store is open again", "dir", s.dir)
	return nil
}

func streamCount(ns *server.Server) int {
	info, err := ns.Jsz(nil)
	if err != nil {
		return 0
	}
	return info.Streams
}
