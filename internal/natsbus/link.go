package natsbus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrDisconnected says that there is no connection to NATS now, or that it broke before the answer came.
var ErrDisconnected = errors.New("not connected to nats")

const (
	connectTimeout = 2 * time.Second
	reconnectWait  = 250 * time.Millisecond
	pingInterval   = 10 * time.Second // a dead peer is noticed after two unanswered pings
	drainTimeout   = 3 * time.Second
)

// link knows whether the connection stands. Its context ends when the connection breaks, so that nobody waits for an
// answer that cannot come any more.
type link struct {
	up chan struct{}

	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func newLink() *link {
	l := &link{up: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.cancel(ErrDisconnected)
	return l
}

func (l *link) raise() {
	l.mu.Lock()
	if l.ctx.Err() != nil {
		l.ctx, l.cancel = context.WithCancelCause(context.Background())
	}
	l.mu.Unlock()
	select {
	case l.up <- struct{}{}:
	default:
	}
}

func (l *link) drop() {
	l.mu.Lock()
	l.cancel(ErrDisconnected)
	l.mu.Unlock()
}

func (l *link) context() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ctx
}

// bound gives a context for one request: it ends with ctx, after timeout, or when the connection breaks, whichever is
// first. context.Cause tells which.
func (l *link) bound(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancelTimeout := context.WithTimeout(ctx, timeout)
	ctx, cancel := l.whole(ctx)
	return ctx, func() {
		cancel()
		cancelTimeout()
	}
}

// whole gives a context that ends with ctx, or when the connection breaks.
func (l *link) whole(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	standing := l.context()
	if standing.Err() != nil {
		cancel(ErrDisconnected)
	}
	stop := context.AfterFunc(standing, func() { cancel(ErrDisconnected) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

func (b *Bus) options() ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name(b.config.Name),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // an operator may mend a password while we run
		nats.Timeout(connectTimeout),
		nats.ReconnectWait(reconnectWait),
		nats.PingInterval(pingInterval),
		nats.DrainTimeout(drainTimeout),
		// Nothing is kept in memory for later: what cannot be sent now fails now, and whoever wanted it sent still has
		// it in the database.
		nats.ReconnectBufSize(-1),
		nats.ConnectHandler(func(conn *nats.Conn) {
			b.link.raise()
			b.log.Info("nats connected", "server", conn.ConnectedUrlRedacted())
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			b.link.raise()
			b.log.Info("nats reconnected", "server", conn.ConnectedUrlRedacted())
		}),
		nats.DisconnectErrHandler(func(conn *nats.Conn, err error) {
			b.link.drop()
			if !conn.IsClosed() && !conn.IsDraining() {
				b.log.Warn("nats connection lost", "error", err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { b.log.Debug("nats away", "error", err) }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			b.log.Warn("nats error", "subject", subject, "error", err)
		}),
		nats.ClosedHandler(func(*nats.Conn) {
			b.link.drop()
			close(b.closed)
		}),
	}
	if b.server != nil {
		return append(options, nats.InProcessServer(b.server), nats.UserInfo(ownUser, b.password)), nil
	}
	login, err := b.config.Login()
	return append(options, login...), err
}
