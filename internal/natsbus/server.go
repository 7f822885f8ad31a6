package natsbus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Errors of Config.Listen.
var (
	// ErrListen says that the embedded server cannot have its address: it is taken, or not one of this machine.
	ErrListen = errors.New("nats address cannot be listened on")
	// ErrNotLoopback says that the embedded server's address can be reached from elsewhere. It has no users or no
	// certificate.
	ErrNotLoopback = errors.New("embedded nats without users and certificate listens on a loopback address only")
)

const readyTimeout = 20 * time.Second

// startServer runs a NATS server with JetStream inside this process.
//
// SyncAlways is on. nats-server v2.15 answers a publish to a stream with one replica after the write to the file but
// before its fsync, which comes every two minutes (filestore.go: writeMsgRecordLocked flushes with write(2) where the
// stream has no Raft log, and flushPendingMsgsLocked calls Sync only with SyncAlways). That outlives a SIGKILL of this
// process, for the pages are the kernel's by then, but not a power cut or a crash of the machine. The relay moves on
// with the PubAck and never sends the row again, so a PubAck has to mean "on disk".
func startServer(config Config, password string) (*server.Server, error) {
	guarded := len(config.Users) > 0 && config.TLS != nil
	host, port, err := listenAddress(config.Listen, guarded)
	if err != nil {
		return nil, err
	}
	if config.StoreDir == "" {
		return nil, errors.New("start nats: no store directory")
	}
	options := &server.Options{
		ServerName:             config.Name,
		Host:                   host,
		Port:                   port,
		JetStream:              true,
		StoreDir:               config.StoreDir,
		SyncAlways:             true,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	}
	admit(options, config, password)
	if err := openWebSocket(options, config, guarded); err != nil {
		return nil, err
	}
	embedded, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("start nats: %w", err)
	}
	log := &serverLog{log: config.Logger}
	embedded.SetLoggerV2(log, false, false, false)
	embedded.Start()
	if fatal := log.fatal.Load(); fatal != nil {
		embedded.Shutdown()
		embedded.WaitForShutdown()
		// Was it the address, taken since it was tried? The server tells only people.
		for _, listen := range []string{config.Listen, config.WebSocketListen} {
			if _, _, err := listenAddress(listen, guarded); listen != "" && err != nil {
				return nil, err
			}
		}
		return nil, fmt.Errorf("start nats: %s", *fatal)
	}
	if !embedded.ReadyForConnections(readyTimeout) {
		embedded.Shutdown()
		embedded.WaitForShutdown()
		return nil, fmt.Errorf("start nats: not ready after %s", readyTimeout)
	}
	return embedded, nil
}

// listenAddress reads Config.Listen. It tries the address before the server does, because the server opens its store
// first, and another process's store must not be touched. Only a guarded server may be reached by other machines.
func listenAddress(listen string, guarded bool) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", 0, fmt.Errorf("read nats address %q: %w: %w", listen, ErrListen, err)
	}
	if ip := net.ParseIP(host); !guarded && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", 0, fmt.Errorf("read nats address %q: %w", listen, ErrNotLoopback)
	}
	port, err = strconv.Atoi(text)
	if err != nil || port < -1 || port > 65535 {
		return "", 0, fmt.Errorf("read nats address %q: %w: bad port", listen, ErrListen)
	}
	if port <= 0 {
		return host, server.RANDOM_PORT, nil
	}
	probe, err := new(net.ListenConfig).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return "", 0, fmt.Errorf("start nats on %s: %w: %w", listen, ErrListen, err)
	}
	if err := probe.Close(); err != nil {
		return "", 0, fmt.Errorf("start nats on %s: %w: %w", listen, ErrListen, err)
	}
	return host, port, nil
}
