package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// process is a program that runs beside this one until it is stopped.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *output
	ended  chan struct{}
	err    error // set before ended is closed
}

const (
	startPatience = time.Minute      // for a process to say that it is ready
	stopPatience  = 30 * time.Second // for a process to end after it was asked to
	killPatience  = 5 * time.Second
)

// startProcess starts a program with nothing of our own environment but what it is given. Both of its streams go to
// its log.
func startProcess(ctx context.Context, name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, output: newOutput(), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if cmd.Env == nil {
		cmd.Env = environment()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		p.output.close()
		close(p.ended)
	}()
	return p, nil
}

// program is a program to be started, in a group of its own.
func program(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // which program it is, is ours to say
	apart(cmd, nil)
	return cmd
}

// resident is a program that ends by stop, not with ctx.
func resident(ctx context.Context, path string, args ...string) *exec.Cmd {
	return program(context.WithoutCancel(ctx), path, args...)
}

// environment is what programs need of ours.
func environment() []string {
	var kept []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS", "GOPROXY"} {
		if value, ok := os.LookupEnv(name); ok {
			kept = append(kept, name+"="+value)
		}
	}
	return kept
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// failed tells that the process ended by itself.
func (p *process) failed() error {
	return fmt.Errorf("%s ended: %w: %s", p.name, orNone(p.err), p.output.last())
}

var errNoReason = errors.New("without an error")

func orNone(err error) error {
	if err == nil {
		return errNoReason
	}
	return err
}

// stop asks the process to end, and makes it end if it does not. One that has ended is left alone.
func (p *process) stop(how os.Signal) error {
	select {
	case <-p.ended:
		return nil
	default:
	}
	_ = p.cmd.Process.Signal(how) // it may end just now
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopPatience):
	}
	_ = p.cmd.Process.Kill()
	select {
	case <-p.ended:
	case <-time.After(killPatience):
	}
	return fmt.Errorf("stop %s: it did not end within %s: %s", p.name, stopPatience, p.output.last())
}

// output keeps what a process writes, up to a bound, and lets others wait for a line of it.
type output struct {
	mu      sync.Mutex
	kept    bytes.Buffer
	partial []byte
	lines   chan string // those that nobody has taken; more are dropped
	closed  bool
}

const (
	keptOutput   = 4 << 20
	waitingLines = 1024
	lastOutput   = 1000
)

func newOutput() *output { return &output{lines: make(chan string, waitingLines)} }

// Write implements [io.Writer].
func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := keptOutput - o.kept.Len(); room > 0 {
		o.kept.Write(data[:min(len(data), room)])
	}
	o.partial = append(o.partial, data...)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte{'\n'})
		if !found {
			return len(data), nil
		}
		select {
		case o.lines <- string(line):
		default:
		}
		o.partial = rest
	}
}

var _ io.Writer = (*output)(nil)

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		close(o.lines)
	}
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}

// last is the end of the output, on one line.
func (o *output) last() string {
	text := strings.TrimSpace(o.text())
	if len(text) > lastOutput {
		text = "…" + text[len(text)-lastOutput:]
	}
	return strings.ReplaceAll(text, "\n", "; ")
}

// await waits for a line that found accepts.
func (p *process) await(ctx context.Context, found func(line string) bool) error {
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	for {
		select {
		case line, open := <-p.output.lines:
			if !open {
				<-p.ended
				return p.failed()
			}
			if found(line) {
				return nil
			}
		case <-timer.C:
			return fmt.Errorf("%s is not ready after %s: %s", p.name, startPatience, p.output.last())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// execute runs a program to its end and gives its standard output.
func execute(ctx context.Context, name string, cmd *exec.Cmd) ([]byte, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if cmd.Env == nil {
		cmd.Env = environment()
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		said := strings.ReplaceAll(strings.TrimSpace(errs.String()), "\n", "; ")
		return out.Bytes(), fmt.Errorf("run %s: %w: %s", name, err, said)
	}
	return out.Bytes(), nil
}
