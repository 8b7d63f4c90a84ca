// Package subprocess starts programs that end with this one, killed or not, where the
// system can do that.
package subprocess

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Process is a program that was started.
type Process struct {
	Cmd *exec.Cmd

	done chan struct{}
	err  error // before done is closed
}

// Start starts the command; the kernel sends it farewell when this process dies.
// That is bound to the thread that starts it, so the thread is kept until the
// command has ended.
func Start(cmd *exec.Cmd, farewell syscall.Signal) (*Process, error) {
	bind(cmd, farewell)
	p := &Process{Cmd: cmd, done: make(chan struct{})}
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
		return nil, err
	}
	return p, nil
}

// StartApart is Start of a program that is ours to end: where it dies with us, an
// interrupt typed at the terminal is kept from it.
func StartApart(cmd *exec.Cmd, farewell syscall.Signal) (*Process, error) {
	if DiesWithParent {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	return Start(cmd, farewell)
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the program ended, as exec.Cmd.Wait does; nil while it runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}
