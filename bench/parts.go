package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/crmmind/mksync/bus/embedded"
)

// The variables that make this binary be one of its own parts, in a process of
// its own so that what it takes can be told apart.
const (
	partVariable   = "MKSYNC_BENCH_PART"
	configVariable = "MKSYNC_BENCH_CONFIG" // JSON
)

// parts are what this binary can be besides the benchmark.
func parts() map[string]func(ctx context.Context, config []byte) error {
	return map[string]func(context.Context, []byte) error{
		"nats": natsPart, "relay": relayPart, "publish": publishPart,
	}
}

func runPart(ctx context.Context, name string) error {
	part, ok := parts()[name]
	if !ok {
		return fmt.Errorf("this program has no part %q", name)
	}
	if dir := os.Getenv(profileVariable); dir != "" {
		stop, err := profileSelf(filepath.Join(dir, fmt.Sprintf("%s-%d.pprof", name, os.Getpid())))
		if err != nil {
			return err
		}
		defer stop()
	}
	return part(ctx, []byte(os.Getenv(configVariable)))
}

// part starts this binary as one of its parts.
func (l *lab) part(name string, config any) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("write configuration of %s: %w", name, err)
	}
	cmd := exec.Command(exe) //nolint:noctx // stop ends it
	cmd.Env = append(os.Environ(), profileVariable+"="+l.Profile, partVariable+"="+name, configVariable+"="+string(data))
	return startProcess(name, cmd)
}

// natsConfig is the configuration of the part "nats".
type natsConfig struct{ Dir string }

// natsPart is a NATS server as mksync embeds it: file store, synced every second.
func natsPart(ctx context.Context, config []byte) error {
	var c natsConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	s, err := embedded.Start(ctx, embedded.Config{Dir: c.Dir, SyncInterval: syncInterval})
	if err != nil {
		return err
	}
	<-ctx.Done()
	s.Shutdown()
	return nil
}

// syncInterval is how often the NATS servers of the benchmark force what is
// stored to disk.
const syncInterval = time.Second
