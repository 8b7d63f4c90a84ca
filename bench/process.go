package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a running program that is measured.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *tailBuffer
	done chan struct{} // closed when it has ended
	err  error         // how it ended, after done
}

// startProcess runs a program that ends with this one, killed or not (where the
// system can do that: it is bound to the thread that starts it).
func startProcess(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, log: &tailBuffer{}, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.log
	}
	cmd.Stderr = p.log
	cmd.WaitDelay = time.Second
	dieWithParent(cmd)
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// stop asks the program to end, and kills it when it does not.
func (p *process) stop() {
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
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
		case <-p.done:
			if ok, err := check(); ok || err != nil {
				return err
			}
			return fmt.Errorf("%s ended too early: %w: %s", p.name, cmp.Or(p.err, errEnded), p.log.String())
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
func (p *process) usage() (usage, error) {
	dir := "/proc/" + strconv.Itoa(p.cmd.Process.Pid)
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
