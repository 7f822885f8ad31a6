//go:build unix

package chaos

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// broker is one node of the NATS cluster.
type broker struct {
	name    string
	address string
	monitor string
	dir     string
	program string
	server  *process
}

const brokerConfig = `server_name: %s
listen: %q
http: %q
jetstream { store_dir: %q, max_memory_store: 64MB, max_file_store: 8GB }
cluster { name: chaos, listen: %q, routes: [%s] }
`

// newBrokers prepares a cluster of so many nodes, none of which is started.
func newBrokers(ctx context.Context, program, dir string, count int) ([]*broker, error) {
	brokers := make([]*broker, count)
	var clients, peers, routes []string
	for i := range brokers {
		b := &broker{name: fmt.Sprintf("nats-%d", i+1), dir: filepath.Join(dir, fmt.Sprintf("nats-%d", i+1)), program: program}
		var cluster string
		for _, address := range []*string{&b.address, &b.monitor, &cluster} {
			found, err := freeAddress(ctx)
			if err != nil {
				return nil, err
			}
			*address = found
		}
		brokers[i], clients, peers = b, append(clients, b.address), append(peers, cluster)
		routes = append(routes, "\"nats://"+cluster+"\"")
	}
	for i, b := range brokers {
		if err := os.MkdirAll(b.dir, 0o700); err != nil {
			return nil, fmt.Errorf("make directory of %s: %w", b.name, err)
		}
		text := fmt.Sprintf(brokerConfig, b.name, clients[i], b.monitor, filepath.Join(b.dir, "store"), peers[i],
			strings.Join(routes, ", "))
		if err := os.WriteFile(b.config(), []byte(text), 0o600); err != nil {
			return nil, fmt.Errorf("configure %s: %w", b.name, err)
		}
	}
	return brokers, nil
}

func (b *broker) config() string { return filepath.Join(b.dir, "nats.conf") }

func (b *broker) log() string { return b.dir + ".log" }

// start starts the node. It does not wait: a node by itself has no quorum.
func (b *broker) start() (err error) {
	b.server, err = launch(b.name, b.log(), nil, b.program, "--config", b.config())
	return err
}

func (b *broker) kill() error { return b.server.stop(syscall.SIGKILL) }

// healthy waits until the node has caught up with the cluster.
func (b *broker) healthy(ctx context.Context) error {
	client := http.Client{Timeout: startPatience}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.monitor+"/healthz", http.NoBody)
		if err != nil {
			return fmt.Errorf("ask %s: %w", b.name, err)
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if b.server.hasEnded() {
			return fmt.Errorf("%s ended by itself (see %s)", b.name, b.log())
		}
		if err := pause(ctx, pollEvery); err != nil {
			return fmt.Errorf("wait for %s: %w", b.name, err)
		}
	}
}

// urls are where the cluster is.
func urls(brokers []*broker) string {
	all := make([]string, len(brokers))
	for i, b := range brokers {
		_, port, _ := net.SplitHostPort(b.address)
		all[i] = "nats://127.0.0.1:" + port
	}
	return strings.Join(all, ",")
}
