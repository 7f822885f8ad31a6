//go:build !linux

package main

import "os/exec"

// owner is a user that a process is run as; nil is whoever runs this program.
type owner struct{ uid, gid uint32 }

// apart does nothing here: run the benchmarks as a user that PostgreSQL accepts, not as root.
func apart(*exec.Cmd, *owner) {}
