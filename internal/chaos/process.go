//go:build unix

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a program that runs beside this one. What it writes goes to a file.
type process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // set before ended is closed
}

// stopPatience is how long a process may take to end after it was asked to.
const stopPatience = 30 * time.Second

// launch starts a program. owner is as whom, nil for ourselves.
func launch(name, log string, owner *syscall.Credential, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer func() { _ = out.Close() }() // the process has its own
	//nolint:gosec // what runs is what we have built and installed
	cmd := exec.CommandContext(context.Background(), program, args...)
	p := &process{name: name, cmd: cmd, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	// A group of its own, so that an interrupt reaches only us, who take things down in order.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: owner}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// hasEnded says whether the process is gone.
func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stop ends the process with a signal and waits until it is gone.
func (p *process) stop(how syscall.Signal) error {
	if p == nil || p.hasEnded() {
		return nil
	}
	if err := p.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("stop %s: it did not end within %s", p.name, stopPatience)
	}
}
