package main

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
)

// broker is a nats-server process with JetStream: one node, default settings.
type broker struct {
	url    string
	server *process
}

const brokerReady = "Server is ready"

// startBroker starts a nats-server whose streams are in a directory of its own below dir.
func (b *bench) startBroker(ctx context.Context, dir string) (*broker, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	server, err := startProcess(ctx, "nats-server", resident(ctx, b.natsServer,
		"-a", "127.0.0.1", "-p", port, "-js", "-sd", filepath.Join(dir, "nats"), "-n", "bench"))
	if err != nil {
		return nil, err
	}
	n := &broker{url: "nats://127.0.0.1:" + port, server: server}
	err = server.await(ctx, func(line string) bool { return strings.Contains(line, brokerReady) })
	if err != nil {
		_ = n.stop()
		return nil, err
	}
	return n, nil
}

func (n *broker) stop() error { return n.server.stop(syscall.SIGTERM) }
