// Package natsbus is the way to NATS: it connects to a cluster, or runs a server of its own inside this process, makes
// the stream and the bucket of design §7, and publishes with a clear answer: on the stream, refused for good, or not
// yet. It knows what a flow.Message is and nothing about calls, outbox or leaders.
package natsbus

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Defaults of Config.
const (
	DefaultListen          = "127.0.0.1:4222"
	DefaultName            = "webhookd"
	DefaultMaxAge          = 7 * 24 * time.Hour
	DefaultDuplicateWindow = 10 * time.Minute
)

// Config says which NATS and what is made there.
type Config struct {
	// URL of the cluster, several separated by commas ("nats://a:4222,nats://b:4222"). Empty: a server is run inside
	// this process.
	URL string
	// Trust is how the servers are checked; nil: by RootCA, or the system's authorities.
	Trust *tls.Config
	// How the cluster is logged in to, and what it is checked by: paths, each of which may be empty. Credentials is a
	// credentials file, Nkey one with the seed of a user, RootCA a PEM file with the cluster's authorities, ClientCert and
	// ClientKey PEM files of a certificate of ours. Only with URL.
	Credentials           string
	Nkey                  string
	RootCA                string
	ClientCert, ClientKey string

	// StoreDir is where the embedded server keeps its streams. It must not be shared with another process.
	StoreDir string
	// Listen is the embedded server's address for other NATS clients, DefaultListen if empty. It must be loopback unless
	// there are Users and TLS. Port 0 or -1 takes a free one, see [Bus.URL].
	Listen string
	// Users may connect to the embedded server; none: everybody may, and sees everything.
	Users []User
	// TLS is how connections to the embedded server are encrypted, those over the WebSocket too; nil: they are not.
	TLS *tls.Config

	// WebSocketListen is the embedded server's address for clients in browsers, with the rules of Listen; empty: none.
	WebSocketListen string
	// WebSocketOrigins are the origins ("https://board.example.com") of the pages that may connect there. None: only
	// clients that are no browsers.
	WebSocketOrigins []string

	// Name of this connection, and of the embedded server, as NATS shows it. DefaultName if empty.
	Name string
	// Replicas of the stream and the bucket when they are made: 1 (also for 0) to 5. Always 1 on the embedded server.
	Replicas int
	// MaxAge is how long the stream keeps an event, DefaultMaxAge if 0.
	MaxAge time.Duration
	// DuplicateWindow is how long the stream knows an event by its id, DefaultDuplicateWindow if 0. It is cut to
	// MaxAge, for NATS takes no longer one.
	DuplicateWindow time.Duration
	// Logger may be nil.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Name == "" {
		c.Name = DefaultName
	}
	if c.Replicas == 0 || c.URL == "" {
		c.Replicas = 1
	}
	if c.MaxAge == 0 {
		c.MaxAge = DefaultMaxAge
	}
	if c.DuplicateWindow == 0 {
		c.DuplicateWindow = DefaultDuplicateWindow
	}
	c.DuplicateWindow = min(c.DuplicateWindow, c.MaxAge)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Bus is one connection to NATS. All methods are safe for concurrent use.
type Bus struct {
	config Config
	log    *slog.Logger
	server *server.Server // nil with a cluster
	// password is that of our own connection to the embedded server, which nobody else knows.
	password string
	conn     *nats.Conn
	js       jetstream.JetStream
	link     *link
	closed   chan struct{} // closed when the connection is, for good
	bucket   atomic.Pointer[bucket]
}

// Open connects. With a URL it does not wait for the cluster and does not fail when that is away: the connection is
// made as soon as it can be, and [Bus.Up] tells of it. Without one, the embedded server is running, with its stream and
// bucket, when Open returns.
//
// It returns ErrListen when the embedded server's address cannot be had and ErrNotLoopback when it must not be.
func Open(ctx context.Context, config Config) (*Bus, error) {
	b := &Bus{config: config.withDefaults(), link: newLink(), closed: make(chan struct{})}
	b.log = b.config.Logger
	if b.config.URL == "" {
		b.password = rand.Text()
		embedded, err := startServer(b.config, b.password)
		if err != nil {
			return nil, err
		}
		b.server = embedded
	}
	if err := b.connect(); err != nil {
		b.stopServer()
		return nil, err
	}
	if b.server != nil {
		if err := b.Prepare(ctx); err != nil {
			return nil, errors.Join(err, b.Close())
		}
	}
	return b, nil
}

func (b *Bus) connect() error {
	urls := b.config.URL
	if b.server != nil {
		urls = "nats://" + b.server.Addr().String() // within the process, where nothing is encrypted
	}
	options, err := b.options()
	if err != nil {
		return err
	}
	conn, err := nats.Connect(urls, options...)
	if err != nil {
		return fmt.Errorf("connect to nats: %w", err)
	}
	b.conn = conn
	if conn.IsConnected() {
		b.link.raise() // the handler's goroutine may come later, and whoever opened the bus may publish now
	}
	b.js, err = jetstream.New(conn,
		jetstream.WithPublishAsyncTimeout(publishTimeout), jetstream.WithPublishAsyncMaxPending(maxUnanswered))
	if err != nil {
		conn.Close()
		<-b.closed
		return fmt.Errorf("open jetstream: %w", err)
	}
	return nil
}

// JetStream is the connection's JetStream context.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// URL is where a client finds this NATS: the embedded server's address, or the cluster's as configured, without user
// and password.
func (b *Bus) URL() string {
	if b.server != nil {
		return b.server.ClientURL()
	}
	return redact(b.config.URL)
}

// WebSocketURL is where clients in browsers find the embedded server; "" without a WebSocket.
func (b *Bus) WebSocketURL() string {
	if b.server == nil || b.config.WebSocketListen == "" {
		return ""
	}
	return b.server.WebsocketURL()
}

// Embedded says whether the server runs inside this process.
func (b *Bus) Embedded() bool { return b.server != nil }

// Up gets a value soon after each connect and reconnect. Values may be merged, and each goes to one receiver only.
func (b *Bus) Up() <-chan struct{} { return b.link.up }

// Connected says whether the connection stands.
func (b *Bus) Connected() bool { return b.link.context().Err() == nil }

// Close sends what was handed over, ends the connection and stops the embedded server. What is published afterwards
// fails.
func (b *Bus) Close() error {
	// Without a connection there is nothing to drain; Close below ends the attempts to get one.
	if err := b.conn.Drain(); err == nil {
		select {
		case <-b.closed:
		case <-time.After(drainTimeout + time.Second):
		}
	}
	b.conn.Close()
	<-b.closed
	b.stopServer()
	return nil
}

func (b *Bus) stopServer() {
	if b.server == nil {
		return
	}
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

// redact leaves out what stands before an @ in each of the URLs.
func redact(urls string) string {
	list := strings.Split(urls, ",")
	for i, one := range list {
		one = strings.TrimSpace(one)
		scheme, rest, found := strings.Cut(one, "://")
		if !found {
			scheme, rest = "nats", one
		}
		if at := strings.LastIndex(rest, "@"); at >= 0 {
			rest = rest[at+1:]
		}
		list[i] = scheme + "://" + rest
	}
	return strings.Join(list, ",")
}
