package httpapi

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lingerTime and lingerBytes bound how long and how much we go on reading from a client that was answered before
	// it had sent everything. Closing at once would make the kernel reset the connection, and the client might never
	// see the answer.
	lingerTime  = 5 * time.Second
	lingerBytes = 64 << 20
	// silentGrace is how long a connection that has not sent a byte is kept when the server stops: a request may be on
	// its way, but browsers also open connections that they never use.
	silentGrace = 200 * time.Millisecond
)

// connections is a listener that knows its open connections. fasthttp's own shutdown waits for connections that have
// never sent a byte, and never closes any by force.
type connections struct {
	net.Listener
	readTimeout time.Duration
	closeOnce   sync.Once
	closeErr    error

	mu       sync.Mutex
	open     map[*connection]struct{}
	stopping time.Time // until when silent connections are kept; zero while the server runs
}

func newConnections(ln net.Listener, readTimeout time.Duration) *connections {
	return &connections{Listener: ln, readTimeout: readTimeout, open: map[*connection]struct{}{}}
}

// Accept gives the next connection.
func (l *connections) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // fasthttp tells a closed listener by its error
	}
	c := &connection{Conn: raw, owner: l}
	l.mu.Lock()
	l.open[c] = struct{}{}
	l.mu.Unlock()
	return c, nil
}

// Close closes the listener; a second time it does nothing.
func (l *connections) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.Listener.Close() })
	return l.closeErr
}

// stopAccepting closes the listener and gives connections that have never sent a byte a short time to do so.
func (l *connections) stopAccepting() error {
	l.mu.Lock()
	l.stopping = time.Now().Add(silentGrace)
	for c := range l.open {
		if !c.heard {
			_ = c.Conn.SetReadDeadline(l.stopping) // fails only on a connection that is closed already
		}
	}
	l.mu.Unlock()
	return l.Close()
}

// cut closes every connection that is left.
func (l *connections) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Conn.Close()
	}
}

// connection is one client's connection.
type connection struct {
	net.Conn
	owner  *connections
	heard  bool // a byte has come in; guarded by owner.mu
	known  bool // the same, for the one goroutine that reads
	linger atomic.Bool
}

// Read reads from the client.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.known {
		c.known = true
		c.owner.mu.Lock()
		c.heard = true
		if !c.owner.stopping.IsZero() {
			_ = c.Conn.SetReadDeadline(time.Now().Add(c.owner.readTimeout))
		}
		c.owner.mu.Unlock()
	}
	return n, err //nolint:wrapcheck // it stands in for the connection, errors and all
}

// SetReadDeadline sets until when reads may take.
func (c *connection) SetReadDeadline(t time.Time) error {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	if stopping := c.owner.stopping; !stopping.IsZero() && !c.heard {
		t = stopping
	}
	return c.Conn.SetReadDeadline(t) //nolint:wrapcheck // it stands in for the connection, errors and all
}

// SetWriteDeadline sets until when writes may take. It never fails: fasthttp 1.51 panics, and so ends the process, when
// it does, as on a connection that a stop has just closed. The write that follows fails well enough by itself.
func (c *connection) SetWriteDeadline(t time.Time) error {
	_ = c.Conn.SetWriteDeadline(t)
	return nil
}

// SetDeadline sets both deadlines. It never fails either.
func (c *connection) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// Close closes the connection. Where the client may still be sending, it is told that nothing more will come and read
// to its end first.
func (c *connection) Close() error {
	if c.linger.CompareAndSwap(true, false) {
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
			_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
		}
	}
	c.owner.mu.Lock()
	delete(c.owner.open, c)
	c.owner.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // it stands in for the connection, errors and all
}
