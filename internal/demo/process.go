package demo

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/crmmind/mksync/internal/subprocess"
)

// stopTime is how long the service may take to stop when it is asked to.
const stopTime = 3 * time.Second

// process runs the service as a process of its own, which is killed and
// started again. It dies with this process where the system can do that.
type process struct {
	path string
	args []string
	env  []string
	log  *logTail

	mu      sync.Mutex          // guards what follows
	running *subprocess.Process // the newest; nil before the first start
}

func (p *process) start() error {
	cmd := exec.Command(p.path, p.args...) //nolint:noctx // it is stopped by stop and kill
	cmd.Env = p.env
	cmd.Stdout = p.log
	cmd.Stderr = p.log
	cmd.WaitDelay = time.Second
	started, err := subprocess.StartApart(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = started
	return nil
}

// pid is the number of the running process; 0 before the first start.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		return 0
	}
	return p.running.Cmd.Process.Pid
}

// ended is closed when the process has ended; it never is before the first start.
func (p *process) ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		return nil
	}
	return p.running.Done()
}

// exit says how the process ended.
func (p *process) exit() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.running.Err(); err != nil {
		return err.Error()
	}
	return "exit status 0"
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *process) kill() error { return p.end(syscall.SIGKILL, stopTime) }

// stop asks the process to end, and kills it when it does not.
func (p *process) stop() error {
	if p.pid() == 0 {
		return nil
	}
	if p.end(syscall.SIGTERM, stopTime) == nil {
		return nil
	}
	return p.kill()
}

var errStillRuns = errors.New("the service does not end")

func (p *process) end(signal syscall.Signal, within time.Duration) error {
	p.mu.Lock()
	running := p.running
	p.mu.Unlock()
	select {
	case <-running.Done():
		return nil
	default:
	}
	_ = running.Cmd.Process.Signal(signal)
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-running.Done():
		return nil
	case <-timer.C:
		return errStillRuns
	}
}

func (p *process) lastLines() []string { return p.log.last() }

// tailLines is how much of the service's log is kept.
const tailLines = 15

// logTail keeps the last lines that are written to it, and copies all to also.
type logTail struct {
	also io.Writer // nil: nowhere

	mu    sync.Mutex // guards what follows
	lines []string
	open  []byte // a line without its end
}

func (t *logTail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.also != nil {
		_, _ = t.also.Write(b)
	}
	t.open = append(t.open, b...)
	for {
		line, rest, found := bytes.Cut(t.open, []byte("\n"))
		if !found {
			return len(b), nil
		}
		t.lines = append(t.lines, string(line))
		t.lines = t.lines[max(len(t.lines)-tailLines, 0):]
		t.open = rest
	}
}

func (t *logTail) last() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.lines)
}
