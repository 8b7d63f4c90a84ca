package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/crmmind/mksync/internal/subprocess"
)

// process is a running program that is measured.
type process struct {
	*subprocess.Process

	name string
	log  *tailBuffer
}

// startProcess runs a program that ends with this one.
func startProcess(name string, cmd *exec.Cmd) (*process, error) {
	log := &tailBuffer{}
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.Stderr = log
	cmd.WaitDelay = time.Second
	started, err := subprocess.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &process{Process: started, name: name, log: log}, nil
}

// stop asks the program to end, and kills it when it does not.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Done()
}

// await polls until check is true, and fails when the program ends or ctx does.
func (p *process) await(ctx context.Context, every time.Duration, check func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		ok, err := check()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w: %s", p.name, ctx.Err(), p.log.String())
		case <-p.Done():
			if ok, err := check(); ok || err != nil {
				return err
			}
			return fmt.Errorf("%s ended too early: %w: %s", p.name, cmp.Or(p.Err(), errEnded), p.log.String())
		case <-tick.C:
		}
	}
}

// usage is what a process has taken so far.
type usage struct {
	cpu  float64 // seconds, in user and system mode
	peak float64 // MiB, the largest resident set so far
	rss  float64 // MiB, the resident set now
}

var (
	errNoUsage = errors.New("this system does not tell a process's usage under /proc")
	errEnded   = errors.New("with success")
)

// usage reads what the process has taken; while it runs.
func (p *process) usage() (usage, error) { return usageOf(p.Cmd.Process.Pid) }

// usageOf is the usage of a process of this machine.
func usageOf(pid int) (usage, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return usage{}, errNoUsage
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return usage{}, errNoUsage
	}
	// The name in parentheses may hold blanks; what follows it does not.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return usage{}, errNoUsage
	}

	const ticksPerSecond = 100 // USER_HZ, on every Linux that Go runs on
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return usage{
		cpu:  (user + system) / ticksPerSecond,
		peak: kibibytes(string(status), "VmHWM:") / 1024,
		rss:  kibibytes(string(status), "VmRSS:") / 1024,
	}, nil
}

func kibibytes(status, name string) float64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			v, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return v
		}
	}
	return 0
}

// tailBuffer keeps the end of what a program wrote, for an error's text.
type tailBuffer struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 2000

// Write never fails.
func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
	}
	return len(p), nil
}

// String is the end of it.
func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
