package subprocess

import (
	"os/exec"
	"syscall"
)

// DiesWithParent says whether the kernel ends a child with us.
const DiesWithParent = true

// bind has the kernel send the command a signal when its parent dies.
func bind(cmd *exec.Cmd, farewell syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = farewell
}
