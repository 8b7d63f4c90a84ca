package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
)

// machine is what the figures were taken on.
type machine struct {
	Cores     int    `json:"cores"`
	Processor string `json:"processor,omitempty"`
	System    string `json:"system"`
	Kernel    string `json:"kernel,omitempty"`
	Go        string `json:"go"`
	Commit    string `json:"commit,omitempty"`
	Postgres  string `json:"postgres"`
	NATS      string `json:"nats"`
}

// String is the machine in one line.
func (m machine) String() string {
	parts := []string{fmt.Sprintf("%d cores", m.Cores)}
	for _, p := range []string{m.Processor, m.System, m.Kernel, m.Go, "Postgres " + m.Postgres + " (fsync on)", "nats-server " + m.NATS, "mksync " + m.Commit} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, ", ")
}

func describeMachine(ctx context.Context, postgres string) (machine, error) {
	m := machine{Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = strings.TrimSpace(string(b))
	}
	m.Processor = processor()
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	conn, err := pgx.Connect(ctx, postgres)
	if err != nil {
		return m, fmt.Errorf("connect to Postgres: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := conn.QueryRow(ctx, "SHOW server_version").Scan(&m.Postgres); err != nil {
		return m, fmt.Errorf("read Postgres's version: %w", err)
	}
	m.Postgres, _, _ = strings.Cut(m.Postgres, " ")
	return m, nil
}

// processor is the model's name, where the system tells it.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
