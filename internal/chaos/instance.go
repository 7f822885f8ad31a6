//go:build unix

package chaos

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// instance is one webhookd. It keeps its directory, with the spool in it, over all restarts. As under a service manager,
// one that ends by itself is started again; that is counted, and one that had begun to serve must not.
type instance struct {
	name    string
	address string
	dir     string
	program string
	args    []string

	mu      sync.Mutex
	server  *process
	killed  *process // the last one that we ended
	wanted  bool
	served  bool // the present process has answered
	crashed int  // how often it ended by itself after it had begun to serve
	refused int  // how often it ended by itself before: what it needs was away
}

const restartAfter = 250 * time.Millisecond

func newInstance(
	ctx context.Context, number int, program, dir, databaseURL, natsURL string, settle time.Duration,
) (*instance, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("webhookd-%d", number)
	return &instance{
		name: name, address: address, dir: filepath.Join(dir, name), program: program,
		args: []string{
			"serve", "--listen", address, "--data-dir", filepath.Join(dir, name), "--database-url", databaseURL,
			"--nats-url", natsURL, "--nats-replicas", "3", "--settle-delay", settle.String(), "--log-format", "json",
		},
	}, nil
}

func (i *instance) url() string { return "http://" + i.address }

func (i *instance) log() string { return i.dir + ".log" }

// run keeps the instance up whenever it is wanted, until ctx ends.
func (i *instance) run(ctx context.Context) error {
	for ctx.Err() == nil {
		i.mu.Lock()
		if i.wanted && i.server == nil {
			server, err := launch(i.name, i.log(), nil, i.program, i.args...)
			if err != nil {
				i.mu.Unlock()
				return err
			}
			i.server, i.served = server, false
		}
		server := i.server
		i.mu.Unlock()
		if server == nil {
			_ = pause(ctx, pollEvery)
			continue
		}
		if i.watch(ctx, server) {
			_ = pause(ctx, restartAfter)
		}
	}
	return nil
}

// watch looks after a process for a moment; it is true when that has ended.
func (i *instance) watch(ctx context.Context, server *process) (ended bool) {
	i.mu.Lock()
	served := i.served
	i.mu.Unlock()
	if !served && ask(ctx, i.url()+"/healthz") {
		i.mu.Lock()
		i.served = true
		i.mu.Unlock()
	}
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	case <-server.ended:
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.server == server {
		i.server = nil
		switch {
		case server == i.killed:
		case i.served:
			i.crashed++
		default:
			i.refused++
		}
	}
	return true
}

// want says whether the instance is to be up.
func (i *instance) want(up bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.wanted = up
}

// use says which program the instance is from its next start on.
func (i *instance) use(program string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.program = program
}

// kill ends the instance as a power cut would, and leaves it down.
func (i *instance) kill() error { return i.end(syscall.SIGKILL) }

// end ends the instance with a signal, waits until it is gone, and leaves it down.
func (i *instance) end(how syscall.Signal) error {
	i.mu.Lock()
	i.wanted = false
	server := i.server
	i.killed = server
	i.mu.Unlock()
	if server == nil {
		return nil
	}
	if err := server.stop(how); err != nil {
		return err
	}
	if how == syscall.SIGTERM && server.err != nil {
		return fmt.Errorf("end %s: %w (see %s)", i.name, server.err, i.log())
	}
	return nil
}

// ready waits until the instance answers.
func (i *instance) ready(ctx context.Context) error {
	for !ask(ctx, i.url()+"/readyz") {
		if err := pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("wait for %s: %w (see %s)", i.name, err, i.log())
		}
	}
	return nil
}

// ask says whether something is answered with 200.
func ask(ctx context.Context, url string) bool {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
