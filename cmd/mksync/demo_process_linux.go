package main

import (
	"os/exec"
	"syscall"
)

// diesWithParent says whether the kernel ends a child with us.
const diesWithParent = true

// detach keeps an interrupt typed at the terminal from the command, which we
// stop ourselves, and has the kernel kill it when we die.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
