package main

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// demoStop is how long the service may take to stop when it is asked to.
const demoStop = 3 * time.Second

// demoProcess runs the service as a process of its own, which is killed and
// started again. It dies with this process where the system can do that.
type demoProcess struct {
	path string
	args []string
	env  []string
	log  *logTail

	mu   sync.Mutex // guards what follows
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended; nil before the first start
	err  error         // how it ended
}

// start starts the process. The system binds the end of a child to the thread
// that started it, so the thread is kept until then.
func (p *demoProcess) start() error {
	cmd := exec.Command(p.path, p.args...) //nolint:noctx // it is stopped by stop and kill
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, p.log, p.log
	cmd.WaitDelay = time.Second
	detach(cmd)
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err = err
	}()
	if err := <-started; err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.done = cmd, done
	return nil
}

// pid is the number of the running process; 0 before the first start.
func (p *demoProcess) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// ended is closed when the process has ended; it never is before the first start.
func (p *demoProcess) ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// exit says how the process ended.
func (p *demoProcess) exit() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return "exit status 0"
	}
	return p.err.Error()
}

// kill ends the process as a power cut would, and waits until it is gone.
func (p *demoProcess) kill() error { return p.end(syscall.SIGKILL, demoStop) }

// stop asks the process to end, and kills it when it does not.
func (p *demoProcess) stop() error {
	if p.pid() == 0 {
		return nil
	}
	if p.end(syscall.SIGTERM, demoStop) == nil {
		return nil
	}
	return p.kill()
}

var errStillRuns = errors.New("the service does not end")

func (p *demoProcess) end(signal syscall.Signal, within time.Duration) error {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	select {
	case <-done:
		return nil
	default:
	}
	_ = cmd.Process.Signal(signal)
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return errStillRuns
	}
}

func (p *demoProcess) lastLines() []string { return p.log.last() }

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
