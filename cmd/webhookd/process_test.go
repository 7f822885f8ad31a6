package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// binaries are built once and run as real processes.
var binaries struct{ webhookd, natsServer string }

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "webhookd-test")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binaries.webhookd = filepath.Join(dir, "webhookd")
	binaries.natsServer = filepath.Join(dir, "nats-server")
	build(append([]string{"-o", binaries.webhookd, "-ldflags", "-X main.version=v0.0.0-test"}, append(raceFlags, ".")...)...)
	build("-o", binaries.natsServer, "github.com/nats-io/nats-server/v2")
	return m.Run()
}

func build(args ...string) {
	if out, err := exec.Command("go", append([]string{"build"}, args...)...).CombinedOutput(); err != nil {
		panic("go build " + strings.Join(args, " ") + ": " + string(out))
	}
}

// patience is how long anything may take on a busy machine before a test gives up. Nothing waits for it to pass.
const patience = 60 * time.Second

// running is one real process.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *lines
	stderr *lines
	ended  chan struct{}
	code   int
}

// start runs webhookd with nothing of our own environment but the path.
func start(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	return startBinary(t, binaries.webhookd, environ, nil, args...)
}

func startBinary(t *testing.T, binary string, environ []string, stdin io.Reader, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{t: t, cmd: exec.CommandContext(ctx, binary, args...), ended: make(chan struct{})}
	r.stdout, r.stderr = newLines(), newLines()
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	r.cmd.Dir = t.TempDir()
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = stdin, r.stdout, r.stderr
	require.NoError(t, r.cmd.Start())
	go func() {
		err := r.cmd.Wait()
		r.code = r.cmd.ProcessState.ExitCode()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			r.code = -1
		}
		r.stdout.close()
		r.stderr.close()
		close(r.ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.ended
		if t.Failed() {
			t.Logf("%v: stdout:\n%s\nstderr:\n%s", args, r.stdout.text(), r.stderr.text())
		}
	})
	return r
}

// wait waits for the process to end by itself and gives its exit code.
func (r *running) wait() int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		require.FailNow(r.t, "the process does not end")
	}
	return r.code
}

func (r *running) signal(signal syscall.Signal) {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Signal(signal))
}

// lines is what a process writes, line by line as it comes.
type lines struct {
	mu     sync.Mutex
	all    bytes.Buffer
	pipe   *io.PipeWriter
	ready  chan string
	closed chan struct{}
}

func newLines() *lines {
	reader, writer := io.Pipe()
	const plenty = 10_000
	l := &lines{pipe: writer, ready: make(chan string, plenty), closed: make(chan struct{})}
	go func() {
		defer close(l.closed)
		defer close(l.ready)
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			l.ready <- scanner.Text()
		}
	}()
	return l
}

func (l *lines) Write(data []byte) (int, error) {
	l.mu.Lock()
	l.all.Write(data)
	l.mu.Unlock()
	return l.pipe.Write(data)
}

func (l *lines) close() {
	_ = l.pipe.Close()
	<-l.closed
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// next gives the next line that has the text in it; the others are passed over.
func (r *running) next(from *lines, text string) string {
	r.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-from.ready:
			require.True(r.t, ok, "the process ended without saying %q", text)
			if strings.Contains(line, text) {
				return line
			}
		case <-timeout:
			require.FailNow(r.t, "the process does not say "+text)
		}
	}
}

// service is a webhookd that serves.
type service struct {
	*running

	HTTP string `json:"http"`
	NATS string `json:"nats"`

	WebSocket string `json:"nats_websocket"` // "" without one
}

// serve starts a service on free ports, waits until it serves, and says where.
func startService(t *testing.T, environ []string, args ...string) *service {
	t.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0", "--log-format", "json"}, args...)
	s := &service{running: start(t, environ, args...)}
	require.NoError(t, json.Unmarshal([]byte(s.next(s.stderr, `"msg":"serving"`)), s))
	require.NotEmpty(t, s.HTTP)
	t.Cleanup(func() { s.requireReadableStream() }) // before the process is ended
	return s
}
