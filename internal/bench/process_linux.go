package main

import (
	"os/exec"
	"syscall"
)

// owner is a user that a process is run as; nil is whoever runs this program.
type owner struct{ uid, gid uint32 }

// apart gives a process a group of its own, so that an interrupt from the terminal leaves it to us to stop it, and lets
// it end with us if we are killed.
func apart(cmd *exec.Cmd, as *owner) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if as != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
}
