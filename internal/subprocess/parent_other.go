//go:build !linux

package subprocess

import (
	"os/exec"
	"syscall"
)

// DiesWithParent says whether the kernel ends a child with us.
const DiesWithParent = false

// bind does nothing where the system offers no such thing.
func bind(*exec.Cmd, syscall.Signal) {}
